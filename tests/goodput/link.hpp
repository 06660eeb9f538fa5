#pragma once

#include "base/time.hpp"
#include "support/memory_nic.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <vector>

namespace millrace::goodput {

/// What a path does to the frames of its data direction. The other direction has the same delay and
/// rate, and loses and reorders nothing.
struct LinkSettings {
    double loss = 0;       ///< The probability of each frame.
    double reordering = 0; ///< The probability that a frame takes `detour` longer.
    Duration round_trip = 20ms;
    Duration detour{};
    std::uint64_t bits_per_second = 20'000'000;
    std::uint32_t queue_bytes = 100'000; ///< Before the bottleneck; what finds it full is dropped.
};

/// Two hosts on a path with a bottleneck in each direction, in virtual time. Host 1 sends the data.
class Link {
  public:
    struct Arrival {
        Instant at{};
        std::uint64_t order = 0; ///< Of sending, so that frames with one arrival time keep it.
        unsigned to = 0;
        support::Frame frame;

        [[nodiscard]] bool operator>(const Arrival& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    Link(std::uint64_t seed, const LinkSettings& settings) : random_{seed}, settings_{settings} {}

    void send(unsigned from, support::Frame frame, Instant now);

    /// When the next frame arrives, or `never`.
    [[nodiscard]] Instant next_arrival() const {
        return under_way_.empty() ? never : under_way_.top().at;
    }

    /// The next frame that has arrived by `now`.
    [[nodiscard]] std::optional<Arrival> take(Instant now);

  private:
    [[nodiscard]] bool happens(double probability);
    [[nodiscard]] Duration time_of(std::uint64_t bytes) const;

    std::mt19937_64 random_;
    LinkSettings settings_;
    std::uint64_t order_ = 0;
    Instant busy_until_[2] = {};
    std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> under_way_;
};

} // namespace millrace::goodput
