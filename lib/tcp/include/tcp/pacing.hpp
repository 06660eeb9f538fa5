#pragma once

#include "base/time.hpp"
#include "tcp/congestion.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

/// Pacing: segments leave at a rate somewhat above what cwnd makes of a round trip, so that cwnd
/// stays the limit, but not all of it at once. The rates are Linux's.
namespace millrace::tcp {

inline constexpr std::uint32_t pacing_percent_slow_start = 200;
inline constexpr std::uint32_t pacing_percent_avoidance = 120;

/// What may go at once: so much time's worth of the rate, and two segments at least.
inline constexpr Duration pacing_burst = 1ms;

/// How long `bytes`, at most 128 KiB, take at the rate of cwnd, or of what is in flight if that is
/// more, in a round trip.
[[nodiscard]] inline Duration pacing_time(const CongestionState& state, std::uint32_t flight_bytes,
                                          std::uint32_t srtt_us, std::uint32_t bytes) {
    // Well before ssthresh is reached, or it would be overshot.
    const std::uint32_t percent =
        state.cwnd < state.ssthresh / 2 ? pacing_percent_slow_start : pacing_percent_avoidance;
    const std::uint64_t window = std::max({state.cwnd, flight_bytes, 1U});
    return std::chrono::nanoseconds{std::uint64_t{bytes} * srtt_us * 1000 / window * 100 / percent};
}

} // namespace millrace::tcp
