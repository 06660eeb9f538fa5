#pragma once

#include "tcp/congestion.hpp"

#include <cstdint>

namespace millrace::tcp {

/// CUBIC (RFC 9438) with C = 0.4, beta = 0.7 and fast convergence, in bytes, milliseconds and
/// integers. Names are the RFC's. Slow start is RFC 5681's; HyStart<Cubic> has the other.
///
/// A stage of congestion avoidance begins with the first acknowledgement that cwnd limited and ends
/// with a loss, or with the flight: what begins next computes K from cwnd, so that below W_max it
/// climbs on along the same curve, and above it begins a new one from a plateau (K = 0).
///
/// cwnd_prior is not kept. ssthresh / beta says the same as long as the flight filled cwnd, and
/// less when it did not, which is what the path had really borne.
struct Cubic {
    static void on_ack(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack);
    static void on_loss(CongestionState& state, CongestionEpoch& epoch, std::uint32_t flight_bytes,
                        std::uint32_t mss);
    static void on_timeout(CongestionState& state, CongestionEpoch& epoch,
                           std::uint32_t flight_bytes, std::uint32_t mss);

    /// W_cubic at `phase_ms` = t - K: off by less than a byte, towards W_max. At most `cwnd_max`.
    [[nodiscard]] static std::uint32_t window(std::uint32_t w_max, std::uint32_t mss,
                                              std::int64_t phase_ms);

    /// K, rounded up to a millisecond, so that the curve does not begin above cwnd; 0 from W_max
    /// on.
    [[nodiscard]] static std::int32_t k_ms(std::uint32_t w_max, std::uint32_t cwnd,
                                           std::uint32_t mss);
};

static_assert(CongestionControl<Cubic>);

/// The largest integer whose cube is not above `value`: exact, at most 2,642,245.
[[nodiscard]] std::uint32_t cube_root(std::uint64_t value);

} // namespace millrace::tcp
