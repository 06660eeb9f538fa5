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
/// timestamp when it was not (RTTM, RFC 7323 §4).
void measure(Tcb& tcb, const TcpSegment& segment, Instant now, const Config& config) {
    if (tcb.timing) {
        if (segment.ack >= tcb.timed_seq) {
            tcb.timing = false;
            tcb.rtt.sample(now - tcb.timed_at, config);
            return;
        }
    } else if (tcb.timestamps && segment.options.ts_ecr != 0) {
        const std::uint32_t clock = timestamp_clock(now) + tcb.ts_offset;
        const std::uint32_t elapsed_ms = clock - segment.options.ts_ecr;
        if (elapsed_ms < 600'000) {
            tcb.rtt.sample(std::chrono::milliseconds{std::max(elapsed_ms, 1U)}, config);
            return;
        }
    }
    tcb.rtt.restore(config);
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
    NewReno::on_loss(tcb.congestion, tcb.flight(), tcb.snd_mss);
    tcb.congestion.cwnd = tcb.congestion.ssthresh + 3U * tcb.snd_mss;
    tcb.recover = tcb.snd.nxt;
    tcb.in_recovery = true;
    tcb.retransmit_first = true;
    tcb.timing = false;
    context.counters.add(Counter::fast_retransmits);
}

void take_duplicate(Tcb& tcb, Context& context) {
    context.counters.add(Counter::duplicate_acks_received);
    if (tcb.in_recovery) {
        tcb.congestion.cwnd += tcb.snd_mss;
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

/// RFC 6582 §3.2 step 3: new data was acknowledged during recovery.
void continue_recovery(Tcb& tcb, std::uint32_t acked) {
    const std::uint32_t mss = tcb.snd_mss;
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

void take_new_ack(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context,
                  std::uint8_t& events) {
    const auto acked = static_cast<std::uint32_t>(segment.ack - tcb.snd.una);
    measure(tcb, segment, now, context.config);
    tcb.retransmits = 0;
    tcb.duplicate_acks = 0;
    const bool fin_acknowledged = advance_una(tcb, segment.ack, context);
    events |= event::acknowledged;
    if (tcb.in_recovery) {
        continue_recovery(tcb, acked);
    } else if (tcb.cwnd_limited) {
        NewReno::on_ack(tcb.congestion, acked, tcb.snd_mss);
    }
    // RFC 6298 §5.2 and §5.3.
    tcb.retransmit_deadline = tcb.flight() == 0 ? never : now + tcb.rtt.rto();
    tcb.persisting = false;
    if (fin_acknowledged) {
        tcb.state = after_fin_acknowledged(tcb.state);
        if (tcb.state == State::closed) {
            enter_closed(tcb);
        } else if (tcb.state == State::fin_wait_2 && tcb.user_gone) {
            tcb.user_deadline = now + context.config.fin_wait_2;
        }
    }
}

} // namespace

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
    if (tcb.persisting) {
        tcb.retransmits = 0; // The peer lives: probing goes on (RFC 9293 §3.8.6.1).
    }
    if (segment.ack > tcb.snd.una) {
        take_new_ack(tcb, segment, now, context, events);
    } else if (is_duplicate(tcb, segment)) {
        take_duplicate(tcb, context);
    }
    const bool newer =
        tcb.snd.wl1 < segment.seq || (tcb.snd.wl1 == segment.seq && tcb.snd.wl2 <= segment.ack);
    if (segment.ack >= tcb.snd.una && newer) {
        take_window(tcb, segment);
    }
    return Drop::none;
}

} // namespace millrace::tcp
