#include "internal.hpp"
#include "recovery.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::SeqNum;

namespace {

constexpr std::uint16_t dup_thresh = 3;
constexpr unsigned multiplier_max = 15;
constexpr unsigned persist_max = 15; ///< RFC 8985 has 16.

/// RACK_sent_after (RFC 8985 §5.2): clocks of 1 µs make ties, which the stream's order breaks.
bool sent_after(std::uint32_t a_us, SeqNum a_end, std::uint32_t b_us, SeqNum b_end) {
    const auto ahead = static_cast<std::int32_t>(a_us - b_us);
    return ahead > 0 || (ahead == 0 && a_end > b_end);
}

} // namespace

void rack_delivered(Tcb& tcb, Flight& flight, const SentRecord& record, std::uint32_t now_us) {
    // Step 3: something overtaken has come after all.
    if (!flight.rack_valid || record.right > flight.fack) {
        flight.fack = record.right;
    } else if (record.right < flight.fack && !record.repeated) {
        tcb.reordering_seen = true;
    }
    // Step 2. What came back faster than any before was the first copy of something sent twice.
    const std::uint32_t rtt_us = now_us - record.sent_us;
    if (record.repeated && rtt_us < tcb.rtt.min_us) {
        return;
    }
    if (!flight.rack_valid ||
        sent_after(record.sent_us, record.right, flight.rack_sent_us, flight.rack_end)) {
        flight.rack_valid = true;
        flight.rack_sent_us = record.sent_us;
        flight.rack_end = record.right;
        flight.rack_rtt_us = rtt_us;
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
    const std::uint32_t now_us = microsecond_clock(now);
    const std::uint32_t patience = flight.rack_rtt_us + reordering_window_us(tcb, flight);
    bool found = false;
    std::int32_t wait_us = 0;
    for (std::uint32_t index = flight.oldest; index != Flights::none;) {
        const SentRecord& record = flights.record(index);
        if (!sent_after(flight.rack_sent_us, flight.rack_end, record.sent_us, record.right)) {
            break;
        }
        const std::uint32_t next = record.younger;
        const auto remaining = static_cast<std::int32_t>(record.sent_us + patience - now_us);
        if (remaining <= 0) {
            flights.mark_lost(flight, index);
            found = true;
        } else {
            wait_us = std::max(wait_us, remaining);
        }
        index = next;
    }
    if (wait_us > 0) {
        tcb.timer = RetransmitTimer::reordering;
        tcb.retransmit_deadline = now + std::chrono::microseconds{wait_us};
    }
    return found;
}

} // namespace millrace::tcp
