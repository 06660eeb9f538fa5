#include "internal.hpp"
#include "recovery.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::SeqNum;

namespace {

constexpr std::uint16_t dup_thresh = 3;
constexpr unsigned multiplier_max = 15;
constexpr unsigned persist_max = 15; ///< RFC 8985 has 16.

/// RACK_sent_after (RFC 8985 §5.2): what leaves in one burst has one time, and goes by the stream's
/// order.
bool sent_after(Instant a, SeqNum a_end, Instant b, SeqNum b_end) {
    return a > b || (a == b && a_end > b_end);
}

/// The flight remembers, for other timers are set and stopped meanwhile.
void set_rack_timer(Tcb& tcb, Flight& flight, Instant due) {
    if (flight.rack_due != due) {
        flight.rack_due = due;
        tcb.retransmit_deadline = never;
    }
}

} // namespace

void rack_delivered(Tcb& tcb, Flight& flight, const SentRecord& record, Instant now) {
    // Step 3: something overtaken has come after all.
    if (!flight.rack_valid || record.right > flight.fack) {
        flight.fack = record.right;
    } else if (record.right < flight.fack && !record.repeated) {
        tcb.reordering_seen = true;
    }
    // Step 2. What came back faster than any before was the first copy of something sent twice.
    if (record.repeated && round_trip_us(now - record.sent) < tcb.rtt.min_us) {
        return;
    }
    if (!flight.rack_valid ||
        sent_after(record.sent, record.right, flight.rack_sent, flight.rack_end)) {
        flight.rack_valid = true;
        flight.rack_sent = record.sent;
        flight.rack_end = record.right;
        flight.rack_rtt = now - record.sent;
    }
}

void rack_duplicate(Tcb& tcb, Flight& flight) {
    if (flight.dsack_seen && tcb.snd.una < flight.dsack_round) {
        return; // Once a round trip.
    }
    flight.dsack_seen = true;
    flight.dsack_round = tcb.snd.nxt;
    tcb.reordering_multiplier =
        std::min<unsigned>(tcb.reordering_multiplier + 1U, multiplier_max) & 15U;
    tcb.reordering_persist = persist_max;
}

void rack_recovered(Tcb& tcb) {
    if (tcb.reordering_persist > 0) {
        tcb.reordering_persist = (tcb.reordering_persist - 1U) & 15U;
    } else {
        tcb.reordering_multiplier = 1;
    }
}

std::uint32_t reordering_window_us(const Tcb& tcb, const Flight& flight) {
    if (!tcb.reordering_seen &&
        (flight.repair >= Repair::recovery || flight.sacked_records >= dup_thresh)) {
        return 0;
    }
    const std::uint32_t quarter = tcb.rtt.min_us == UINT32_MAX ? 0 : tcb.rtt.min_us / 4;
    return std::min(tcb.reordering_multiplier * quarter, tcb.rtt.srtt_us);
}

bool rack_detect_losses(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    if (!flight.rack_valid) {
        return false;
    }
    Flights& flights = context.flights;
    const Duration patience =
        flight.rack_rtt + std::chrono::microseconds{reordering_window_us(tcb, flight)};
    bool found = false;
    Instant due = never;
    for (std::uint32_t index = flight.oldest; index != Flights::none;) {
        const SentRecord& record = flights.record(index);
        if (!sent_after(flight.rack_sent, flight.rack_end, record.sent, record.right)) {
            break;
        }
        const std::uint32_t next = record.younger;
        const Duration remaining = record.sent + patience - now;
        if (remaining <= Duration::zero()) {
            flights.mark_lost(flight, index);
            found = true;
        } else {
            due = now + remaining; // All that follow were sent later, and are waited for longer.
            break;
        }
        index = next;
    }
    set_rack_timer(tcb, flight, due);
    return found;
}

} // namespace millrace::tcp
