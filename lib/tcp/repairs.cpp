#include "internal.hpp"
#include "recovery.hpp"

/// Sending again what is lost, or what a probe repeats.
namespace millrace::tcp {

using wire::SeqNum;

namespace {

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
    if (left < flight.mtu_probe_end && flight.mtu_probe_end <= right) {
        flight.mtu_probe = 0; // If it arrives, it may be by this.
    }
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

} // namespace

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

} // namespace millrace::tcp
