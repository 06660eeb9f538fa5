#include "internal.hpp"
#include "path_mtu.hpp"
#include "recovery.hpp"

#include "tcp/clock.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::Drop;
using wire::SeqNum;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

/// RFC 5681 §2's definition of a duplicate acknowledgement.
bool is_duplicate(const Tcb& tcb, const TcpSegment& segment) {
    return segment.ack == tcb.snd.una && tcb.snd.nxt != tcb.snd.una && segment.payload.empty() &&
           !segment.has(flag::syn | flag::fin) &&
           std::uint32_t{segment.window} << tcb.snd_scale == tcb.snd.wnd;
}

/// One round-trip time an acknowledgement: of the oldest segment that arrived at its first sending,
/// or, when something sent twice came with it, by the peer's echo of our timestamp. Without a
/// measurement a backed-off time-out stays (Karn).
void measure(Tcb& tcb, const TcpSegment& segment, const Delivery& news, Instant now,
             const Config& config) {
    if (news.oldest_rtt_us > 0 && !news.repeated) {
        tcb.rtt.sample(std::chrono::microseconds{news.oldest_rtt_us}, config);
    } else if (news.acked > 0) {
        static_cast<void>(sample_echo(tcb, segment, now, config));
    }
}

/// Takes what is acknowledged off the send queue and the flight. True when our FIN was
/// acknowledged.
bool advance_una(Tcb& tcb, Flight& flight, SeqNum ack, Instant now, Context& context,
                 Delivery& news) {
    const bool fin_acknowledged = tcb.fin_sent() && ack == tcb.snd.nxt;
    news.acked = static_cast<std::uint32_t>(ack - tcb.snd.una);
    const std::uint32_t bytes = std::min(news.acked, tcb.queue.length);
    tcb.send_charge -= context.buffers.drop_front(tcb.queue, bytes, flight.cursors);
    context.counters.add(Counter::bytes_acked, bytes);
    flight.repair_at = later(flight.repair_at, ack);
    tcb.snd.una = ack;
    flight.progress = now;
    context.flights.acknowledge(flight, ack, [&](const SentRecord& record) {
        if (!record.sacked) {
            note_delivered(tcb, flight, record, now, news);
        }
        news.repeated = news.repeated || record.repeated;
    });
    return fin_acknowledged;
}

/// Without SACK, what a duplicate or an advance says of how many segments have arrived behind the
/// gap. Never more than were out when the loss was found, so duplicates made up by the peer gain
/// nothing (RFC 5681 §3.2).
void count_arrivals(Tcb& tcb, Flight& flight, Delivery& news) {
    const std::uint32_t mss = smss(tcb);
    if (news.duplicate_ack && !tcb.sack) {
        const SeqNum end = flight.repair >= Repair::recovery ? flight.recover : tcb.snd.nxt;
        const std::uint32_t most =
            end > tcb.snd.una ? (static_cast<std::uint32_t>(end - tcb.snd.una) - 1) / mss : 0;
        if (flight.duplicate_acks < most) {
            ++flight.duplicate_acks;
            news.delivered += mss;
        }
    } else if (news.acked > 0 && flight.duplicate_acks > 0) {
        // All but the first segment of what is acknowledged had been counted before.
        const std::uint32_t segments = (news.acked + mss - 1) / mss;
        const auto counted = static_cast<std::uint16_t>(
            std::min<std::uint32_t>(flight.duplicate_acks, segments - 1));
        flight.duplicate_acks = static_cast<std::uint16_t>(flight.duplicate_acks - counted);
        news.delivered -= std::min(news.delivered, counted * mss);
    }
}

/// A tail loss probe was the last thing out when all was acknowledged: was it the repair of a loss?
/// A D-SACK says no; data acknowledged later, without one before, says yes (RFC 8985 §7.4.2).
void judge_probe(Tcb& tcb, const TcpSegment& segment, Context& context) {
    if (has_dsack(segment)) {
        tcb.probe_unjudged = false;
    } else if (segment.ack > tcb.snd.una) {
        tcb.probe_unjudged = false;
        CongestionEpoch none;
        const bool in_flight = tcb.flight_slot != Flight::none;
        reduce_after_probe(tcb, in_flight ? context.flights[tcb.flight_slot].epoch : none, context);
    }
}

/// Nothing is in flight any more.
void end_flight(Tcb& tcb, Flight& flight, Context& context) {
    tcb.probe_unjudged = flight.probing && !flight.probe_is_new;
    context.flights.end(tcb.flight_slot);
    tcb.flight_slot = Flight::none;
}

void fin_was_acknowledged(Tcb& tcb, Instant now, const Config& config) {
    tcb.fin_acknowledged = true;
    const State next = after_fin_acknowledged(tcb.state);
    if (next == State::closed) {
        if (tcb.unread.empty() || tcb.user_gone) {
            enter_closed(tcb);
        } // else LAST-ACK until the user has read what it has received: see has_ended().
        return;
    }
    tcb.state = next;
    if (tcb.state == State::fin_wait_2 && tcb.user_gone) {
        tcb.user_deadline = now + config.fin_wait_2;
    }
}

