#pragma once

#include "tcp/congestion.hpp"

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

/// RFC 5681, with appropriate byte counting (RFC 3465, L = 2 segments).
struct NewReno {
    static void on_ack(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack) {
        if (!ack.cwnd_limited) {
            return;
        }
        if (state.in_slow_start()) {
            grow_in_slow_start(state, ack.acked_bytes, 2 * ack.mss);
            return;
        }
        epoch.avoided += std::min(ack.acked_bytes, state.cwnd);
        if (epoch.avoided >= state.cwnd) {
            epoch.avoided -= state.cwnd;
            state.cwnd = std::min(state.cwnd + ack.mss, cwnd_max);
        }
    }

    static void on_loss(CongestionState& state, CongestionEpoch& epoch, std::uint32_t flight_bytes,
                        std::uint32_t mss) {
        state.ssthresh = std::max(flight_bytes / 2, 2 * mss);
        epoch.avoided = 0;
    }

    static void on_timeout(CongestionState& state, CongestionEpoch& epoch,
                           std::uint32_t flight_bytes, std::uint32_t mss) {
        on_loss(state, epoch, flight_bytes, mss);
        state.cwnd = mss;
    }
};

static_assert(CongestionControl<NewReno>);

} // namespace millrace::tcp
