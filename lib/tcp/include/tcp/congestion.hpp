#pragma once

#include "wire/seq_num.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>

namespace millrace::tcp {

/// What decides how cwnd moves; each begins with the slow start of HyStart++.
enum class CongestionAlgorithm : std::uint8_t { new_reno, cubic };

/// No window scale can offer more (RFC 7323 §2.3); it keeps the products below 64 bits.
inline constexpr std::uint32_t cwnd_max = 1U << 30;

/// What every congestion control keeps for a connection, idle or not. All in bytes.
struct CongestionState {
    std::uint32_t cwnd = 0;
    std::uint32_t ssthresh = UINT32_MAX;
    std::uint32_t w_max = 0; ///< RFC 9438 §4.1.2; 0: no congestion yet. NewReno has no use for it.

    [[nodiscard]] bool in_slow_start() const { return cwnd < ssthresh; }

    /// No congestion has ended slow start yet (RFC 9406 §4.3).
    [[nodiscard]] bool in_initial_slow_start() const { return ssthresh == UINT32_MAX; }
};

static_assert(sizeof(CongestionState) == 12, "ten million idle connections have one each");

/// What a congestion control keeps only while data is in flight; a flight begins with all of it 0.
struct CongestionEpoch {
    /// NewReno: bytes acknowledged in congestion avoidance since cwnd last grew.
    /// CUBIC: what was left when the growth of cwnd was divided by cwnd.
    std::uint32_t avoided = 0;

    // CUBIC: the stage of congestion avoidance. The two times of RFC 9438 §4.2 are one here.
    std::int32_t phase_ms = 0;    ///< t - K
    std::uint32_t counted_us = 0; ///< Up to where `phase_ms` has counted, on the 1 µs clock.
    std::uint32_t w_est = 0;      ///< In bytes; 0: no stage has begun.
    std::uint32_t w_est_rest = 0; ///< What was left when its growth was divided by cwnd.

    // HyStart++: minimum round-trip times, in µs; 0 stands for the RFC's infinity.
    std::uint32_t round_min_us = 0;
    std::uint32_t last_round_min_us = 0;
    std::uint32_t css_baseline_us = 0; ///< Not 0: in conservative slow start (CSS).
    wire::SeqNum round_end;
    std::uint8_t rtt_samples = 0; ///< In this round; no more than are needed are counted.
    std::uint8_t css_rounds = 0;

    bool in_round : 1 = false;  ///< HyStart++: `round_end` is set.
    bool reno_rate : 1 = false; ///< CUBIC: alpha is 1 from the beginning of the stage.
};

static_assert(sizeof(CongestionEpoch) == 40, "each flight has one");

/// An acknowledgement of new data, as a congestion control sees it.
struct AckSample {
    std::uint32_t acked_bytes = 0;
    std::uint32_t mss = 0; ///< The sender's maximum segment size, at least 1.
    std::uint32_t srtt_us = 0;
    std::uint32_t rtt_us = 0; ///< Measured by this acknowledgement; 0: none was.
    std::uint32_t now_us = 0; ///< A clock that wraps.
    wire::SeqNum snd_una;     ///< With this acknowledgement taken.
    wire::SeqNum snd_nxt;
    bool cwnd_limited = false; ///< cwnd, and not the user or the peer, had been the limit.
    bool paced = false;        ///< What cwnd allows does not leave in one burst.
};

/// An algorithm that decides how cwnd moves; finding losses and repairing them is not its business.
/// Nor is idle time: the flight and its epoch end with it.
/// `flight_bytes` is what is sent and not acknowledged.
template <class C>
concept CongestionControl = requires(CongestionState& state, CongestionEpoch& epoch,
                                     const AckSample& ack, std::uint32_t flight_bytes,
                                     std::uint32_t mss) {
    /// New data was acknowledged outside of recovery. Every such acknowledgement is shown, whether
    /// or not cwnd had been the limit: the time between two of them may count, or must not.
    C::on_ack(state, epoch, ack);
    /// A loss was found, before cwnd is touched: sets ssthresh; cwnd in recovery is the recovery's.
    C::on_loss(state, epoch, flight_bytes, mss);
    /// The retransmission timer went off for the first time: sets ssthresh and cwnd.
    C::on_timeout(state, epoch, flight_bytes, mss);
};

/// Standard slow start (RFC 5681 §3.1), `limit` bytes for one acknowledgement at most (RFC 3465).
inline void grow_in_slow_start(CongestionState& state, std::uint32_t acked_bytes,
                               std::uint32_t limit) {
    const std::uint64_t grown = std::uint64_t{state.cwnd} + std::min(acked_bytes, limit);
    state.cwnd = static_cast<std::uint32_t>(std::min<std::uint64_t>(grown, cwnd_max));
}

/// What on_loss() and on_timeout() lose, to be taken before them and given back should the loss
/// turn out to be none.
struct CongestionUndo {
    CongestionState state;
    std::int32_t phase_ms = 0;
    std::uint32_t w_est = 0;
    bool reno_rate = false;
};

[[nodiscard]] inline CongestionUndo save(const CongestionState& state,
                                         const CongestionEpoch& epoch) {
    return {state, epoch.phase_ms, epoch.w_est, epoch.reno_rate};
}

/// RFC 9438 §4.9.2: unless cwnd has grown past what it was. The stage goes on where it stood: the
/// time spent in a recovery that was not needed does not count, as if it had been idle.
inline void undo(CongestionState& state, CongestionEpoch& epoch, const CongestionUndo& saved,
                 std::uint32_t now_us) {
    if (state.cwnd >= saved.state.cwnd) {
        return;
    }
    state = saved.state;
    epoch.avoided = 0;
    epoch.phase_ms = saved.phase_ms;
    epoch.counted_us = now_us;
    epoch.w_est = saved.w_est;
    epoch.w_est_rest = 0;
    epoch.reno_rate = saved.reno_rate;
}

} // namespace millrace::tcp
