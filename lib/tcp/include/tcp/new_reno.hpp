#pragma once

#include "tcp/congestion.hpp"

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

/// RFC 5681, with appropriate byte counting (RFC 3465, L = 2 segments).
struct NewReno {
    static void on_ack(CongestionState& state, std::uint32_t acked, std::uint32_t mss) {
        if (state.in_slow_start()) {
            state.cwnd += std::min(acked, 2 * mss);
            return;
        }
        state.avoided += acked;
        if (state.avoided >= state.cwnd) {
            state.avoided -= state.cwnd;
            state.cwnd += mss;
        }
    }

    static void on_loss(CongestionState& state, std::uint32_t flight, std::uint32_t mss) {
        state.ssthresh = std::max(flight / 2, 2 * mss);
        state.avoided = 0;
    }

    static void on_timeout(CongestionState& state, std::uint32_t flight, std::uint32_t mss) {
        on_loss(state, flight, mss);
        state.cwnd = mss;
    }
};

static_assert(CongestionControl<NewReno>);

} // namespace millrace::tcp
