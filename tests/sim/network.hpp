#pragma once

#include "base/time.hpp"
#include "support/memory_nic.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <vector>

namespace millrace::sim {

/// What a link does to frames. Probabilities are for each frame.
struct Impairments {
    double loss = 0;
    double duplication = 0;
    double reordering = 0;  ///< The frame is overtaken by those of the next `reordering_delay`.
    double marking = 0;     ///< Congestion is notified of (RFC 3168) where the frame allows it.
    double corruption = 0;  ///< One burst of at most 15 bits behind the Ethernet header.
    Duration delay = 1ms;   ///< One way.
    std::size_t mtu = 1500; ///< Longer packets are lost in silence: no ICMP comes back.
    Duration reordering_delay = 3ms;
};

/// What has happened on a link.
struct LinkCounters {
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t marked = 0;
    std::uint64_t corrupted = 0;
    std::uint64_t too_long = 0;
};

/// Frames under way between two hosts, in order of their arrival; what happens to each is drawn
/// from one seed.
class Network {
  public:
    struct Arrival {
        Instant at{};
        std::uint64_t order = 0; ///< Of sending, so that frames with one arrival time keep it.
        unsigned to = 0;         ///< The host: 0 or 1.
        support::Frame frame;

        [[nodiscard]] bool operator>(const Arrival& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    Network(std::uint64_t seed, const Impairments& impairments)
        : random_{seed}, impairments_{impairments} {}

    /// A host sends a frame; it may arrive never, once or twice, later than others, or damaged.
    void send(unsigned from, support::Frame frame, Instant now);

    /// When the next frame arrives, or `never`.
    [[nodiscard]] Instant next_arrival() const { return under_way_.empty() ? never : top().at; }

    /// The next frame that has arrived by `now`.
    [[nodiscard]] std::optional<Arrival> take(Instant now);

    [[nodiscard]] const LinkCounters& counters() const { return counters_; }

  private:
    [[nodiscard]] const Arrival& top() const { return under_way_.top(); }
    [[nodiscard]] bool happens(double probability);
    void mark(support::Frame& frame);
    void corrupt(support::Frame& frame);
    void put(unsigned to, support::Frame frame, Instant at);

    std::mt19937_64 random_;
    Impairments impairments_;
    LinkCounters counters_;
    std::uint64_t order_ = 0;
    std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> under_way_;
};

} // namespace millrace::sim
