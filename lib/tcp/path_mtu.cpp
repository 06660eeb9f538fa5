#include "path_mtu.hpp"

#include "internal.hpp"
#include "recovery.hpp"

#include <algorithm>

/// What the path carries: told by ICMP, or found out by segments that do not arrive.
namespace millrace::tcp {

using wire::SeqNum;

namespace {

/// What a probe's size must gain, or the search has ended (Linux: tcp_probe_threshold).
constexpr std::uint16_t worth_a_probe = 8;

/// Bytes of payload in a record.
std::uint32_t payload_of(const Tcb& tcb, const SentRecord& record) {
    return record.length() - (record.right > tcb.queue_end() ? 1U : 0U);
}

/// What is marked lost goes again at once, and cwnd stays: the path has not lost it for being full.
void repair_without_reduction(Tcb& tcb, Flight& flight, Instant now) {
    if (flight.repair < Repair::recovery) {
        flight.repair = Repair::loss;
        flight.recover = tcb.snd.nxt;
        flight.duplicate_acks = 0;
        flight.undoable = flight.frto = flight.frto_new_data = false;
    }
    flight.probing = false;
    flight.must_repair = true;
    flight.timer_base = now;
    tcb.retransmit_deadline = never;
    restart_repairs(tcb, flight);
}

/// Sends again what was sent in segments longer than the path carries.
void repair_long_segments(Tcb& tcb, Flight& flight, Instant now, Flights& flights) {
    bool found = false;
    for (std::uint32_t index = flight.head; index != Flights::none;
         index = flights.record(index).next) {
        const SentRecord& record = flights.record(index);
        if (record.under_way() && payload_of(tcb, record) > smss(tcb)) {
            flights.mark_lost(flight, index);
            found = true;
        }
    }
    if (found) {
        repair_without_reduction(tcb, flight, now);
    }
}

bool probe_is_head(const Flight& flight, const Flights& flights) {
    return flight.mtu_probe != 0 && flight.head != Flights::none &&
           flights.record(flight.head).right == flight.mtu_probe_end;
}

void probe_failed(Tcb& tcb, Flight& flight, Context& context) {
    tcb.mss_high = std::min(tcb.mss_high, static_cast<std::uint16_t>(flight.mtu_probe - 1));
    flight.mtu_probe = 0;
    context.counters.add(Counter::mtu_probes_lost);
}

} // namespace

bool in_flight(const Tcb& tcb, SeqNum seq) {
    return tcb.snd.una <= seq && seq < tcb.snd.nxt;
}

bool path_mss_reduced(Tcb& tcb, std::uint16_t mss, Instant now, Context& context) {
    const std::uint16_t most = std::max(mss, mss_floor);
    tcb.mss_high = std::min(tcb.mss_high, most);
    Flight* const flight =
        tcb.flight_slot == Flight::none ? nullptr : &context.flights[tcb.flight_slot];
    const bool probe_was_too_long = flight != nullptr && flight->mtu_probe > most;
    if (most >= tcb.snd_mss && !probe_was_too_long) {
        return false;
    }
    if (most < tcb.snd_mss) {
        tcb.snd_mss = most;
        context.counters.add(Counter::path_mtu_reductions);
    }
    if (flight != nullptr) {
        flight->mtu_probe = 0;
        repair_long_segments(tcb, *flight, now, context.flights);
    }
    return true;
}

void begin_path_mtu_search(Tcb& tcb, const Config& config) {
    tcb.mss_high = tcb.snd_mss;
    if (config.mtu_probing == MtuProbing::always) {
        tcb.snd_mss = std::min(tcb.snd_mss, base_mss);
    }
}

void suspect_black_hole(Tcb& tcb, Flight& flight, Context& context) {
    if (context.config(tcb).mtu_probing == MtuProbing::off) {
        return;
    }
    if (probe_is_head(flight, context.flights)) {
        probe_failed(tcb, flight, context);
        return;
    }
    const std::uint16_t smaller =
        tcb.snd_mss > base_mss ? base_mss : std::max<std::uint16_t>(tcb.snd_mss / 2, mss_floor);
    const std::uint32_t options = tcb.snd_mss - smss(tcb);
    const std::uint32_t head = payload_of(tcb, context.flights.record(flight.head));
    const std::uint8_t r1 = std::max<std::uint8_t>(context.config(tcb).retries_1, 1);
    if (tcb.retransmits >= r1 && head + options > smaller && smaller < tcb.snd_mss) {
        tcb.snd_mss = smaller;
        context.counters.add(Counter::path_mtu_black_holes);
    }
}

std::uint32_t mtu_probe_due(const Tcb& tcb, const Flight& flight, std::uint32_t waiting,
                            const Context& context) {
    constexpr std::uint32_t segments_to_find_a_loss = 4;
    constexpr std::uint32_t cwnd_segments_min = 11; // So that a lost probe is repaired at leisure.
    const std::uint32_t full = smss(tcb);
    if (tcb.snd_mss + worth_a_probe > tcb.mss_high ||
        context.config(tcb).mtu_probing == MtuProbing::off || flight.repair != Repair::open ||
        flight.mtu_probe != 0 || tcb.congestion.cwnd < cwnd_segments_min * full ||
        payload_max(tcb, context) != full) { // SACK blocks would make it longer than it is to be.
        return 0;
    }
    const std::uint32_t size = (tcb.snd_mss + tcb.mss_high + 1U) / 2;
    const std::uint32_t payload = size - (tcb.snd_mss - full);
    const std::uint32_t needed = payload + segments_to_find_a_loss * full;
    const std::int32_t offered = tcb.snd.una + tcb.snd.wnd - tcb.snd.nxt;
    return waiting >= needed && offered >= static_cast<std::int32_t>(needed) ? payload : 0;
}

void mtu_probe_sent(Tcb& tcb, Flight& flight, std::uint32_t payload, Context& context) {
    flight.mtu_probe = static_cast<std::uint16_t>(payload + tcb.snd_mss - smss(tcb));
    flight.mtu_probe_end = tcb.snd.nxt;
    context.counters.add(Counter::mtu_probes);
}

void mtu_probe_acknowledged(Tcb& tcb, Flight& flight) {
    if (flight.mtu_probe != 0 && tcb.snd.una >= flight.mtu_probe_end) {
        tcb.snd_mss = flight.mtu_probe;
        flight.mtu_probe = 0;
    }
}

bool mtu_probe_lost(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    const bool alone = probe_is_head(flight, context.flights) &&
                       context.flights.record(flight.head).lost &&
                       flight.lost == context.flights.record(flight.head).length();
    if (!alone) {
        flight.mtu_probe = 0; // What is lost with it was lost for another reason.
        return false;
    }
    probe_failed(tcb, flight, context);
    repair_without_reduction(tcb, flight, now);
    return true;
}

} // namespace millrace::tcp
