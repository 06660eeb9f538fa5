#pragma once

#include "base/time.hpp"
#include "tcp/config.hpp"

#include <cstdint>

namespace millrace::tcp {

/// Round-trip time and retransmission time-out by RFC 6298. Times are kept in microseconds. The
/// minimum is one for the term of the variance, as in Linux: with a steady round-trip time near the
/// minimum, a peer that delays an acknowledgement would else cause a time-out.
struct RttEstimator {
    std::uint32_t srtt_us = 0; ///< 0: no sample yet.
    std::uint32_t rttvar_us = 0;
    std::uint32_t rto_us = 1'000'000;
    std::uint32_t min_us = UINT32_MAX; ///< The least of the last minutes (RFC 8985 §6.2 step 1).
    std::uint32_t min_at_ms = 0;       ///< When that was.

    /// Takes one measurement of a segment that was not retransmitted (Karn).
    void sample(Duration rtt, const Config& config);

    /// Takes one round-trip time into the windowed minimum, on the 1 ms clock.
    void note_minimum(std::uint32_t rtt_us, std::uint32_t now_ms);

    /// Doubles the time-out, up to the maximum (RFC 6298 §5.5).
    void back_off(const Config& config);

    /// Takes the back-off back.
    void restore(const Config& config);

    /// True when the time-out is longer than the measurements ask for.
    [[nodiscard]] bool backed_off(const Config& config) const;

    [[nodiscard]] Duration rto() const { return std::chrono::microseconds{rto_us}; }
};

} // namespace millrace::tcp
