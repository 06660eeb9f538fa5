#pragma once

#include <concepts>
#include <cstdint>

namespace millrace::tcp {

/// What every congestion control keeps for a connection. All in bytes.
struct CongestionState {
    std::uint32_t cwnd = 0;
    std::uint32_t ssthresh = UINT32_MAX;
    std::uint32_t avoided = 0; ///< Acknowledged in congestion avoidance since cwnd last grew.

    [[nodiscard]] bool in_slow_start() const { return cwnd < ssthresh; }
};

/// An algorithm that decides how cwnd moves; finding losses and repairing them is not its business.
/// `mss` is the sender's maximum segment size, `flight` what is sent and not acknowledged, in
/// bytes.
template <class C>
concept CongestionControl = requires(CongestionState& state, std::uint32_t acked,
                                     std::uint32_t flight, std::uint32_t mss) {
    /// New data was acknowledged outside of recovery, and cwnd had been the limit.
    C::on_ack(state, acked, mss);
    /// A loss was found: sets ssthresh; cwnd in recovery is the recovery's to set.
    C::on_loss(state, flight, mss);
    /// The retransmission timer went off for the first time: sets ssthresh and cwnd.
    C::on_timeout(state, flight, mss);
};

} // namespace millrace::tcp
