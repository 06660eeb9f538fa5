#include "ecn.hpp"
#include "internal.hpp"
#include "path_mtu.hpp"
#include "recovery.hpp"

#include "tcp/isn.hpp"

#include <algorithm>
#include <array>

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
        static_cast<std::int32_t>(receive_buffer(tcb, context) / 2), tcb.rcv_mss);
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

/// What was received out of order, and first of all what was received twice (RFC 2883).
void add_sack_blocks(const Tcb& tcb, const Context& context, const wire::SackBlock& duplicate,
                     wire::TcpOptions& options) {
    if (!tcb.sack) {
        return;
    }
    const std::uint8_t most = tcb.timestamps ? 3 : 4;
    if (duplicate.left < duplicate.right) [[unlikely]] {
        options.sack[options.sack_count++] = duplicate;
    }
    if (tcb.reassembly != Pool<Reassembly>::none) [[unlikely]] {
        std::array<wire::SackBlock, 4> blocks;
        const std::uint8_t count = context.reassemblies[tcb.reassembly].blocks(blocks);
        for (std::uint8_t i = 0; i < count && options.sack_count < most; ++i) {
            options.sack[options.sack_count++] = blocks[i];
        }
    }
}

/// A segment that acknowledges everything received; what was owed is paid by it.
OutSegment& push_segment(Tcb& tcb, SeqNum seq, Instant now, Context& context,
                         const wire::SackBlock& duplicate = {}) {
    OutSegment& out = context.output.push();
    TcpSegment& header = out.header;
    header.seq = seq;
    header.ack = tcb.rcv.nxt;
    header.flags = static_cast<std::uint8_t>(flag::ack | (tcb.ecn_echo ? flag::ece : 0));
    header.window = advertise(tcb, context);
    if (tcb.timestamps) {
        add_timestamps(tcb, now, header.options);
    }
    add_sack_blocks(tcb, context, duplicate, header.options);
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
    add_sack_blocks(tcb, context, {}, options);
    return tcb.snd_mss - static_cast<std::uint32_t>(wire::tcp_options_length(options));
}

/// Puts out `length` bytes of the queue from `cursor`, and the FIN when `fin`.
OutSegment& emit_data(Tcb& tcb, SeqNum seq, Cursor cursor, std::uint32_t length, bool fin,
                      Instant now, Context& context) {
    OutSegment& out = push_segment(tcb, seq, now, context);
    out.payload = cursor;
    out.payload_length = length;
    if (fin) {
        out.header.flags |= flag::fin;
    }
    if (length > 0 && seq + length == tcb.queue_end()) {
        out.header.flags |= flag::psh; // RFC 9293 MUST-61
    }
    tcb.sent_ms = timestamp_clock(now);
    return out;
}

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

/// Where `seq`, which is in flight, stands in the send queue.
Cursor find(const Tcb& tcb, Flight& flight, SeqNum seq, const Buffers& buffers) {
    const bool from_front = flight.repair_at > seq || flight.repair_at <= tcb.snd.una;
    const SeqNum from = from_front ? tcb.snd.una : flight.repair_at;
    const Cursor cursor = from_front ? Cursor{} : flight.repair_cursor();
    return buffers.advanced(tcb.queue, cursor, static_cast<std::uint32_t>(seq - from));
}

/// Puts out [left, right), which is in flight and fits into a segment, again.
void emit_again(Tcb& tcb, Flight& flight, SeqNum left, SeqNum right, Instant now,
                Context& context) {
    const bool fin = right > tcb.queue_end();
    const auto length = static_cast<std::uint32_t>(right - left) - (fin ? 1U : 0U);
    const Cursor cursor = find(tcb, flight, left, context.buffers);
    static_cast<void>(emit_data(tcb, left, cursor, length, fin, now, context));
    flight.repair_cursor() = context.buffers.advanced(tcb.queue, cursor, length);
    flight.repair_at = right;
    flight.mtu_probe = right == flight.mtu_probe_end ? 0 : flight.mtu_probe;
    flight.prr_out += length;
    flight.undo_retransmits += length;
    context.counters.add(Counter::retransmitted_segments);
}

/// What of a record has not been sent again yet begins here: a record longer than a segment may
/// have been repaired in part.
SeqNum rest_of(const Flight& flight, const SentRecord& record) {
    const bool begun = flight.repair_at > record.left && flight.repair_at < record.right;
    return begun ? flight.repair_at : record.left;
}

/// Where the segment that repairs from `from` on ends: records that follow each other and are all
/// to be repaired are cut anew.
SeqNum repair_end(const Flights& flights, std::uint32_t index, SeqNum from, std::uint32_t most) {
    SeqNum end = flights.record(index).right;
    while (end - from < static_cast<std::int32_t>(most)) {
        index = flights.record(index).next;
        if (index == Flights::none || !flights.record(index).to_repair()) {
            break;
        }
        end = flights.record(index).right;
    }
    return earlier(end, from + most);
}

/// The records that end by `end` have been sent again.
void note_repaired(Flight& flight, Flights& flights, std::uint32_t index, SeqNum end, Instant now) {
    while (index != Flights::none && flights.record(index).right <= end) {
        flights.mark_retransmitted(flight, index, now);
        index = flights.record(index).next;
    }
}

