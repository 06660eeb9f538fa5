#include "tcp/cubic.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

/// The cube root of 2^64, rounded down. No K is longer (44 minutes), and so much later W_cubic is
/// far above `cwnd_max`, even with segments of one byte: time stops to count there.
constexpr std::int64_t phase_max_ms = 2'642'245;

/// (1000 ms)^3 / C, with C = 0.4 segments per second cubed.
constexpr std::uint64_t cubic_ms_per_segment = 2'500'000'000;

/// alpha = 3 (1 - beta) / (1 + beta) = 0.9 / 1.7.
constexpr std::uint64_t alpha_dividend = 9;
constexpr std::uint64_t alpha_divisor = 17;

/// beta times `bytes`.
std::uint32_t reduced(std::uint32_t bytes) {
    return static_cast<std::uint32_t>(std::uint64_t{bytes} * 7 / 10);
}

std::uint32_t capped(std::uint64_t window) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(window, cwnd_max));
}

bool in_stage(const CongestionEpoch& epoch) {
    return epoch.w_est != 0;
}

void end_stage(CongestionEpoch& epoch) {
    epoch.w_est = 0;
}

void begin_stage(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack) {
    // Slow start that ended without a loss: cwnd_prior = cwnd (RFC 9438 §4.10).
    epoch.reno_rate = state.w_max == 0;
    state.w_max = std::max(state.w_max, state.cwnd);
    epoch.phase_ms = -Cubic::k_ms(state.w_max, state.cwnd, ack.mss);
    epoch.counted_us = ack.now_us;
    epoch.w_est = state.cwnd;
    epoch.w_est_rest = 0;
    epoch.avoided = 0;
}

/// t goes on by whole milliseconds; the rest waits in `counted_us`. What passed since the last
/// acknowledgement does not count when cwnd was not the limit (RFC 9438 §4.2, §5.8).
void count_time(CongestionEpoch& epoch, const AckSample& ack) {
    if (!ack.cwnd_limited) {
        epoch.counted_us = ack.now_us;
        return;
    }
    const std::uint32_t passed_ms = (ack.now_us - epoch.counted_us) / 1000;
    epoch.counted_us += passed_ms * 1000;
    epoch.phase_ms =
        static_cast<std::int32_t>(std::min(std::int64_t{epoch.phase_ms} + passed_ms, phase_max_ms));
}

/// RFC 9438 §4.3, figure 4.
void grow_estimate(const CongestionState& state, CongestionEpoch& epoch, std::uint32_t acked_bytes,
                   std::uint32_t mss) {
    const std::uint32_t cwnd_prior = capped(std::uint64_t{state.ssthresh} * 10 / 7);
    std::uint64_t growth = std::uint64_t{acked_bytes} * mss;
    if (!epoch.reno_rate && epoch.w_est < cwnd_prior) {
        growth = growth * alpha_dividend / alpha_divisor;
    }
    growth += epoch.w_est_rest;
    epoch.w_est = capped(epoch.w_est + growth / state.cwnd);
    epoch.w_est_rest = static_cast<std::uint32_t>(growth % state.cwnd);
}

/// RFC 9438 §4.4 and §4.5: by (target - cwnd) / cwnd for each segment acknowledged.
void approach_target(CongestionState& state, CongestionEpoch& epoch, std::uint32_t acked_bytes,
                     const AckSample& ack) {
    const std::uint32_t next_rtt =
        Cubic::window(state.w_max, ack.mss, std::int64_t{epoch.phase_ms} + ack.srtt_us / 1000);
    const std::uint32_t steepest = capped(std::uint64_t{state.cwnd} * 3 / 2);
    const std::uint32_t target = std::max(state.cwnd, std::min(next_rtt, steepest));
    const std::uint64_t growth = std::uint64_t{target - state.cwnd} * acked_bytes + epoch.avoided;
    epoch.avoided = static_cast<std::uint32_t>(growth % state.cwnd);
    state.cwnd += static_cast<std::uint32_t>(growth / state.cwnd);
}

} // namespace

void Cubic::on_ack(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack) {
    if (state.in_slow_start()) {
        end_stage(epoch);
        if (ack.cwnd_limited) {
            grow_in_slow_start(state, ack.acked_bytes, 2 * ack.mss);
        }
        return;
    }
    if (in_stage(epoch)) {
        count_time(epoch, ack);
    } else if (ack.cwnd_limited) {
        begin_stage(state, epoch, ack);
    }
    if (!ack.cwnd_limited) {
        return;
    }
    const std::uint32_t acked_bytes = std::min(ack.acked_bytes, state.cwnd);
    grow_estimate(state, epoch, acked_bytes, ack.mss);
    if (window(state.w_max, ack.mss, epoch.phase_ms) < epoch.w_est) {
        // The Reno-friendly region. cwnd may have been ahead, on its way to a target, and waits.
        state.cwnd = std::max(state.cwnd, epoch.w_est);
    } else {
        approach_target(state, epoch, acked_bytes, ack);
    }
}

void Cubic::on_loss(CongestionState& state, CongestionEpoch& epoch, std::uint32_t flight_bytes,
                    std::uint32_t mss) {
    // Fast convergence (RFC 9438 §4.7): below the last W_max, (1 + beta) / 2 of cwnd.
    state.w_max = state.cwnd < state.w_max
                      ? static_cast<std::uint32_t>(std::uint64_t{state.cwnd} * 17 / 20)
                      : state.cwnd;
    state.ssthresh = std::max(reduced(flight_bytes), 2 * mss);
    end_stage(epoch);
}

void Cubic::on_timeout(CongestionState& state, CongestionEpoch& epoch, std::uint32_t flight_bytes,
                       std::uint32_t mss) {
    state.ssthresh = std::max(reduced(flight_bytes), 2 * mss);
    // So that the stage after slow start begins with K = 0 and W_max = cwnd (RFC 9438 §4.8), and a
    // loss before it counts as one below W_max.
    state.w_max = state.ssthresh;
    state.cwnd = mss;
    end_stage(epoch);
}

std::uint32_t Cubic::window(std::uint32_t w_max, std::uint32_t mss, std::int64_t phase_ms) {
    const std::int64_t phase = std::clamp(phase_ms, -phase_max_ms, phase_max_ms);
    const auto distance_ms = static_cast<std::uint64_t>(phase < 0 ? -phase : phase);
    const std::uint64_t cube = distance_ms * distance_ms * distance_ms;
    const std::uint64_t height = cube / cubic_ms_per_segment * mss +
                                 cube % cubic_ms_per_segment * mss / cubic_ms_per_segment;
    return capped(phase < 0 ? w_max - std::min<std::uint64_t>(height, w_max) : w_max + height);
}

std::int32_t Cubic::k_ms(std::uint32_t w_max, std::uint32_t cwnd, std::uint32_t mss) {
    if (cwnd >= w_max) {
        return 0;
    }
    const std::uint64_t cube_and_more = (w_max - cwnd) * cubic_ms_per_segment - 1;
    return static_cast<std::int32_t>(cube_root(cube_and_more / mss)) + 1;
}

std::uint32_t cube_root(std::uint64_t value) {
    // From the highest bit down: a bit stays when the cube with it is not too large.
    std::uint64_t root = 0;
    for (std::uint64_t bit = 1U << 21; bit != 0; bit >>= 1) {
        const std::uint64_t candidate = root | bit;
        if (candidate <= phase_max_ms && candidate * candidate * candidate <= value) {
            root = candidate;
        }
    }
    return static_cast<std::uint32_t>(root);
}

} // namespace millrace::tcp
