#include "internal.hpp"

#include "tcp/clock.hpp"

/// Keep-alive (RFC 9293 §3.8.4): a peer that has been silent for long is asked for an
/// acknowledgement. It has nothing to do while something is in flight or waits for a window, so it
/// shares the deadline and the count of those.
namespace millrace::tcp {

namespace {

bool is_watched(const Tcb& tcb) {
    const bool open = tcb.state == State::established || tcb.state == State::close_wait ||
                      tcb.state == State::fin_wait_2;
    return open && !tcb.user_gone;
}

/// Probes that stay unanswered end the connection: so many of them, or what there was of them when
/// the user's time is over.
bool is_dead(const Tcb& tcb, std::uint32_t silent_ms, const Config& config) {
    if (config.user_timeout > Duration{}) {
        return tcb.retransmits > 0 && silent_ms >= milliseconds(config.user_timeout);
    }
    return tcb.retransmits >= config.keep_alive_probes;
}

} // namespace

void watch_peer(Tcb& tcb, Instant now, const Config& config) {
    if (!config.keep_alive || !is_watched(tcb)) {
        tcb.retransmit_deadline = never;
        return;
    }
    if (tcb.timer != RetransmitTimer::keep_alive || tcb.retransmit_deadline == never) {
        tcb.timer = RetransmitTimer::keep_alive;
        tcb.retransmits = 0;
        tcb.retransmit_deadline = now + config.keep_alive_idle;
    }
}

std::uint8_t keep_alive_timer(Tcb& tcb, Instant now, Context& context) {
    const Config& config = context.config(tcb);
    const std::uint32_t silent_ms = timestamp_clock(now) - tcb.heard_ms;
    const std::uint32_t idle_ms = milliseconds(config.keep_alive_idle);
    if (silent_ms < idle_ms) {
        tcb.retransmit_deadline = now + std::chrono::milliseconds{idle_ms - silent_ms};
        return 0;
    }
    if (is_dead(tcb, silent_ms, config)) {
        context.counters.add(Counter::keep_alive_timeouts);
        emit_reset(tcb, context);
        enter_closed(tcb);
        return event::timed_out;
    }
    ++tcb.retransmits; // Set back by whatever the peer answers.
    tcb.retransmit_deadline = now + config.keep_alive_interval;
    context.counters.add(Counter::keep_alive_probes);
    emit_probe(tcb, now, context);
    return 0;
}

} // namespace millrace::tcp
