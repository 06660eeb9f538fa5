#include "internal.hpp"

#include "tcp/isn.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::SeqNum;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

/// The window field to send, and with it the right edge we are bound to. The edge moves right only
/// by a step worth a segment (silly-window avoidance, RFC 9293 §3.8.6.2.2), and never left.
std::uint16_t advertise(Tcb& tcb, const Context& context) {
    const SeqNum possible = edge_possible(tcb, context);
    const std::int32_t step = std::min<std::int32_t>(
        static_cast<std::int32_t>(context.config.receive_buffer_bytes / 2), tcb.rcv_mss);
    if (possible - tcb.rcv.edge >= step) {
        tcb.rcv.edge = possible;
    }
    const std::uint32_t unit = 1U << tcb.rcv_scale;
    const std::uint32_t field =
        std::min<std::uint32_t>((tcb.rcv_wnd() + unit - 1) >> tcb.rcv_scale, UINT16_MAX);
    // Rounding up says a little more than was meant; what was said is what binds.
    tcb.rcv.edge = later(tcb.rcv.edge, tcb.rcv.nxt + (field << tcb.rcv_scale));
    return static_cast<std::uint16_t>(field);
}

void add_timestamps(const Tcb& tcb, Instant now, wire::TcpOptions& options) {
    options.has_timestamps = true;
    options.ts_val = timestamp_clock(now) + tcb.ts_offset;
    options.ts_ecr = tcb.ts_recent;
}

void add_sack_blocks(const Tcb& tcb, const Context& context, wire::TcpOptions& options) {
    if (tcb.sack && tcb.reassembly != Pool<Reassembly>::none) [[unlikely]] {
        const std::uint8_t most = tcb.timestamps ? 3 : 4;
        options.sack_count =
            std::min(most, context.reassemblies[tcb.reassembly].blocks(options.sack));
    }
}

/// A segment that acknowledges everything received; what was owed is paid by it.
OutSegment& push_segment(Tcb& tcb, SeqNum seq, Instant now, Context& context) {
    OutSegment& out = context.output.push();
    TcpSegment& header = out.header;
    header.seq = seq;
    header.ack = tcb.rcv.nxt;
    header.flags = flag::ack;
    header.window = advertise(tcb, context);
    if (tcb.timestamps) {
        add_timestamps(tcb, now, header.options);
    }
    add_sack_blocks(tcb, context, header.options);
    tcb.rcv.acked = tcb.rcv.nxt;
    tcb.ack_now = false;
    tcb.ack_delayed = false;
    tcb.ack_deadline = never;
    return out;
}

/// Payload that a segment with these options may carry (RFC 6691: the MSS does not count options).
std::uint32_t payload_max(const Tcb& tcb, const Context& context) {
    wire::TcpOptions options;
    options.has_timestamps = tcb.timestamps;
    add_sack_blocks(tcb, context, options);
    return tcb.snd_mss - static_cast<std::uint32_t>(wire::tcp_options_length(options));
}

/// Sends `length` bytes of the queue from `cursor`, and the FIN when `fin`.
void emit_data(Tcb& tcb, SeqNum seq, Cursor cursor, std::uint32_t length, bool fin, Instant now,
               Context& context) {
    OutSegment& out = push_segment(tcb, seq, now, context);
    out.payload = cursor;
    out.payload_length = length;
    if (fin) {
        out.header.flags |= flag::fin;
    }
    if (length > 0 && seq + length == tcb.queue_end()) {
        out.header.flags |= flag::psh; // RFC 9293 MUST-61
    }
    if (seq < tcb.snd.nxt) {
        context.counters.add(Counter::retransmitted_segments);
        tcb.timing = tcb.timing && tcb.timed_seq <= seq; // Karn
    } else if (!tcb.timing) {
        tcb.timing = true;
        tcb.timed_seq = seq + length + (fin ? 1U : 0U);
        tcb.timed_at_us = microsecond_clock(now);
    }
    tcb.sent_ms = timestamp_clock(now);
}

