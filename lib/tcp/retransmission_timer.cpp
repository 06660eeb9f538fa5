#include "internal.hpp"
#include "recovery.hpp"

#include "tcp/clock.hpp"

#include <algorithm>

/// What the one deadline of sending waits for, and when it comes; timers.cpp does what is due then.
namespace millrace::tcp {

namespace {

/// Whether the cork alone, and not the peer's window, keeps back what is queued.
bool is_held_by_cork(const Tcb& tcb) {
    return tcb.corked && !tcb.fin_queued && tcb.queue.length <= tcb.snd.wnd;
}

/// The nearest of a flight's deadlines: its time-out, in place of the first of which a probe is
/// sent (RFC 8985 §7.2), or what RACK or the pace wait for.
void set_flight_timer(Tcb& tcb, const Flight& flight, Instant now, const Context& context) {
    const auto consider = [&tcb](RetransmitTimer timer, Instant due) {
        if (due < tcb.retransmit_deadline) {
            tcb.timer = timer;
            tcb.retransmit_deadline = due;
        }
    };
    tcb.timer = RetransmitTimer::retransmission;
    tcb.retransmit_deadline = flight.timer_base + tcb.rtt.rto();
    const Instant probe = tail_loss_probe_due(tcb, flight, now, context);
    if (probe != never) {
        tcb.timer = RetransmitTimer::tail_loss_probe;
        tcb.retransmit_deadline = std::min(probe, tcb.retransmit_deadline);
    }
    consider(RetransmitTimer::reordering, flight.rack_due);
    consider(RetransmitTimer::pacing, flight.pacing_due);
}

/// Waits for an acknowledgement, or for a closed window to open.
void start_retransmission_timer(Tcb& tcb, Instant now, Context& context) {
    if (tcb.flight_slot != Flight::none) {
        set_flight_timer(tcb, context.flights[tcb.flight_slot], now, context);
    } else {
        tcb.timer = RetransmitTimer::retransmission;
        tcb.retransmit_deadline = now + tcb.rtt.rto();
    }
    end_with_user_timeout(tcb, now, context);
}

} // namespace

Instant user_timeout_due(const Tcb& tcb, Instant now, const Context& context) {
    const Duration timeout = context.config(tcb).user_timeout;
    const bool in_flight = tcb.flight_slot != Flight::none;
    if (timeout <= Duration{} || (!in_flight && is_held_by_cork(tcb))) {
        return never;
    }
    if (in_flight) {
        return context.flights[tcb.flight_slot].progress + timeout;
    }
    const std::chrono::milliseconds waiting{timestamp_clock(now) - tcb.sent_ms};
    return now - waiting + timeout;
}

void end_with_user_timeout(Tcb& tcb, Instant now, const Context& context) {
    tcb.retransmit_deadline =
        std::min(tcb.retransmit_deadline, user_timeout_due(tcb, now, context));
}

void set_retransmission_timer(Tcb& tcb, Instant now, Context& context) {
    const bool in_flight = tcb.flight_slot != Flight::none;
    const bool waits = !in_flight && (!tcb.queue.empty() || tcb.fin_queued);
    if (tcb.persisting && !waits) {
        // How long the probes have waited says nothing of the path.
        tcb.retransmits = 0;
        tcb.rtt.restore(context.config(tcb));
        tcb.retransmit_deadline = never;
    }
    if (waits && !tcb.persisting && context.config(tcb).user_timeout > Duration{}) {
        tcb.sent_ms = timestamp_clock(now);
    }
    tcb.persisting = waits;
    if (!in_flight && !waits) {
        watch_peer(tcb, now, context.config(tcb));
        return;
    }
    if (tcb.timer == RetransmitTimer::keep_alive) { // What it counted is over.
        tcb.retransmits = 0;
        tcb.retransmit_deadline = never;
    }
    if (tcb.retransmit_deadline == never) {
        start_retransmission_timer(tcb, now, context);
    }
    if (waits && is_held_by_cork(tcb)) {
        tcb.retransmit_deadline = std::min(tcb.retransmit_deadline, now + cork_time);
    }
}

} // namespace millrace::tcp
