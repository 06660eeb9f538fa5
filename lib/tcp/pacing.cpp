#include "tcp/pacing.hpp"

#include "internal.hpp"
#include "recovery.hpp"

namespace millrace::tcp {

namespace {

/// What stays within the initial window may go at once, as it may when a connection begins.
bool is_paced(const Tcb& tcb, std::uint32_t bytes, const Context& context) {
    return context.config(tcb).pacing && tcb.rtt.srtt_us > 0 &&
           tcb.flight() + bytes > initial_window(tcb, context);
}

Duration time_of(const Tcb& tcb, std::uint32_t bytes) {
    return pacing_time(tcb.congestion, tcb.flight(), tcb.rtt.srtt_us, bytes);
}

} // namespace

bool pace_allows(Tcb& tcb, Flight* flight, std::uint32_t bytes, Instant now,
                 const Context& context) {
    if (flight == nullptr || !is_paced(tcb, bytes, context)) [[likely]] {
        return true;
    }
    const Duration burst = std::max(pacing_burst, time_of(tcb, 2 * smss(tcb)));
    if (flight->paced_until < now + burst) {
        return true;
    }
    // Half of a burst is still to go then, so that the rate is kept however late we wake up.
    flight->pacing_due = flight->paced_until - burst / 2;
    tcb.retransmit_deadline = never;
    context.counters.add(Counter::paced_bursts);
    return false;
}

void note_paced(const Tcb& tcb, Flight& flight, std::uint32_t bytes, Instant now,
                const Context& context) {
    if (is_paced(tcb, 0, context)) {
        flight.paced_until = std::max(flight.paced_until, now) + time_of(tcb, bytes);
    }
}

} // namespace millrace::tcp