/// cwnd, stretched by a segment for each of the first two duplicates (limited transmit, RFC 3042).
std::uint32_t congestion_window(const Tcb& tcb) {
    const bool stretched = !tcb.in_recovery && tcb.snd.at == tcb.snd.nxt;
    return tcb.congestion.cwnd +
           (stretched ? std::min<std::uint32_t>(tcb.duplicate_acks, 2) * smss(tcb) : 0U);
}

/// Whether a segment shorter than it could be may go out now: RFC 9293 §3.8.6.2.1 (silly windows)
/// and §3.7.4 (Nagle). `last` says that nothing is queued behind it.
bool short_segment_may_go(const Tcb& tcb, std::uint32_t length, bool last) {
    const auto sent_before = static_cast<std::uint32_t>(tcb.snd.nxt - tcb.snd.at);
    if (sent_before > 0 && length >= sent_before) {
        return true; // As short as it was.
    }
    if (last && (tcb.no_delay || sent_before > 0 || tcb.snd.at == tcb.snd.una)) {
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

/// Sends the next `length` bytes from SND.AT, and the FIN when `fin`, and moves on behind them.
void emit_next(Tcb& tcb, std::uint32_t length, bool fin, Instant now, Context& context) {
    emit_data(tcb, tcb.snd.at, tcb.queue_at, length, fin, now, context);
    tcb.queue_at = context.buffers.advanced(tcb.queue, tcb.queue_at, length);
    tcb.snd.at += length + (fin ? 1U : 0U);
    tcb.snd.nxt = later(tcb.snd.nxt, tcb.snd.at);
}

/// The segment at SND.UNA again, for the loss that duplicates or a time-out have told of.
void retransmit_first(Tcb& tcb, Instant now, Context& context) {
    const auto sent = std::min(tcb.flight(), tcb.queue.length);
    const std::uint32_t length = std::min(sent, payload_max(tcb, context));
    const bool fin = tcb.fin_sent() && length == tcb.queue.length;
    tcb.retransmit_first = false;
    if (length == 0 && !fin) {
        return;
    }
    if (tcb.snd.at == tcb.snd.una) {
        emit_next(tcb, length, fin, now, context);
    } else {
        emit_data(tcb, tcb.snd.una, Cursor{}, length, fin, now, context);
    }
    tcb.retransmit_deadline = now + tcb.rtt.rto();
}

/// What the queue and the windows have for the next segment.
struct NextSegment {
    bool due = false; ///< Something waits to be sent.
    std::uint32_t length = 0;
    bool last = false; ///< Nothing is queued behind it.
    bool fin = false;
};

NextSegment next_segment(const Tcb& tcb, std::uint32_t most) {
    const auto at = static_cast<std::uint32_t>(tcb.snd.at - tcb.snd.una);
    const bool fin_due = tcb.fin_queued && at <= tcb.queue.length;
    const std::uint32_t waiting = at < tcb.queue.length ? tcb.queue.length - at : 0;
    const std::uint32_t window = std::min(tcb.snd.wnd, congestion_window(tcb));
    const std::uint32_t usable = window > at ? window - at : 0;
    NextSegment next;
    next.due = waiting > 0 || fin_due;
    next.length = std::min({waiting, usable, most});
    next.last = next.length == waiting;
    // A FIN alone needs no room; while nothing is in flight it goes even into a closed window.
    next.fin = fin_due && next.last && (next.length > 0 || at < std::max(window, 1U));
    return next;
}

bool may_go(const Tcb& tcb, const NextSegment& next, std::uint32_t most) {
    if (next.length == 0 || next.fin) {
        return next.fin;
    }
    return next.length == most || short_segment_may_go(tcb, next.length, next.last);
}

/// An idle connection knows no longer what the path bears (RFC 5681 §4.1): cwnd is halved for each
/// time-out that has passed since data was last sent, down to the restart window (RFC 2861 §3.1).
void restart_after_idle(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t rto_ms = std::max(tcb.rtt.rto_us / 1000, 1U);
    std::uint32_t idle_ms = timestamp_clock(now) - tcb.sent_ms;
    CongestionState& congestion = tcb.congestion;
    const std::uint32_t restart_window = std::min(initial_window(tcb, context), congestion.cwnd);
    if (idle_ms <= rto_ms || congestion.cwnd == restart_window) {
        return;
    }
    congestion.ssthresh = std::max(congestion.ssthresh, congestion.cwnd / 2 + congestion.cwnd / 4);
    congestion.avoided = 0;
    while (idle_ms > rto_ms && congestion.cwnd > restart_window) {
        congestion.cwnd /= 2;
        idle_ms -= rto_ms;
    }
    congestion.cwnd = std::max(congestion.cwnd, restart_window);
    tcb.sent_ms = timestamp_clock(now) - idle_ms; // What has been paid for is not paid for again.
}

/// Whether cwnd is what bounds the flight: only then does an acknowledgement make it grow (RFC 5681
/// §3.1, RFC 7661). In slow start half of it is enough, for a flight grows by doubling.
bool fills_cwnd(const Tcb& tcb) {
    const std::uint64_t flight = tcb.flight();
    return flight + smss(tcb) > tcb.congestion.cwnd ||
           (tcb.congestion.in_slow_start() && 2 * flight > tcb.congestion.cwnd);
}

/// Cuts what the windows allow into segments. False when the output is full.
bool transmit_queue(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t most = payload_max(tcb, context);
    if (!next_segment(tcb, most).due) {
        return true;
    }
    if (tcb.flight() == 0) {
        restart_after_idle(tcb, now, context);
    }
    while (true) {
        const NextSegment next = next_segment(tcb, most);
        if (!next.due || !may_go(tcb, next, most)) {
            break;
        }
        if (context.output.full()) {
            return false;
        }
        emit_next(tcb, next.length, next.fin, now, context);
    }
    tcb.cwnd_limited = fills_cwnd(tcb);
    return true;
}

/// The timer runs while something is unacknowledged (RFC 6298 §5.1), or while something waits for a
/// closed window to open (RFC 9293 §3.8.6.1).
void set_retransmission_timer(Tcb& tcb, Instant now, const Config& config) {
    const bool in_flight = tcb.flight() > 0;
    const bool waits = !in_flight && (!tcb.queue.empty() || tcb.fin_queued);
    if (tcb.persisting && !waits) {
        // How long the probes have waited says nothing of the path.
        tcb.retransmits = 0;
        tcb.rtt.restore(config);
        tcb.retransmit_deadline = never;
    }
    tcb.persisting = waits;
    if (!in_flight && !waits) {
        tcb.retransmit_deadline = never;
    } else if (tcb.retransmit_deadline == never) {
        tcb.retransmit_deadline = now + tcb.rtt.rto();
    }
}

/// The user has taken data and the window can open by a good part: the peer may be waiting for it.
bool window_update_due(const Tcb& tcb, const Context& context) {
    if (!tcb.window_update || !may_receive(tcb.state)) {
        return false;
    }
    const auto half = static_cast<std::int32_t>(context.config.receive_buffer_bytes / 2);
    const std::int32_t gain = edge_possible(tcb, context) - tcb.rcv.edge;
    return gain >= std::min(half, 2 * std::int32_t{tcb.rcv_mss}) &&
           static_cast<std::int32_t>(tcb.rcv_wnd()) < half;
}

} // namespace

SeqNum edge_possible(const Tcb& tcb, const Context& context) {
    const std::uint32_t buffer = context.config.receive_buffer_bytes;
    const std::uint32_t by_bytes = buffer - std::min(buffer, tcb.unread.length);
    const std::uint32_t room = std::min(by_bytes, receive_budget(tcb, context) / 2);
    return tcb.rcv.nxt + std::min(room, std::uint32_t{UINT16_MAX} << tcb.rcv_scale);
}

std::uint32_t initial_window(const Tcb& tcb, const Context& context) {
    const std::uint32_t segments = context.config.initial_window_segments;
    // RFC 6928: min(10 * MSS, max(2 * MSS, 14600)).
    return std::min(segments * smss(tcb), std::max(2 * smss(tcb), segments * 1460U));
}

std::uint8_t scale_for(std::uint32_t buffer_bytes) {
    std::uint8_t scale = 0;
    while (scale < 14 && buffer_bytes >> scale > UINT16_MAX) {
        ++scale;
    }
    return scale;
}

void emit_ack(Tcb& tcb, Instant now, Context& context) {
    static_cast<void>(push_segment(tcb, tcb.snd.nxt, now, context));
}

void emit_limited_ack(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t clock = timestamp_clock(now);
    const auto interval = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(context.config.challenge_ack_interval)
            .count());
    // One is added to both sides, as `challenged_ms` can be one ahead in the clock's first
    // millisecond.
    if (tcb.challenged_ms != 0 && clock + 1 - tcb.challenged_ms <= interval) {
        return;
    }
    tcb.challenged_ms = std::max(clock, 1U);
    context.counters.add(Counter::challenge_acks);
    emit_ack(tcb, now, context);
}

