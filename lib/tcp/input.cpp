#include "ecn.hpp"
#include "internal.hpp"

#include "tcp/clock.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::Drop;
using wire::SeqNum;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

/// A segment cut to the receive window: what is left of it to be taken.
struct Trimmed {
    SeqNum seq;
    Slice text;
    bool fin = false;
};

/// RFC 7323 §5.3 R1. After 24 days without a segment TS.Recent means nothing any more (§5.5).
bool passes_paws(const Tcb& tcb, const TcpSegment& segment, Instant now) {
    constexpr std::uint32_t outdated_ms = 24U * 24 * 3600 * 1000;
    const bool older = is_older(segment.options.ts_val, tcb.ts_recent);
    return !older || timestamp_clock(now) - tcb.heard_ms > outdated_ms;
}

/// Step 1: RFC 9293 §3.4's four cases of an acceptable segment. A reset's text counts for nothing.
bool acceptable(const Tcb& tcb, const TcpSegment& segment) {
    const std::uint32_t length = segment.has(flag::rst) ? 0 : segment.sequence_length();
    const std::uint32_t window = tcb.rcv_wnd();
    if (length == 0) {
        return segment.seq == tcb.rcv.nxt || segment.seq.in_window(tcb.rcv.nxt, window);
    }
    return segment.seq.in_window(tcb.rcv.nxt, window) ||
           (segment.seq + (length - 1)).in_window(tcb.rcv.nxt, window);
}

/// In a simultaneous open the peer's SYN,ACK repeats the SYN that was received before; what is new
/// is its acknowledgement (RFC 9293 §3.5, figure 7).
bool completes_simultaneous_open(const Tcb& tcb, const TcpSegment& segment) {
    return tcb.state == State::syn_received && segment.has(flag::syn) && segment.has(flag::ack) &&
           segment.seq + 1 == tcb.rcv.nxt;
}

/// With a closed window no text is acceptable, but the ACK on it may be (RFC 9293 §3.10.7.4).
bool acceptable_for_ack_only(const Tcb& tcb, const TcpSegment& segment) {
    return tcb.rcv_wnd() == 0 && segment.seq == tcb.rcv.nxt && segment.has(flag::ack) &&
           !segment.has(flag::syn | flag::rst);
}

/// An unacceptable segment is answered with an ACK. Text without SYN cannot be part of a loop of
/// acknowledgements, so its answer is not rate-limited (a lost ACK must be repeated at once).
void answer_unacceptable(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context) {
    if (segment.has(flag::rst)) {
        return;
    }
    if (!segment.payload.empty() && !segment.has(flag::syn)) {
        const SeqNum end = segment.seq + static_cast<std::uint32_t>(segment.payload.size());
        if (end <= tcb.rcv.nxt) {
            emit_ack_of_duplicate(tcb, {segment.seq, end}, now, context);
        } else {
            emit_ack(tcb, now, context);
        }
    } else {
        emit_limited_ack(tcb, now, context);
    }
}

Drop check_timestamps(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context) {
    if (!tcb.timestamps || segment.has(flag::rst)) {
        return Drop::none;
    }
    if (!segment.options.has_timestamps) {
        // RFC 7323 §3.2. A SYN is challenged whatever it carries: its sender may have restarted.
        return segment.has(flag::syn) ? Drop::none : Drop::tcp_no_timestamp;
    }
    if (!passes_paws(tcb, segment, now)) {
        answer_unacceptable(tcb, segment, now, context);
        return Drop::tcp_paws;
    }
    return Drop::none;
}

/// Step 1.
Drop check_sequence(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context) {
    if (acceptable(tcb, segment) || acceptable_for_ack_only(tcb, segment) ||
        completes_simultaneous_open(tcb, segment)) [[likely]] {
        return Drop::none;
    }
    if (segment.has(flag::rst)) {
        return Drop::tcp_rst_outside_window;
    }
    // A repeated SYN,ACK or SYN of a handshake that is over says that our ACK was lost.
    answer_unacceptable(tcb, segment, now, context);
    return segment.seq < tcb.rcv.nxt ? Drop::tcp_old_duplicate : Drop::tcp_bad_sequence;
}

/// Step 2, as RFC 5961 §3.2 has it: only a reset at exactly RCV.NXT is believed.
Drop check_reset(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context,
                 std::uint8_t& events) {
    if (!segment.has(flag::rst)) [[likely]] {
        return Drop::none;
    }
    if (tcb.state == State::time_wait) {
        return Drop::tcp_time_wait_rst; // RFC 1337
    }
    if (segment.seq != tcb.rcv.nxt) {
        emit_limited_ack(tcb, now, context);
        return Drop::tcp_rst_not_exact;
    }
    context.counters.add(Counter::resets_received);
    events |= tcb.state == State::syn_received ? event::refused : event::reset;
    enter_closed(tcb);
    return Drop::none;
}

/// Step 4, as RFC 5961 §4.2 has it: a SYN in a synchronized connection gets a challenge ACK.
Drop check_syn(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context) {
    if (!segment.has(flag::syn) || completes_simultaneous_open(tcb, segment)) [[likely]] {
        return Drop::none;
    }
    emit_limited_ack(tcb, now, context);
    return Drop::tcp_syn_in_connection;
}

