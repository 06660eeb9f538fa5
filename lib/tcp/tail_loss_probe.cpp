#include "internal.hpp"
#include "recovery.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

/// How long a peer may hold back the acknowledgement of a single segment (RFC 8985 §7.2).
constexpr Duration worst_delayed_ack = 200ms;

} // namespace

Instant tail_loss_probe_due(const Tcb& tcb, const Flight& flight, Instant now,
                            const Context& context) {
    const bool repairs = flight.repair != Repair::open && flight.repair != Repair::cwr;
    const bool may = tcb.sack && !repairs && !flight.probing && flight.sacked == 0 &&
                     tcb.state != State::syn_sent && tcb.state != State::syn_received;
    if (!may) {
        return never;
    }
    Duration wait = context.config(tcb).rto_initial;
    if (tcb.rtt.srtt_us > 0) {
        wait = 2 * std::chrono::microseconds{tcb.rtt.srtt_us};
        if (tcb.flight() <= smss(tcb)) {
            wait += worst_delayed_ack;
        }
    }
    return now + wait;
}

void send_tail_loss_probe(Tcb& tcb, Flight& flight, Instant now, Context& context) {
    flight.probing = true;
    flight.probe_is_new = emit_new_data_as_probe(tcb, flight, now, context);
    if (flight.probe_is_new || emit_last_again(tcb, flight, now, context)) {
        context.counters.add(Counter::tail_loss_probes);
    } else {
        flight.probe_is_new = true;
    }
    flight.probe_end = tcb.snd.nxt;
}

bool probe_repaired_loss(Tcb& tcb, Flight& flight, const Delivery& news) {
    if (!flight.probing || tcb.snd.una < flight.probe_end) {
        return false;
    }
    const bool settled = flight.probe_is_new || news.duplicate || news.duplicate_ack;
    if (settled) {
        flight.probing = false;
        return false;
    }
    if (tcb.snd.una > flight.probe_end) {
        flight.probing = false;
        return true;
    }
    return false;
}

} // namespace millrace::tcp