/// Whether the windows let [from, end) go again. The head may always go: it opens a closed window.
bool repair_may_go(const Tcb& tcb, const Flight& flight, const SentRecord& record, SeqNum from,
                   SeqNum end) {
    const auto begun = static_cast<std::uint32_t>(end - record.left);
    const bool is_head = from == tcb.snd.una;
    return flight.must_repair || (pipe(tcb, flight) + begun <= tcb.congestion.cwnd &&
                                  (is_head || end <= tcb.snd.una + tcb.snd.wnd));
}

/// Sends what is lost again, as far as cwnd goes. False when the output is full.
bool transmit_repairs(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    Flights& flights = context.flights;
    while (true) {
        const std::uint32_t index = flights.next_repair(flight);
        if (index == Flights::none) {
            flight.must_repair = false; // What it was for has arrived.
            break;
        }
        const SentRecord& record = flights.record(index);
        const SeqNum from = rest_of(flight, record);
        const SeqNum end = repair_end(flights, index, from, payload_max(tcb, context));
        const auto length = static_cast<std::uint32_t>(end - from);
        if (!repair_may_go(tcb, flight, record, from, end) ||
            (!flight.must_repair && !pace_allows(tcb, &flight, length, now, context))) {
            break;
        }
        if (context.output.full()) {
            return false;
        }
        if (index == flight.head) {
            flight.timer_base = now; // The time-out counts from the repetition (RFC 6582 §3.2).
        }
        flight.must_repair = false;
        tcb.retransmit_deadline = never;
        emit_again(tcb, flight, from, end, now, context);
        note_paced(tcb, flight, length, now, context);
        note_repaired(flight, flights, index, end, now);
    }
    return true;
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
    return next.length == most || short_segment_may_go(tcb, next.length, next.last);
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

/// The timer runs while something is unacknowledged (RFC 6298 §5.1), or while something waits for a
/// closed window to open (RFC 9293 §3.8.6.1).
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
}

/// The user has taken data and the window can open by a good part: the peer may be waiting for it.
bool window_update_due(const Tcb& tcb, const Context& context) {
    if (!tcb.window_update || !may_receive(tcb.state)) {
        return false;
    }
    const auto half = static_cast<std::int32_t>(receive_buffer(tcb, context) / 2);
    const std::int32_t gain = edge_possible(tcb, context) - tcb.rcv.edge;
    return gain >= std::min(half, 2 * std::int32_t{tcb.rcv_mss}) &&
           static_cast<std::int32_t>(tcb.rcv_wnd()) < half;
}

} // namespace

SeqNum edge_possible(const Tcb& tcb, const Context& context) {
    constexpr std::uint32_t segments_under_pressure = 4; // As Linux's rcv_ssthresh then.
    std::uint32_t buffer = receive_buffer(tcb, context);
    if (context.buffers.under_pressure()) [[unlikely]] {
        buffer = std::min(buffer, segments_under_pressure * tcb.rcv_mss);
    }
    const std::uint32_t by_bytes = buffer - std::min(buffer, tcb.unread.length);
    const std::uint32_t room = std::min(by_bytes, receive_budget(tcb, context) / 2);
    return tcb.rcv.nxt + std::min(room, std::uint32_t{UINT16_MAX} << tcb.rcv_scale);
}

std::uint32_t initial_window(const Tcb& tcb, const Context& context) {
    const std::uint32_t segments = context.config(tcb).initial_window_segments;
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

void emit_ack_of_duplicate(Tcb& tcb, const wire::SackBlock& duplicate, Instant now,
                           Context& context) {
    static_cast<void>(push_segment(tcb, tcb.snd.nxt, now, context, duplicate));
}

void emit_limited_ack(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t clock = timestamp_clock(now);
    const auto interval =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       context.config(tcb).challenge_ack_interval)
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
    header.flags = static_cast<std::uint8_t>(flag::syn | ecn_flags_of_syn(tcb));
    if (answering) {
        header.ack = tcb.rcv.nxt;
        header.flags |= flag::ack;
    }
    header.window = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(context.config(tcb).receive_buffer_bytes, UINT16_MAX));
    header.options.has_mss = true;
    header.options.mss = tcb.rcv_mss;
    header.options.sack_permitted = tcb.sack;
    header.options.has_window_scale = tcb.window_scale;
    header.options.window_scale = scale_for(receive_buffer_max(context.config(tcb)));
    if (tcb.timestamps) {
        add_timestamps(tcb, now, header.options);
        if (!answering) {
            header.options.ts_ecr = 0; // RFC 7323 §3.2: of no meaning without ACK.
        }
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
}

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

bool emit_last_again(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    const SentRecord& last = context.flights.record(flight.tail);
    if (last.right > tcb.snd.una + tcb.snd.wnd) {
        return false;
    }
    const SeqNum left = later(last.left, last.right - payload_max(tcb, context));
    emit_again(tcb, flight, left, last.right, now, context);
    context.flights.mark_retransmitted(flight, flight.tail, now);
    restart_repairs(tcb, flight); // Or the tail, if it grows, would seem repaired in part.
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