/// Step 5 in SYN-RECEIVED, which a Tcb is in after a simultaneous open only.
Drop check_ack_in_syn_received(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context,
                               std::uint8_t& events) {
    if (segment.ack != tcb.snd.nxt) {
        emit_reset_for_ack(segment.ack, context);
        return Drop::tcp_bad_ack;
    }
    complete_open(tcb, segment, now, context);
    tcb.snd.wl1 = segment.seq;
    tcb.snd.wl2 = segment.ack;
    if (!segment.has(flag::syn)) { // A SYN's window is not scaled, and was taken before.
        take_window(tcb, segment);
    }
    events |= event::established;
    return Drop::none;
}

Trimmed trim(const Tcb& tcb, const TcpSegment& segment, const Slice& text) {
    // A SYN that is let through is the peer's own, seen again; its text begins one later.
    Trimmed left{segment.seq + (segment.has(flag::syn) ? 1U : 0U), text, segment.has(flag::fin)};
    if (left.seq < tcb.rcv.nxt) {
        const auto before = static_cast<std::uint32_t>(tcb.rcv.nxt - left.seq);
        const std::uint32_t cut = std::min(before, left.text.length);
        left.fin = left.fin && before <= left.text.length;
        left.text = left.text.without_first(cut);
        left.seq = tcb.rcv.nxt;
    }
    const auto room = static_cast<std::uint32_t>(std::max(tcb.rcv.edge - left.seq, 0));
    if (left.text.length > room) {
        left.text = left.text.first(room);
        left.fin = false;
    }
    return left;
}

/// Text after the user has closed both ways means that data is lost: say so (RFC 9293 §3.6,
/// RFC 2525 §2.17).
bool text_after_close(const Tcb& tcb, const Trimmed& trimmed) {
    return tcb.user_gone && trimmed.text.length > 0 && may_receive(tcb.state);
}

/// Steps 6 to 8 as far as they go without the user.
void process_text(Tcb& tcb, const TcpSegment& segment, const Slice& text, Instant now,
                  Context& context, Arrival& arrival) {
    const Trimmed trimmed = trim(tcb, segment, text);
    if (text_after_close(tcb, trimmed)) {
        emit_reset(tcb, context);
        enter_closed(tcb);
        arrival.events |= event::aborted;
        arrival.drop = Drop::tcp_data_after_close;
        return;
    }
    if (trimmed.text.length > 0 || trimmed.fin) {
        accept_text(tcb, trimmed.seq, trimmed.text, trimmed.fin, now, context, arrival);
    } else if (!segment.payload.empty()) {
        tcb.ack_now = true; // A probe of our closed window wants to hear of it.
        arrival.drop = Drop::tcp_zero_window;
    }
}

} // namespace

void enter_closed(Tcb& tcb) {
    tcb.state = State::closed;
    tcb.retransmit_deadline = never;
    tcb.ack_deadline = never;
    tcb.user_deadline = never;
    tcb.ack_now = false;
    tcb.ack_delayed = false;
}

void note_heard(Tcb& tcb, Instant now) {
    tcb.heard_ms = timestamp_clock(now);
    if (tcb.timer == RetransmitTimer::keep_alive) {
        tcb.retransmits = 0; // Whatever it says, the peer is there.
    }
}

void update_ts_recent(Tcb& tcb, const TcpSegment& segment) {
    if (tcb.timestamps && segment.options.has_timestamps && segment.seq <= tcb.rcv.acked) {
        tcb.ts_recent = segment.options.ts_val;
    }
}

Arrival segment_arrives(Tcb& tcb, const TcpSegment& segment, const Slice& text, Instant now,
                        Context& context) {
    if (tcb.state == State::syn_sent) {
        return arrives_in_syn_sent(tcb, segment, text, now, context);
    }
    Arrival arrival;
    if (arrival.drop = check_timestamps(tcb, segment, now, context); arrival.drop != Drop::none) {
        return arrival;
    }
    if (arrival.drop = check_sequence(tcb, segment, now, context); arrival.drop != Drop::none) {
        return arrival;
    }
    arrival.drop = check_reset(tcb, segment, now, context, arrival.events);
    if (arrival.drop != Drop::none || tcb.state == State::closed) {
        return arrival;
    }
    if (arrival.drop = check_syn(tcb, segment, now, context); arrival.drop != Drop::none) {
        return arrival;
    }
    if (!segment.has(flag::ack)) {
        arrival.drop = Drop::tcp_no_ack;
        return arrival;
    }
    arrival.drop = tcb.state == State::syn_received
                       ? check_ack_in_syn_received(tcb, segment, now, context, arrival.events)
                       : process_ack(tcb, segment, now, context, arrival.events);
    if (arrival.drop != Drop::none || tcb.state == State::closed) {
        return arrival;
    }
    note_heard(tcb, now);
    update_ts_recent(tcb, segment);
    take_ecn(tcb, segment, context);
    process_text(tcb, segment, text, now, context, arrival);
    return arrival;
}

} // namespace millrace::tcp
