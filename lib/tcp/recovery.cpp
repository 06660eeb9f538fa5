#include "recovery.hpp"

#include "congestion_control.hpp"
#include "internal.hpp"
#include "path_mtu.hpp"

#include "tcp/prr.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

constexpr std::uint16_t dup_thresh = 3;

/// Keeps what a reduction of cwnd takes away.
void save_for_undo(Tcb& tcb, Flight& flight) {
    flight.undoable = true;
    flight.undo_from = tcb.snd.una;
    flight.undo_retransmits = 0;
    flight.before_reduction = save(tcb.congestion, flight.epoch);
}

/// FlightSize before the acknowledgement that moved SND.UNA by `acked`; what limited transmit sent
/// beyond cwnd does not count (RFC 5681 §3.2).
std::uint32_t flight_size(const Tcb& tcb, std::uint32_t acked) {
    return std::min(tcb.flight() + acked, tcb.congestion.cwnd);
}

/// Lowers ssthresh, towards which PRR brings cwnd, and tells the peer (RFC 3168 §6.1.2).
void begin_reduction(Tcb& tcb, Flight& flight, std::uint32_t acked, const Context& context) {
    congestion_loss(context.config(tcb).congestion, tcb.congestion, flight.epoch,
                    flight_size(tcb, acked), smss(tcb));
    flight.recover_fs = tcb.flight() + acked;
    flight.prr_delivered = flight.prr_out = 0;
    tcb.ecn_cwr = tcb.ecn;
}

/// The path has notified of congestion: as for a loss, but there is nothing to repair, and nothing
/// that could be taken back.
void enter_cwr(Tcb& tcb, Flight& flight, std::uint32_t acked, Context& context) {
    begin_reduction(tcb, flight, acked, context);
    flight.undoable = false;
    flight.repair = Repair::cwr;
    flight.recover = tcb.snd.nxt;
    context.counters.add(Counter::ecn_reductions);
}

/// A loss in a window that was notified of congestion costs no second reduction.
void enter_recovery(Tcb& tcb, Flight& flight, std::uint32_t acked, Context& context) {
    if (flight.repair != Repair::cwr) {
        save_for_undo(tcb, flight);
        begin_reduction(tcb, flight, acked, context);
    }
    flight.repair = Repair::recovery;
    flight.recover = tcb.snd.nxt;
    flight.must_repair = true;
    flight.probing = false;
    context.counters.add(Counter::fast_retransmits);
}

/// Everything that was out when the loss was found has been acknowledged. Without SACK that is not
/// enough: duplicates of our repairs could seem a new loss (RFC 6582 §3.2 step 2).
/// Nor after a notification, whose echo lasts until our CWR has arrived.
bool is_over(const Tcb& tcb, const Flight& flight) {
    const bool all = tcb.snd.una == tcb.snd.nxt;
    const bool exactly = tcb.sack && flight.repair != Repair::cwr;
    return all || (exactly ? tcb.snd.una >= flight.recover : tcb.snd.una > flight.recover);
}

void leave(Tcb& tcb, Flight& flight) {
    if (flight.repair <= Repair::recovery) {
        tcb.congestion.cwnd = std::max(tcb.congestion.ssthresh, smss(tcb));
    }
    flight.repair = Repair::open;
    flight.duplicate_acks = 0;
    flight.rack_due = never;
    rack_recovered(tcb);
}

/// Without SACK, the first record is lost at the third duplicate, and at each acknowledgement that
/// moves on in recovery by less than all (RFC 6582 §3.2 step 3).
bool count_duplicates(const Tcb& tcb, Flight& flight, const Delivery& news, Flights& flights) {
    const bool third = flight.repair < Repair::recovery && flight.duplicate_acks >= dup_thresh;
    const bool partial =
        flight.repair == Repair::recovery && news.acked > 0 && tcb.snd.una < flight.recover;
    if ((!third && !partial) || flight.head == Flights::none || flights.record(flight.head).lost) {
        return false;
    }
    flights.mark_lost(flight, flight.head);
    flight.must_repair = true;
    return true;
}

void set_cwnd_in_recovery(Tcb& tcb, Flight& flight, const Delivery& news, bool found) {
    flight.prr_delivered += news.delivered;
    const std::uint32_t in_network = pipe(tcb, flight);
    const std::uint32_t count = send_count({.ssthresh = tcb.congestion.ssthresh,
                                            .recover_fs = flight.recover_fs,
                                            .prr_delivered = flight.prr_delivered,
                                            .prr_out = flight.prr_out,
                                            .delivered = news.delivered,
                                            .pipe = in_network,
                                            .mss = smss(tcb),
                                            .progress = news.acked > 0 && !found});
    // The first repair goes out whatever the proportion is (RFC 6937 §3.1).
    const std::uint32_t least = flight.prr_out == 0 ? smss(tcb) : 0;
    tcb.congestion.cwnd = std::max(in_network + std::max(count, least), smss(tcb));
}

