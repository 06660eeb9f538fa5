#include "internal.hpp"

#include "tcp/isn.hpp"
#include "tcp/new_reno.hpp"

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

/// The end of a measurement: by our own clock when the segment was timed, by the peer's echo of our
/// timestamp when it was not. Without a measurement a backed-off time-out stays (Karn).
void measure(Tcb& tcb, const TcpSegment& segment, Instant now, const Config& config) {
    if (!tcb.timing) {
        static_cast<void>(sample_echo(tcb, segment, now, config));
    } else if (segment.ack >= tcb.timed_seq) {
        tcb.timing = false;
        sample_timed(tcb, now, config);
    }
}

/// Takes what is acknowledged off the send queue. True when our FIN was acknowledged.
bool advance_una(Tcb& tcb, SeqNum ack, Context& context) {
    const bool fin_acknowledged = tcb.fin_sent() && ack == tcb.snd.nxt;
    const bool at_behind = tcb.snd.at < ack;
    const auto acked = static_cast<std::uint32_t>(ack - tcb.snd.una);
    const std::uint32_t bytes = std::min(acked, tcb.queue.length);
    tcb.send_charge -=
        context.buffers.drop_front(tcb.queue, bytes, at_behind ? nullptr : &tcb.queue_at);
    tcb.snd.una = ack;
    if (at_behind) {
        tcb.snd.at = ack;
        tcb.queue_at = Cursor{};
    }
    return fin_acknowledged;
}

/// RFC 6582 §3.2 step 2: the third duplicate acknowledgement.
void enter_recovery(Tcb& tcb, Context& context) {
    // What limited transmit sent beyond cwnd does not count as flight (RFC 5681 §3.2).
    const std::uint32_t flight = std::min(tcb.flight(), tcb.congestion.cwnd);
    NewReno::on_loss(tcb.congestion, flight, smss(tcb));
    tcb.congestion.cwnd = tcb.congestion.ssthresh + 3U * smss(tcb);
    tcb.recover = tcb.snd.nxt;
    tcb.in_recovery = true;
    tcb.retransmit_first = true;
    tcb.timing = false;
    context.counters.add(Counter::fast_retransmits);
}

/// Step 3: a segment has left the network. There were no more of them than were out when the loss
/// was found, so duplicates made up by the peer gain nothing (RFC 5681 §3.2 step 4).
void inflate(Tcb& tcb) {
    const std::uint32_t most =
        tcb.congestion.ssthresh + static_cast<std::uint32_t>(tcb.recover - tcb.snd.una);
    tcb.congestion.cwnd =
        std::max(tcb.congestion.cwnd, std::min(tcb.congestion.cwnd + smss(tcb), most));
}

void take_duplicate(Tcb& tcb, Context& context) {
    context.counters.add(Counter::duplicate_acks_received);
    if (tcb.in_recovery) {
        inflate(tcb);
        return;
    }
    if (tcb.duplicate_acks < 255) {
        ++tcb.duplicate_acks;
    }
    // RFC 6582 §3.2 step 2: duplicates caused by our own retransmissions after a time-out, all of
    // which lie at or before `recover`, are no sign of a new loss.
    if (tcb.duplicate_acks == 3 && tcb.snd.una > tcb.recover) {
        enter_recovery(tcb, context);
    }
}

/// RFC 6582 §3.2 step 3: new data was acknowledged during recovery. The timer starts anew with each
/// partial acknowledgement ("slow but steady"): with a time-out of 200 ms at least, the other
/// variant would give up recoveries that go well.
void continue_recovery(Tcb& tcb, std::uint32_t acked) {
    const std::uint32_t mss = smss(tcb);
    if (tcb.snd.una >= tcb.recover) {
        tcb.in_recovery = false;
        tcb.congestion.cwnd = std::min(tcb.congestion.ssthresh, std::max(tcb.flight(), mss) + mss);
        return;
    }
    tcb.retransmit_first = true;
    tcb.congestion.cwnd -= std::min(acked, tcb.congestion.cwnd - mss);
    if (acked >= mss) {
        tcb.congestion.cwnd += mss;
    }
}

/// What new data acknowledged means for the congestion window and the recovery of losses.
void take_credit(Tcb& tcb, std::uint32_t acked) {
    if (tcb.in_recovery) {
        continue_recovery(tcb, acked);
    } else if (tcb.cwnd_limited) {
        // While what a time-out has found lost is repaired, L = 1 segment (RFC 3465 §2.3).
        const bool repairing = tcb.snd.una <= tcb.recover;
        NewReno::on_ack(tcb.congestion, repairing ? std::min(acked, smss(tcb)) : acked, smss(tcb));
    }
    // Once passed, `recover` is drawn along, or half the sequence space later it would seem ahead.
    if (!tcb.in_recovery && tcb.snd.una > tcb.recover) {
        tcb.recover = tcb.snd.una - 1;
    }
}

void take_new_ack(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context,
                  std::uint8_t& events) {
    const auto acked = static_cast<std::uint32_t>(segment.ack - tcb.snd.una);
    measure(tcb, segment, now, context.config);
    tcb.retransmits = 0;
    tcb.duplicate_acks = 0;
    tcb.retransmit_first = false;
    const bool fin_acknowledged = advance_una(tcb, segment.ack, context);
    events |= event::acknowledged;
    take_credit(tcb, acked);
    // RFC 6298 §5.2 and §5.3.
    tcb.retransmit_deadline = tcb.flight() == 0 ? never : now + tcb.rtt.rto();
    if (fin_acknowledged) {
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
            tcb.user_deadline = now + context.config.fin_wait_2;
        }
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
void window_opened(Tcb& tcb, Instant now, const Config& config) {
    if (tcb.flight() > 0 && tcb.rtt.backed_off(config)) {
        tcb.rtt.restore(config);
        tcb.retransmit_deadline = now + tcb.rtt.rto();
        tcb.snd.at = tcb.snd.una;
        tcb.queue_at = Cursor{};
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

void sample_timed(Tcb& tcb, Instant now, const Config& config) {
    tcb.rtt.sample(std::chrono::microseconds{microsecond_clock(now) - tcb.timed_at_us}, config);
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
    if (segment.ack > tcb.snd.una) {
        take_new_ack(tcb, segment, now, context, events);
    } else if (is_duplicate(tcb, segment)) {
        take_duplicate(tcb, context);
    }
    const bool newer =
        tcb.snd.wl1 < segment.seq || (tcb.snd.wl1 == segment.seq && tcb.snd.wl2 <= segment.ack);
    if (segment.ack >= tcb.snd.una && newer) {
        const bool was_closed = tcb.snd.wnd == 0;
        take_window(tcb, segment);
        if (was_closed && tcb.snd.wnd > 0) {
            window_opened(tcb, now, context.config);
        }
    }
    return Drop::none;
}

} // namespace millrace::tcp
