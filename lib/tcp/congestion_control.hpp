#pragma once

#include "tcp/config.hpp"
#include "tcp/cubic.hpp"
#include "tcp/hystart.hpp"
#include "tcp/new_reno.hpp"

/// The congestion controls by name. One switch for each event that one hears of: no virtual call.
namespace millrace::tcp {

/// Calls `f(Control{})`.
template <class F>
void with_congestion_control(CongestionAlgorithm algorithm, F&& f) {
    switch (algorithm) {
    case CongestionAlgorithm::new_reno:
        return f(HyStart<NewReno>{});
    case CongestionAlgorithm::cubic:
        return f(HyStart<Cubic>{});
    }
}

inline void congestion_ack(CongestionAlgorithm algorithm, CongestionState& state,
                           CongestionEpoch& epoch, const AckSample& ack) {
    with_congestion_control(algorithm, [&](auto control) { control.on_ack(state, epoch, ack); });
}

inline void congestion_loss(CongestionAlgorithm algorithm, CongestionState& state,
                            CongestionEpoch& epoch, std::uint32_t flight_bytes, std::uint32_t mss) {
    with_congestion_control(
        algorithm, [&](auto control) { control.on_loss(state, epoch, flight_bytes, mss); });
}

inline void congestion_timeout(CongestionAlgorithm algorithm, CongestionState& state,
                               CongestionEpoch& epoch, std::uint32_t flight_bytes,
                               std::uint32_t mss) {
    with_congestion_control(
        algorithm, [&](auto control) { control.on_timeout(state, epoch, flight_bytes, mss); });
}

} // namespace millrace::tcp
