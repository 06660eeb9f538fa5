#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace millrace::runtime {

/// What a worker does when nothing comes.
enum class IdleMode : std::uint8_t {
    adaptive, ///< Poll, then pause, then sleep: gives the core back.
    poll,     ///< Always poll: lowest latency, a whole core.
};

/// What to do between one poll and the next.
enum class IdleStep : std::uint8_t {
    poll,  ///< At once.
    pause, ///< After a short rest of the core, still awake.
    sleep, ///< After `sleep_length`.
};

/// Decides how a worker rests. After the last work it stays awake for a moment, polling and then
/// pausing; then it sleeps, each time for a quarter of how long it has been quiet, up to the
/// permitted latency. So what comes after a short silence waits little, and a long silence costs
/// little. Pure: owns no clock and never waits.
class IdlePolicy {
  public:
    /// `latency_max` is how long a packet may wait because its worker rests.
    IdlePolicy(IdleMode mode, Duration latency_max)
        : mode_{mode}, latency_max_{latency_max}, awake_{std::min(latency_max, awake_max)} {}

    /// After the poll begun at `now` that did `work` (packets, timers, messages; 0: nothing).
    [[nodiscard]] IdleStep after_poll(Instant now, std::size_t work);

    /// How long to sleep at `now` when the next timer is due at `deadline` (`never`: none). Zero
    /// when the deadline is too near for a sleep to end in time: poll again.
    [[nodiscard]] Duration sleep_length(Instant now, Instant deadline) const;

    /// It stays awake for as long as a sleep and its wake-up may cost, give or take: half of it
    /// polling, half pausing.
    static constexpr Duration awake_max = 100us;

    /// A sleep shorter than this costs more than it saves.
    static constexpr Duration sleep_min = 5us;

  private:
    IdleMode mode_;
    Duration latency_max_;
    Duration awake_;
    Instant last_work_ = Instant::min();
};

} // namespace millrace::runtime
