#include "internal.hpp"
#include "path_mtu.hpp"
#include "recovery.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

/// R2 has been reached: the connection is given up (RFC 9293 §3.8.3).
std::uint8_t give_up(Tcb& tcb, Context& context) {
    context.counters.add(Counter::gave_up);
    enter_closed(tcb);
    return event::timed_out;
}

std::uint8_t handshake_timed_out(Tcb& tcb, Instant now, Context& context) {
    const std::uint8_t most = tcb.state == State::syn_sent ? context.config(tcb).syn_retries
                                                           : context.config(tcb).syn_ack_retries;
    if (tcb.retransmits >= most) {
        return give_up(tcb, context);
    }
    ++tcb.retransmits;
    tcb.rtt.back_off(context.config(tcb));
    tcb.retransmit_deadline = now + tcb.rtt.rto();
    end_with_user_timeout(tcb, now, context);
    Flight& flight = context.flights[tcb.flight_slot];
    context.flights.mark_retransmitted(flight, flight.head, now);
    context.counters.add(Counter::syn_retransmits);
    emit_syn(tcb, now, context);
    return 0;
}

/// How many retransmissions, or unanswered probes of a window, there may be (R2).
unsigned retries_of(const Tcb& tcb, const Config& config) {
    return tcb.user_gone ? std::min(config.orphan_retries, config.retries) : config.retries;
}

std::uint8_t persist_timed_out(Tcb& tcb, Instant now, Context& context) {
    if (tcb.snd.wnd > 0 && !tcb.queue.empty()) {
        // Open after all, by less than is worth a segment; or it was the cork that held it back.
        emit_override(tcb, now, context);
        return 0;
    }
    ++tcb.retransmits; // Set back by whatever the peer answers.
    tcb.rtt.back_off(context.config(tcb));
    tcb.retransmit_deadline = now + tcb.rtt.rto();
    end_with_user_timeout(tcb, now, context);
    context.counters.add(Counter::zero_window_probes);
    emit_probe(tcb, now, context);
    return 0;
}

/// RFC 6298 §5.4 to 5.6.
std::uint8_t retransmission_timed_out(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    context.counters.add(Counter::retransmission_timeouts);
    suspect_black_hole(tcb, flight, context);
    enter_loss(tcb, flight, context);
    ++tcb.retransmits;
    tcb.rtt.back_off(context.config(tcb));
    flight.timer_base = now;
    return 0;
}

std::uint8_t flight_deadline_passed(Tcb& tcb, Instant now, Context& context) {
    Flight& flight = context.flights[tcb.flight_slot];
    switch (tcb.timer) {
    case RetransmitTimer::tail_loss_probe:
        send_tail_loss_probe(tcb, flight, now, context);
        flight.timer_base = now;
        return 0;
    case RetransmitTimer::pacing:
        return 0;
    case RetransmitTimer::reordering:
        flight.rack_due = never;
        take_news(tcb, flight, {}, now, context);
        return 0;
    case RetransmitTimer::keep_alive: // Only while nothing is in flight.
    case RetransmitTimer::retransmission:
        break;
    }
    return retransmission_timed_out(tcb, flight, now, context);
}

std::uint8_t retransmit_deadline_passed(Tcb& tcb, Instant now, Context& context) {
    tcb.retransmit_deadline = never;
    if (tcb.timer == RetransmitTimer::keep_alive) {
        return keep_alive_timer(tcb, now, context);
    }
    if (user_timeout_due(tcb, now, context) <= now) {
        return give_up(tcb, context);
    }
    if (tcb.state == State::syn_sent || tcb.state == State::syn_received) {
        return handshake_timed_out(tcb, now, context);
    }
    if (tcb.retransmits >= retries_of(tcb, context.config(tcb)) &&
        (tcb.persisting || tcb.timer == RetransmitTimer::retransmission)) {
        return give_up(tcb, context);
    }
    return tcb.persisting ? persist_timed_out(tcb, now, context)
                          : flight_deadline_passed(tcb, now, context);
}

std::uint8_t user_deadline_passed(Tcb& tcb, Context& context) {
    tcb.user_deadline = never;
    if (tcb.user_gone && tcb.state == State::fin_wait_2) {
        // Nobody waits for the peer's FIN; TIME-WAIT answers it should it still come.
        tcb.state = State::time_wait;
        return 0;
    }
    if (tcb.user_gone) {
        context.counters.add(Counter::linger_timeouts);
        emit_reset(tcb, context);
        enter_closed(tcb);
        return event::aborted;
    }
    return event::user_deadline;
}

} // namespace

std::uint8_t deadline_passed(Tcb& tcb, Instant now, Context& context) {
    if (tcb.ack_deadline <= now) {
        tcb.ack_deadline = never;
        tcb.ack_now = true;
        context.counters.add(Counter::delayed_acks);
    }
    std::uint8_t events = 0;
    if (tcb.retransmit_deadline <= now) {
        events |= retransmit_deadline_passed(tcb, now, context);
    }
    if (tcb.user_deadline <= now && tcb.state != State::closed) {
        events |= user_deadline_passed(tcb, context);
    }
    return events;
}

} // namespace millrace::tcp
