#pragma once

#include "base/time.hpp"

#include <chrono>
#include <cstdint>

/// Times in the 32 bits in which they are kept and sent. They wrap; differences are taken modulo
/// 2^32.
namespace millrace::tcp {

/// The 1 ms clock behind our timestamps (RFC 7323 §5.4).
[[nodiscard]] inline std::uint32_t timestamp_clock(Instant now) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) /
                                      1'000'000);
}

/// A duration of less than 49 days, in ms.
[[nodiscard]] inline std::uint32_t milliseconds(Duration duration) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// True when the timestamp `a` is older than `b` (RFC 7323 §5.2).
[[nodiscard]] inline bool is_older(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

/// Whether something was done `interval` ago or longer, when `last_ms` says, or never (0). It has
/// been done at `now` then: `last_ms` is set.
[[nodiscard]] inline bool take_turn(std::uint32_t& last_ms, Instant now, Duration interval) {
    const std::uint32_t clock = timestamp_clock(now);
    // One is added, as `last_ms` can be one ahead in the clock's first millisecond.
    if (last_ms != 0 && clock + 1 - last_ms <= milliseconds(interval)) {
        return false;
    }
    last_ms = clock == 0 ? 1 : clock;
    return true;
}

} // namespace millrace::tcp