void emit_syn(Tcb& tcb, Instant now, Context& context) {
    const bool answering = tcb.state == State::syn_received;
    OutSegment& out = context.output.push();
    TcpSegment& header = out.header;
    header.seq = tcb.snd.una;
    header.flags = flag::syn;
    if (answering) {
        header.ack = tcb.rcv.nxt;
        header.flags |= flag::ack;
    }
    header.window = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(context.config.receive_buffer_bytes, UINT16_MAX));
    header.options.has_mss = true;
    header.options.mss = tcb.snd_mss;
    header.options.sack_permitted = tcb.sack;
    header.options.has_window_scale = tcb.window_scale;
    header.options.window_scale = scale_for(context.config.receive_buffer_bytes);
    if (tcb.timestamps) {
        add_timestamps(tcb, now, header.options);
    }
}

void emit_reset(Tcb& tcb, Context& context) {
    OutSegment& out = context.output.push();
    out.header.seq = tcb.snd.nxt;
    out.header.ack = tcb.rcv.nxt;
    out.header.flags = flag::rst | flag::ack;
    context.counters.add(Counter::resets_sent);
}

void emit_reset_for_ack(SeqNum ack, Context& context) {
    OutSegment& out = context.output.push();
    out.header.seq = ack;
    out.header.flags = flag::rst;
    context.counters.add(Counter::resets_sent);
}

void emit_probe(Tcb& tcb, Instant now, Context& context) {
    // Outside the peer's window by one, so it must be answered; the byte itself was received long
    // ago.
    static_cast<void>(push_segment(tcb, tcb.snd.una - 1, now, context));
    context.counters.add(Counter::zero_window_probes);
}

void emit_override(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t length =
        std::min({tcb.queue.length, tcb.snd.wnd, payload_max(tcb, context)});
    emit_next(tcb, length, false, now, context);
    set_retransmission_timer(tcb, now, context.config);
}

bool flush(Tcb& tcb, Instant now, Context& context) {
    if (tcb.retransmit_first && may_transmit(tcb)) [[unlikely]] {
        if (context.output.full()) {
            return false;
        }
        retransmit_first(tcb, now, context);
    }
    if (may_transmit(tcb)) {
        const bool all = transmit_queue(tcb, now, context);
        set_retransmission_timer(tcb, now, context.config); // The rest may have to wait long.
        if (!all) {
            return false;
        }
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
        tcb.ack_deadline = now + context.config.delayed_ack;
    }
    return true;
}

} // namespace millrace::tcp
