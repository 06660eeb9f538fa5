#include "tcp/flight.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::SeqNum;

Flights::Flights(const Limits& limits, std::pmr::memory_resource& memory)
    : flights_{limits.flights, memory}, records_{limits.flights + limits.records, memory} {}

std::uint32_t Flights::begin(SeqNum una) {
    const std::uint32_t index = flights_.allocate();
    if (index != none) {
        Flight& flight = flights_[index];
        flight = Flight{};
        flight.repair_at = flight.recover = flight.undo_from = flight.use_end = una;
    }
    return index;
}

void Flights::end(std::uint32_t index) {
    Flight& flight = flights_[index];
    while (flight.head != none) {
        const std::uint32_t next = records_[flight.head].next;
        records_.release(flight.head);
        flight.head = next;
    }
    flights_.release(index);
}

/// How many records a flight may have: the fewer are left, the fewer, so that no number of flights
/// takes all that the others need.
std::uint32_t Flights::share_of(std::uint32_t available) {
    constexpr std::uint32_t least = 32;
    constexpr std::uint32_t parts = 8;
    return std::clamp(available / parts, least, records_per_flight_max);
}

/// The first record of a flight can always be had: as many are kept back as flights may still
/// begin.
std::uint32_t Flights::make_record(const Flight& flight) {
    const std::uint32_t kept_back = flights_.available();
    const std::uint32_t available =
        records_.available() - std::min(records_.available(), kept_back);
    if (flight.records > 0 && (available == 0 || flight.records >= share_of(available))) {
        return none;
    }
    const std::uint32_t index = records_.allocate();
    if (index != none) {
        records_[index] = SentRecord{};
    }
    return index;
}

void Flights::link_behind(Flight& flight, std::uint32_t older, std::uint32_t index) {
    SentRecord& record = records_[index];
    record.older = older;
    record.younger = older == none ? flight.oldest : records_[older].younger;
    (older == none ? flight.oldest : records_[older].younger) = index;
    (record.younger == none ? flight.youngest : records_[record.younger].older) = index;
}

void Flights::link_youngest(Flight& flight, std::uint32_t index) {
    link_behind(flight, flight.youngest, index);
}

void Flights::unlink(Flight& flight, std::uint32_t index) {
    const SentRecord& record = records_[index];
    (record.older == none ? flight.oldest : records_[record.older].younger) = record.younger;
    (record.younger == none ? flight.youngest : records_[record.younger].older) = record.older;
}

void Flights::append(Flight& flight, SeqNum left, SeqNum right, Instant now) {
    if (flight.tail == none) {
        flight.progress = now;
    }
    const std::uint32_t index = make_record(flight);
    if (index == none) {
        extend_tail(flight, right, now);
        return;
    }
    SentRecord& record = records_[index];
    record.left = left;
    record.right = right;
    record.sent = now;
    (flight.tail == none ? flight.head : records_[flight.tail].next) = index;
    flight.tail = index;
    ++flight.records;
    link_youngest(flight, index);
}

/// What was sent joins the last record, whatever is known of that: at worst it is sent once more.
void Flights::extend_tail(Flight& flight, SeqNum right, Instant now) {
    SentRecord& last = records_[flight.tail];
    const auto added = static_cast<std::uint32_t>(right - last.right);
    if (last.under_way()) {
        unlink(flight, flight.tail);
    } else if (last.sacked) {
        flight.sacked -= last.length();
        --flight.sacked_records;
        last.sacked = false;
    }
    last.right = right;
    last.sent = now;
    last.repeated = true; // Its age is no round-trip time any more.
    flight.lost += last.lost ? added : 0;
    flight.retransmitted += last.retransmitted ? added : 0;
    if (last.under_way()) {
        link_youngest(flight, flight.tail);
    }
}

/// `length` bytes of a record are no longer in the sums.
void Flights::forget(Flight& flight, const SentRecord& record, std::uint32_t length) {
    flight.sacked -= record.sacked ? length : 0;
    flight.lost -= record.lost ? length : 0;
    flight.retransmitted -= record.retransmitted ? length : 0;
}

