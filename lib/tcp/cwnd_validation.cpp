#include "internal.hpp"
#include "recovery.hpp"

#include "tcp/clock.hpp"

#include <algorithm>

/// A congestion window that nobody has used says nothing of the path (RFC 2861, RFC 7661); what is
/// done about it is Linux's.
namespace millrace::tcp {

namespace {

constexpr std::uint32_t tick_ms = 64;

/// Wraps after 16 s, before which the time-out passes, or the window decays a little late.
std::uint8_t ticks(Instant now) {
    return static_cast<std::uint8_t>(timestamp_clock(now) / tick_ms);
}

/// Slow start is not to begin so low again (RFC 2861 §3.1): three quarters of cwnd at least.
void remember_cwnd(CongestionState& congestion) {
    congestion.ssthresh = std::max(congestion.ssthresh, congestion.cwnd / 2 + congestion.cwnd / 4);
}

void note_segments(Tcb& tcb) {
    const std::uint32_t segments = (tcb.flight() + smss(tcb) - 1) / smss(tcb);
    tcb.cwnd_used_segments = static_cast<std::uint16_t>(
        std::clamp<std::uint32_t>(segments, tcb.cwnd_used_segments, UINT16_MAX));
}

/// For a whole time-out the user or the peer, and not cwnd, has been the limit: half of what was
/// not used goes. Not while repairs go on, nor when our own send buffer was what the user waited
/// for.
void decay_unused(Tcb& tcb, const Flight& flight, Instant now, const Context& context) {
    if (flight.repair != Repair::open || send_space(tcb, context) == 0) {
        return;
    }
    CongestionState& congestion = tcb.congestion;
    const std::uint32_t used =
        std::max(tcb.cwnd_used_segments * smss(tcb), initial_window(tcb, context));
    if (used < congestion.cwnd) {
        remember_cwnd(congestion);
        congestion.cwnd = used + (congestion.cwnd - used) / 2;
    }
    forget_cwnd_use(tcb, now);
}

} // namespace

std::uint32_t initial_window(const Tcb& tcb, const Context& context) {
    const std::uint32_t segments = context.config(tcb).initial_window_segments;
    // RFC 6928: min(10 * MSS, max(2 * MSS, 14600)).
    return std::min(segments * smss(tcb), std::max(2 * smss(tcb), segments * 1460U));
}

void forget_cwnd_use(Tcb& tcb, Instant now) {
    tcb.cwnd_used_segments = 0;
    tcb.cwnd_filled_at = ticks(now);
}

bool is_cwnd_limited(const Tcb& tcb, const Flight& flight) {
    const std::uint64_t doubled = 2 * std::uint64_t{flight.most_out};
    return flight.cwnd_limited || (tcb.congestion.in_slow_start() && doubled > tcb.congestion.cwnd);
}

void note_cwnd_use(Tcb& tcb, Flight& flight, Instant now, const Context& context) {
    const bool limited = std::uint64_t{pipe(tcb, flight)} + smss(tcb) > tcb.congestion.cwnd;
    const bool next_window = tcb.snd.una >= flight.use_end;
    if (next_window || limited || (!flight.cwnd_limited && tcb.flight() > flight.most_out)) {
        flight.cwnd_limited = limited;
        flight.most_out = tcb.flight();
        flight.use_end = tcb.snd.nxt;
    }
    if (is_cwnd_limited(tcb, flight)) {
        forget_cwnd_use(tcb, now);
        return;
    }
    note_segments(tcb);
    const auto unused_for = static_cast<std::uint8_t>(ticks(now) - tcb.cwnd_filled_at);
    if (unused_for * tick_ms >= tcb.rtt.rto_us / 1000) {
        decay_unused(tcb, flight, now, context);
    }
}

void restart_after_idle(Tcb& tcb, Instant now, const Context& context) {
    const std::uint32_t rto_ms = std::max(tcb.rtt.rto_us / 1000, 1U);
    std::uint32_t idle_ms = timestamp_clock(now) - tcb.sent_ms;
    if (idle_ms <= rto_ms) {
        return;
    }
    forget_cwnd_use(tcb, now);
    CongestionState& congestion = tcb.congestion;
    const std::uint32_t restart_window = std::min(initial_window(tcb, context), congestion.cwnd);
    if (congestion.cwnd == restart_window) {
        return;
    }
    remember_cwnd(congestion);
    while (idle_ms > rto_ms && congestion.cwnd > restart_window) {
        congestion.cwnd /= 2;
        idle_ms -= rto_ms;
    }
    congestion.cwnd = std::max(congestion.cwnd, restart_window);
    tcb.sent_ms = timestamp_clock(now) - idle_ms; // What has been paid for is not paid for again.
}

} // namespace millrace::tcp
