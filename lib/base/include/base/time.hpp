#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

/// The worker's clock. It has no now(): the time is read once per poll by `runtime` (or made up by
/// a simulation) and handed down, so nothing below `runtime` can read a clock.
struct WorkerClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<WorkerClock>;
    static constexpr bool is_steady = true;
};

/// A span of time in nanoseconds.
using Duration = WorkerClock::duration;

/// A point in time in nanoseconds since an arbitrary start; never goes back.
using Instant = WorkerClock::time_point;

/// The instant that never comes: a deadline that is not set.
inline constexpr Instant never = Instant::max();

[[nodiscard]] constexpr double to_seconds(Duration length) {
    return std::chrono::duration<double>{length}.count();
}

using namespace std::chrono_literals;

} // namespace millrace