void Flights::cut_front(Flight& flight, SeqNum una) {
    SentRecord& record = records_[flight.head];
    forget(flight, record, static_cast<std::uint32_t>(una - record.left));
    record.left = una;
}

void Flights::drop_head(Flight& flight) {
    const std::uint32_t index = flight.head;
    const SentRecord& record = records_[index];
    forget(flight, record, record.length());
    if (record.sacked) {
        --flight.sacked_records;
    }
    if (record.under_way()) {
        unlink(flight, index);
    }
    if (flight.to_repair == index) {
        flight.to_repair = record.next;
    }
    if (flight.sack_at == index) {
        flight.sack_at = none;
    }
    flight.head = record.next;
    if (flight.head == none) {
        flight.tail = none;
    }
    --flight.records;
    records_.release(index);
}

std::uint32_t Flights::split(Flight& flight, std::uint32_t index, SeqNum at) {
    const std::uint32_t behind = make_record(flight);
    if (behind == none) {
        return none;
    }
    SentRecord& front = records_[index];
    SentRecord& back = records_[behind];
    back = front;
    back.left = at;
    front.right = at;
    front.next = behind;
    if (flight.tail == index) {
        flight.tail = behind;
    }
    if (front.sacked) {
        ++flight.sacked_records;
    }
    ++flight.records;
    if (front.under_way()) { // The back stands behind the front, as it was sent then.
        back.older = index;
        (front.younger == none ? flight.youngest : records_[front.younger].older) = behind;
        front.younger = behind;
    }
    return behind;
}

void Flights::mark_sacked(Flight& flight, std::uint32_t index) {
    SentRecord& record = records_[index];
    if (record.under_way()) {
        unlink(flight, index);
    }
    forget(flight, record, record.length());
    record.lost = record.retransmitted = false;
    record.sacked = true;
    record.older = none;
    flight.sacked += record.length();
    ++flight.sacked_records;
}

void Flights::mark_lost(Flight& flight, std::uint32_t index) {
    SentRecord& record = records_[index];
    if (record.under_way()) {
        unlink(flight, index);
    }
    forget(flight, record, record.length());
    record.retransmitted = false;
    record.lost = true;
    flight.lost += record.length();
    if (flight.to_repair == none || record.left < records_[flight.to_repair].left) {
        flight.to_repair = index;
    }
}

void Flights::mark_retransmitted(Flight& flight, std::uint32_t index, Instant now) {
    SentRecord& record = records_[index];
    if (record.under_way()) {
        unlink(flight, index);
    }
    if (!record.retransmitted) {
        flight.retransmitted += record.length();
    }
    record.retransmitted = record.repeated = true;
    record.sent = now;
    link_youngest(flight, index);
}

void Flights::forget_losses(Flight& flight) {
    std::uint32_t older = none; // What was lost was sent before all that is under way.
    for (std::uint32_t index = flight.head; index != none; index = records_[index].next) {
        SentRecord& record = records_[index];
        if (record.to_repair()) {
            link_behind(flight, older, index);
            older = index;
        }
        record.lost = false;
    }
    flight.lost = 0;
    flight.to_repair = none;
}

void Flights::forget_sacks(Flight& flight) {
    for (std::uint32_t index = flight.head; index != none; index = records_[index].next) {
        SentRecord& record = records_[index];
        if (record.sacked) {
            record.sacked = false;
            link_youngest(flight, index);
        }
    }
    flight.sacked = 0;
    flight.sacked_records = 0;
    flight.seen_blocks = {};
}

std::uint32_t Flights::next_repair(Flight& flight) const {
    while (flight.to_repair != none) {
        const SentRecord& record = records_[flight.to_repair];
        if (record.to_repair()) {
            break;
        }
        flight.to_repair = record.next;
    }
    return flight.to_repair;
}

} // namespace millrace::tcp
