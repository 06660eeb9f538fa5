#pragma once

#include "tcp/cubic.hpp"

#include <cstdint>

namespace millrace::tcp {

/// A sender whose every flight fills cwnd, seen by Cubic alone.
struct CubicSender {
    CongestionState state{};
    CongestionEpoch epoch{};
    std::uint32_t mss = 1000;
    std::uint32_t rtt_us = 100'000;
    std::uint32_t now_us = 0;
    bool cwnd_limited = true;

    void ack(std::uint32_t bytes) {
        Cubic::on_ack(state, epoch,
                      {.acked_bytes = bytes,
                       .mss = mss,
                       .srtt_us = rtt_us,
                       .now_us = now_us,
                       .cwnd_limited = cwnd_limited});
    }

    /// A round trip, with `acks` acknowledgements evenly in it.
    void round_trip(std::uint32_t acks = 10) {
        const std::uint32_t bytes = state.cwnd / acks;
        for (std::uint32_t i = 0; i < acks; ++i) {
            now_us += rtt_us / acks;
            ack(bytes);
        }
    }

    void round_trips(int count) {
        for (int i = 0; i < count; ++i) {
            round_trip();
        }
    }

    /// A loss, found and repaired at once.
    void lose() {
        Cubic::on_loss(state, epoch, state.cwnd, mss);
        state.cwnd = state.ssthresh;
    }

    void time_out() { Cubic::on_timeout(state, epoch, state.cwnd, mss); }

    [[nodiscard]] std::uint32_t segments() const { return state.cwnd / mss; }
};

} // namespace millrace::tcp
