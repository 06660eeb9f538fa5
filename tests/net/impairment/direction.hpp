#pragma once

#include "bottleneck.hpp"
#include "impairments.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::impairment {

using Frame = std::vector<std::byte>;

/// What has happened to the frames of one direction.
struct DirectionCounters {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    std::uint64_t queue_dropped = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t corrupted = 0;
    std::uint64_t marked = 0;
    std::uint64_t delivered = 0;

    /// One line of JSON.
    [[nodiscard]] std::string to_json(std::string_view direction) const;
};

/// One direction of a link: a bottleneck, and behind it a wire that loses, delays and damages. What
/// the wire does to the n-th frame that enters depends on seed and n alone, not on its time or
/// length.
class Direction {
  public:
    Direction(std::uint64_t seed, const Impairments& impairments)
        : random_{seed}, impairments_{impairments}, bottleneck_{impairments.rate_bits_per_second,
                                                                impairments.queue_bytes} {}

    /// A frame that arrived at `now`, which does not go back.
    void enter(Frame frame, Instant now);

    /// When the next frame leaves, or `never`.
    [[nodiscard]] Instant next_departure() const {
        return under_way_.empty() ? never : under_way_.top().at;
    }

    /// Takes the frames that have left by `now`, the earliest first, at most `most`.
    [[nodiscard]] std::vector<Frame> take(Instant now, std::size_t most);

    [[nodiscard]] const DirectionCounters& counters() const { return counters_; }

  private:
    /// What the dice say of one frame: always as many throws, so that frames do not change each
    /// other's fate.
    struct Fate {
        bool lost;
        bool duplicated;
        bool reordered;
        bool corrupted;
        bool marked;
        double jitter; ///< Of the most there is, 0 to 1.
        double where;  ///< Of the bits that may be damaged, 0 to 1.
    };

    struct UnderWay {
        Instant at{};
        std::uint64_t order = 0; ///< Of entering: frames that leave at one time keep it.
        Frame frame;

        [[nodiscard]] bool operator>(const UnderWay& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    [[nodiscard]] double throw_dice();
    [[nodiscard]] Fate draw_fate();
    [[nodiscard]] Instant departure(const Fate& fate, Instant left_bottleneck);
    void corrupt(Frame& frame, double where);
    void mark(Frame& frame);
    void send(Frame frame, Instant at);

    std::mt19937_64 random_;
    Impairments impairments_;
    Bottleneck bottleneck_;
    DirectionCounters counters_;
    Instant last_in_order_{};
    std::uint64_t order_ = 0;
    std::priority_queue<UnderWay, std::vector<UnderWay>, std::greater<>> under_way_;
};

} // namespace millrace::impairment