/// An acknowledgement while something is in flight, whether it moves SND.UNA or tells of less.
void take_acknowledgement(Tcb& tcb, const TcpSegment& segment, bool duplicate, Instant now,
                          Context& context, std::uint8_t& events) {
    Flight& flight = context.flights[tcb.flight_slot];
    const SeqNum prior_una = tcb.snd.una;
    Delivery news;
    news.congestion = tcb.ecn && segment.has(flag::ece);
    bool fin_acknowledged = false;
    if (segment.ack > tcb.snd.una) {
        fin_acknowledged = advance_una(tcb, flight, segment.ack, now, context, news);
        mtu_probe_acknowledged(tcb, flight);
        tcb.retransmits = 0;
        events |= event::acknowledged;
    } else if (duplicate) {
        news.duplicate_ack = true;
        context.counters.add(Counter::duplicate_acks_received);
    }
    const bool all = tcb.snd.una == tcb.snd.nxt;
    if (tcb.sack && segment.options.sack_count > 0) [[unlikely]] {
        take_sack(tcb, flight, segment, prior_una, now, context, news);
    }
    count_arrivals(tcb, flight, news);
    measure(tcb, segment, news, now, context.config(tcb));
    if (news.acked > 0) { // RFC 6298 §5.2 and §5.3.
        flight.timer_base = now;
        tcb.retransmit_deadline = never;
    } else if (news.sacked && tcb.timer == RetransmitTimer::tail_loss_probe) {
        tcb.retransmit_deadline = never; // RACK's turn: no probe while something is missing.
    }
    take_news(tcb, flight, news, now, context);
    if (all) {
        end_flight(tcb, flight, context);
    }
    if (fin_acknowledged) {
        fin_was_acknowledged(tcb, now, context.config(tcb));
    }
}

/// A peer that closes its window keeps the connection as long as it answers (RFC 9293 §3.8.6.1),
/// but not for a user who is gone: its memory would be held by a peer that reads nothing.
void forgive_closed_window(Tcb& tcb) {
    if ((tcb.persisting || tcb.snd.wnd == 0) && !tcb.user_gone) {
        tcb.retransmits = 0;
    }
}

/// The window has opened after data sent into a closed one was repeated in vain: its time-out, by
/// now long, says nothing of the path, and the peer waits.
void window_opened(Tcb& tcb, Instant now, Context& context) {
    if (tcb.flight_slot != Flight::none && tcb.rtt.backed_off(context.config(tcb))) {
        Flight& flight = context.flights[tcb.flight_slot];
        tcb.rtt.restore(context.config(tcb));
        mark_all_lost(tcb, flight, context.flights);
        flight.repair = Repair::loss;
        flight.recover = tcb.snd.nxt;
        flight.timer_base = now;
        tcb.retransmit_deadline = never;
    }
}

} // namespace

bool sample_echo(Tcb& tcb, const TcpSegment& segment, Instant now, const Config& config) {
    constexpr std::uint32_t believable_ms = 600'000;
    if (!tcb.timestamps || !segment.options.has_timestamps || segment.options.ts_ecr == 0) {
        return false;
    }
    const std::uint32_t elapsed_ms = timestamp_clock(now) + tcb.ts_offset - segment.options.ts_ecr;
    if (elapsed_ms >= believable_ms) {
        return false;
    }
    tcb.rtt.sample(std::chrono::milliseconds{std::max(elapsed_ms, 1U)}, config);
    return true;
}

void take_window(Tcb& tcb, const TcpSegment& segment) {
    tcb.snd.wnd = std::uint32_t{segment.window} << tcb.snd_scale;
    tcb.snd.wnd_max = std::max(tcb.snd.wnd_max, tcb.snd.wnd);
    tcb.snd.wl1 = segment.seq;
    tcb.snd.wl2 = segment.ack;
}

Drop process_ack(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context,
                 std::uint8_t& events) {
    // RFC 5961 §5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT, or a challenge.
    if (segment.ack > tcb.snd.nxt) {
        emit_limited_ack(tcb, now, context);
        return Drop::tcp_ack_of_unsent;
    }
    if (segment.ack < tcb.snd.una - tcb.snd.wnd_max) {
        emit_limited_ack(tcb, now, context);
        return Drop::tcp_old_ack;
    }
    forgive_closed_window(tcb);
    const bool duplicate = is_duplicate(tcb, segment);
    const bool newer =
        tcb.snd.wl1 < segment.seq || (tcb.snd.wl1 == segment.seq && tcb.snd.wl2 <= segment.ack);
    const bool was_closed = tcb.snd.wnd == 0;
    const bool current = segment.ack >= tcb.snd.una;
    if (current && newer) {
        take_window(tcb, segment);
    }
    if (current && tcb.probe_unjudged) [[unlikely]] {
        judge_probe(tcb, segment, context);
    }
    if (current && tcb.flight_slot != Flight::none) {
        take_acknowledgement(tcb, segment, duplicate, now, context, events);
    }
    if (was_closed && tcb.snd.wnd > 0) {
        window_opened(tcb, now, context);
    }
    return Drop::none;
}

} // namespace millrace::tcp
