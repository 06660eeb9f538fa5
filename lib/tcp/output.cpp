#include "ecn.hpp"
#include "internal.hpp"
#include "path_mtu.hpp"
#include "recovery.hpp"

#include <algorithm>

/// Cutting the send queue into segments, and what a connection does at the end of a burst.
namespace millrace::tcp {

using wire::SeqNum;

namespace {

/// The flight, begun when nothing was out; null when no more can be in flight at once.
Flight* flight_of(Tcb& tcb, Instant now, Context& context) {
    if (tcb.flight_slot == Flight::none) [[unlikely]] {
        tcb.flight_slot = context.flights.begin(tcb.snd.una);
        if (tcb.flight_slot == Flight::none) {
            context.counters.add(Counter::flight_pool_dry);
            return nullptr;
        }
        context.flights[tcb.flight_slot].timer_base = now;
    }
    return &context.flights[tcb.flight_slot];
}

/// Whether a segment shorter than it could be may go out now: RFC 9293 §3.8.6.2.1 (silly windows)
/// and §3.7.4 (Nagle). `last` says that nothing is queued behind it.
bool short_segment_may_go(const Tcb& tcb, std::uint32_t length, bool last) {
    if (last && (tcb.no_delay || tcb.snd.nxt == tcb.snd.una)) {
        return true;
    }
    return length > 0 && length >= tcb.snd.wnd_max / 2;
}

/// LAST-ACK may last beyond the peer's acknowledgement of our FIN, until the user has read all.
bool may_transmit(const Tcb& tcb) {
    switch (tcb.state) {
    case State::established:
    case State::close_wait:
    case State::fin_wait_1:
    case State::closing:
    case State::last_ack:
        return !tcb.fin_acknowledged;
    case State::closed:
    case State::listen:
    case State::syn_sent:
    case State::syn_received:
    case State::fin_wait_2:
    case State::time_wait:
        return false;
    }
    return false;
}

/// Sends the next `length` bytes from SND.NXT, and the FIN when `fin`, and moves on behind them.
void emit_next(Tcb& tcb, Flight& flight, std::uint32_t length, bool fin, Instant now,
               Context& context) {
    const SeqNum end = tcb.snd.nxt + length + (fin ? 1U : 0U);
    OutSegment& out = emit_data(tcb, tcb.snd.nxt, flight.next_byte(), length, fin, now, context);
    if (length > 0) {
        mark_new_data(tcb, out.header);
    }
    flight.next_byte() = context.buffers.advanced(tcb.queue, flight.next_byte(), length);
    context.flights.append(flight, tcb.snd.nxt, end, now);
    tcb.snd.nxt = end;
    flight.prr_out += length;
}

/// What the queue and the windows have for the next segment.
struct NextSegment {
    bool due = false; ///< Something waits to be sent.
    std::uint32_t length = 0;
    bool last = false; ///< Nothing is queued behind it.
    bool fin = false;
};

/// Bytes that cwnd and the peer's window leave behind SND.NXT.
std::uint32_t usable_window(const Tcb& tcb, const Flight* flight) {
    const std::uint32_t in_network = flight == nullptr ? 0 : pipe(tcb, *flight);
    const std::uint32_t by_cwnd =
        tcb.congestion.cwnd > in_network ? tcb.congestion.cwnd - in_network : 0;
    const std::int32_t by_peer = tcb.snd.una + tcb.snd.wnd - tcb.snd.nxt;
    return std::min(by_cwnd, static_cast<std::uint32_t>(std::max(by_peer, 0)));
}

NextSegment next_segment(const Tcb& tcb, const Flight* flight, std::uint32_t most) {
    const std::int32_t behind = tcb.queue_end() - tcb.snd.nxt; // -1 when the FIN is out.
    const auto waiting = static_cast<std::uint32_t>(std::max(behind, 0));
    const bool fin_due = tcb.fin_queued && behind >= 0;
    NextSegment next;
    next.due = waiting > 0 || fin_due;
    if (!next.due) {
        return next;
    }
    const std::uint32_t usable = usable_window(tcb, flight);
    next.length = std::min({waiting, usable, most});
    next.last = next.length == waiting;
    // A FIN alone needs no room; while nothing is in flight it goes even into a closed window.
    next.fin = fin_due && next.last && (next.length > 0 || usable > 0 || flight == nullptr);
    return next;
}

bool may_go(const Tcb& tcb, const NextSegment& next, std::uint32_t most) {
    if (next.length == 0 || next.fin) {
        return next.fin;
    }
    return next.length == most ||
           (!tcb.corked && short_segment_may_go(tcb, next.length, next.last));
}

/// Cuts what the windows allow into segments. False when the output is full.
bool transmit_new(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t most = payload_max(tcb, context);
    Flight* flight = tcb.flight_slot == Flight::none ? nullptr : &context.flights[tcb.flight_slot];
    if (!next_segment(tcb, flight, most).due) {
        return true;
    }
    if (flight == nullptr) {
        restart_after_idle(tcb, now, context);
    }
    while (true) {
        const NextSegment next = next_segment(tcb, flight, most);
        if (!next.due || !may_go(tcb, next, most) ||
            !pace_allows(tcb, flight, next.length, now, context)) {
            break;
        }
        if (context.output.full()) {
            return false;
        }
        flight = flight_of(tcb, now, context);
        if (flight == nullptr) {
            return true;
        }
        const auto waiting = static_cast<std::uint32_t>(tcb.queue_end() - tcb.snd.nxt);
        const std::uint32_t probe = mtu_probe_due(tcb, *flight, waiting, context);
        const std::uint32_t length = probe > 0 ? probe : next.length;
        emit_next(tcb, *flight, length, next.fin, now, context);
        note_paced(tcb, *flight, length, now, context);
        if (probe > 0) {
            mtu_probe_sent(tcb, *flight, probe, context);
        }
        if (tcb.timer == RetransmitTimer::tail_loss_probe) {
            tcb.retransmit_deadline = never; // The probe is due later now.
        }
    }
    if (flight != nullptr) {
        note_cwnd_use(tcb, *flight, now, context);
    }
    return true;
}

/// Repairs first, then what is new; while a time-out is under suspicion the other way round, when
/// there is something new that may go (RFC 5682 §3 step 2). False when the output is full.
bool transmit(Tcb& tcb, Instant now, Context& context) {
    if (tcb.flight_slot == Flight::none) {
        return transmit_new(tcb, now, context);
    }
    Flight& flight = context.flights[tcb.flight_slot];
    flight.pacing_due = never;
    if (flight.frto_new_data) {
        if (!transmit_new(tcb, now, context)) {
            return false;
        }
        if (tcb.snd.nxt > flight.recover) {
            return true;
        }
        flight.frto = flight.frto_new_data = false;
    }
    return transmit_repairs(tcb, flight, now, context) && transmit_new(tcb, now, context);
}

} // namespace

void emit_override(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t length =
        std::min({tcb.queue.length, tcb.snd.wnd, payload_max(tcb, context)});
    if (Flight* const flight = flight_of(tcb, now, context); flight != nullptr) {
        emit_next(tcb, *flight, length, false, now, context);
    }
    set_retransmission_timer(tcb, now, context);
}

bool emit_new_data_as_probe(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    const std::int32_t room = earlier(tcb.queue_end(), tcb.snd.una + tcb.snd.wnd) - tcb.snd.nxt;
    if (room <= 0) {
        return false;
    }
    const std::uint32_t length =
        std::min(static_cast<std::uint32_t>(room), payload_max(tcb, context));
    emit_next(tcb, flight, length, false, now, context);
    return true;
}

bool flush(Tcb& tcb, Instant now, Context& context) {
    if (may_transmit(tcb)) {
        const bool all = transmit(tcb, now, context);
        set_retransmission_timer(tcb, now, context); // The rest may have to wait long.
        if (!all) {
            return false;
        }
    } else if (tcb.state == State::fin_wait_2) {
        watch_peer(tcb, now, context.config(tcb));
    }
    if (tcb.ack_now || tcb.ack_delayed || tcb.window_update) {
        end_receive_round(tcb, now, context);
    }
    if (window_update_due(tcb, context)) {
        tcb.ack_now = true;
    }
    tcb.window_update = false;
    if (tcb.ack_now) {
        if (context.output.full()) {
            return false;
        }
        emit_ack(tcb, now, context);
    } else if (tcb.ack_delayed && tcb.ack_deadline == never) {
        tcb.ack_deadline = now + context.config(tcb).delayed_ack;
    }
    return true;
}

} // namespace millrace::tcp
