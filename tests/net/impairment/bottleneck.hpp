#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace::impairment {

/// A line of one rate behind a queue that drops what it has no room for. It keeps no frames: as
/// they leave in order, the time when the line is free again says how many wait.
class Bottleneck {
  public:
    Bottleneck(std::uint64_t bits_per_second, std::size_t queue_bytes)
        : bits_per_second_{bits_per_second}, queue_bytes_{queue_bytes} {}

    /// When a frame that comes `now` has left the line, or nothing when the queue is full.
    [[nodiscard]] std::optional<Instant> enter(std::size_t bytes, Instant now) {
        if (bits_per_second_ == 0) {
            return now;
        }
        const Duration waiting = std::max(free_at_ - now, Duration{});
        if (waiting > Duration{} && waiting + time_for(bytes) > time_for(queue_bytes_)) {
            return std::nullopt;
        }
        free_at_ = now + waiting + time_for(bytes);
        return free_at_;
    }

  private:
    [[nodiscard]] Duration time_for(std::size_t bytes) const {
        return Duration{static_cast<std::int64_t>(8e9 * static_cast<double>(bytes) /
                                                  static_cast<double>(bits_per_second_))};
    }

    std::uint64_t bits_per_second_;
    std::size_t queue_bytes_;
    Instant free_at_{};
};

} // namespace millrace::impairment