void grow_cwnd(Tcb& tcb, Flight& flight, const Delivery& news, Instant now,
               const Context& context) {
    if (news.acked == 0) {
        return;
    }
    // While what a time-out has found lost is repaired, L = 1 segment (RFC 3465 §2.3).
    const bool repairing = flight.repair == Repair::loss;
    congestion_ack(context.config(tcb).congestion, tcb.congestion, flight.epoch,
                   {.acked_bytes = repairing ? std::min(news.acked, smss(tcb)) : news.acked,
                    .mss = smss(tcb),
                    .srtt_us = tcb.rtt.srtt_us,
                    .rtt_us = news.newest_rtt_us,
                    .now_us = microsecond_clock(now),
                    .snd_una = tcb.snd.una,
                    .snd_nxt = tcb.snd.nxt,
                    .cwnd_limited = is_cwnd_limited(tcb, flight),
                    .paced = context.config(tcb).pacing});
}

} // namespace

std::uint32_t pipe(const Tcb& tcb, const Flight& flight) {
    const std::uint32_t outstanding = tcb.flight() - flight.sacked - flight.lost;
    // Without SACK, each duplicate acknowledgement stands for a segment that has arrived.
    const std::uint32_t arrived = std::min(flight.duplicate_acks * smss(tcb), outstanding);
    return outstanding - arrived + flight.retransmitted;
}

void restart_repairs(const Tcb& tcb, Flight& flight) {
    flight.repair_at = tcb.snd.una;
    flight.repair_cursor() = Cursor{};
}

void undo(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    if (!flight.undoable) {
        return;
    }
    flight.undoable = flight.frto = flight.frto_new_data = flight.must_repair = false;
    undo(tcb.congestion, flight.epoch, flight.before_reduction, microsecond_clock(now));
    flight.repair = Repair::open;
    flight.duplicate_acks = 0;
    flight.rack_due = never;
    context.flights.forget_losses(flight);
    restart_repairs(tcb, flight);
    tcb.rtt.restore(context.config(tcb));
    context.counters.add(Counter::recoveries_undone);
}

void reduce_after_probe(Tcb& tcb, CongestionEpoch& epoch, const Context& context) {
    congestion_loss(context.config(tcb).congestion, tcb.congestion, epoch, tcb.congestion.cwnd,
                    smss(tcb));
    tcb.congestion.cwnd = tcb.congestion.ssthresh;
    tcb.ecn_cwr = tcb.ecn;
}

void take_news(Tcb& tcb, Flight& flight, const Delivery& news, Instant now, Context& context) {
    if (flight.repair == Repair::loss && flight.frto) {
        forward_rto(tcb, flight, news, now, context);
    }
    if (flight.repair >= Repair::cwr && is_over(tcb, flight)) {
        leave(tcb, flight);
        return; // What ends a repair has had its share of cwnd.
    }
    const bool found = tcb.sack ? rack_detect_losses(tcb, flight, now, context)
                                : count_duplicates(tcb, flight, news, context.flights);
    const bool by_probe = probe_repaired_loss(tcb, flight, news);
    const Repair before = flight.repair;
    if (flight.repair < Repair::recovery && found && mtu_probe_lost(tcb, flight, now, context)) {
        return;
    }
    if (flight.repair < Repair::recovery && found) {
        enter_recovery(tcb, flight, news.acked, context);
    } else if (flight.repair <= Repair::disorder && news.congestion) {
        enter_cwr(tcb, flight, news.acked, context);
    } else if (flight.repair <= Repair::disorder) {
        const bool missing = flight.sacked > 0 || flight.duplicate_acks > 0;
        flight.repair = missing ? Repair::disorder : Repair::open;
    }
    if (flight.repair == Repair::cwr || flight.repair == Repair::recovery) {
        // What leaves the network because it is lost makes room without this.
        if (news.delivered > 0 || flight.repair != before) {
            set_cwnd_in_recovery(tcb, flight, news, found);
        }
    } else if (by_probe) {
        reduce_after_probe(tcb, flight.epoch, context);
    } else {
        grow_cwnd(tcb, flight, news, now, context);
    }
}

void mark_all_lost(const Tcb& tcb, Flight& flight, Flights& flights) {
    for (std::uint32_t index = flight.head; index != Flights::none;
         index = flights.record(index).next) {
        if (!flights.record(index).sacked) {
            flights.mark_lost(flight, index);
        }
    }
    restart_repairs(tcb, flight);
    flight.must_repair = true;
    flight.rack_due = never;
}

void enter_loss(Tcb& tcb, Flight& flight, Context& context) {
    Flights& flights = context.flights;
    if (flights.record(flight.head).sacked) {
        context.counters.add(Counter::sack_reneging);
        flights.forget_sacks(flight);
    }
    const bool first = flight.repair != Repair::loss;
    if (tcb.retransmits == 0) {
        if (first) {
            save_for_undo(tcb, flight);
        }
        congestion_timeout(context.config(tcb).congestion, tcb.congestion, flight.epoch,
                           flight_size(tcb, 0), smss(tcb));
    } else {
        tcb.congestion.cwnd = smss(tcb);
    }
    tcb.ecn_cwr = tcb.ecn;
    flight.repair = Repair::loss;
    flight.frto = first;
    flight.frto_new_data = false;
    flight.probing = false;
    flight.duplicate_acks = 0;
    flight.recover = tcb.snd.nxt;
    mark_all_lost(tcb, flight, flights);
}

} // namespace millrace::tcp
