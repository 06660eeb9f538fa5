#include "internal.hpp"

#include "tcp/clock.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

/// A queue longer than half the sequence space could not be told from a shorter one.
constexpr std::uint32_t queue_bytes_max = 1U << 31;

} // namespace

bool open(Tcb& tcb, const ActiveOpen& ours, Instant now, Context& context) {
    tcb = Tcb{};
    tcb.config = ours.config;
    tcb.flight_slot = context.flights.begin(ours.iss);
    if (tcb.flight_slot == Flight::none) {
        context.counters.add(Counter::flight_pool_dry);
        return false;
    }
    tcb.state = State::syn_sent;
    tcb.snd.una = ours.iss;
    tcb.snd.nxt = ours.iss + 1;
    context.flights.append(context.flights[tcb.flight_slot], ours.iss, tcb.snd.nxt, now);
    tcb.rcv_mss = std::max(ours.mss, mss_floor);
    tcb.snd_mss = std::max(std::min(ours.mss, ours.path_mss), mss_floor);
    tcb.ts_offset = ours.ts_offset;
    if (ours.ts_recent) {
        tcb.ts_recent = *ours.ts_recent;
        tcb.heard_ms = std::max(timestamp_clock(now), 1U);
    }
    tcb.timestamps = tcb.sack = tcb.window_scale = true; // Offered; the answer decides.
    tcb.ecn = context.config(tcb).ecn == EcnPolicy::on;
    tcb.rtt.restore(context.config(tcb));
    tcb.retransmit_deadline = now + tcb.rtt.rto();
    context.counters.add(Counter::active_opens);
    emit_syn(tcb, now, context);
    return true;
}

void establish(Tcb& tcb, const Handshake& handshake, const TcpSegment& segment, Instant now,
               Context& context) {
    tcb = Tcb{};
    tcb.config = handshake.config;
    tcb.state = State::established;
    tcb.timestamps = handshake.timestamps;
    tcb.sack = handshake.sack;
    tcb.ecn = handshake.ecn;
    tcb.window_scale = handshake.window_scale;
    tcb.snd_scale = handshake.window_scale ? handshake.snd_scale & 15U : 0;
    tcb.rcv_scale =
        handshake.window_scale ? scale_for(receive_buffer_max(context.config(tcb))) & 15U : 0;
    tcb.snd_mss = std::max(handshake.snd_mss, mss_floor);
    tcb.snd.una = tcb.snd.nxt = handshake.iss + 1;
    tcb.rcv.nxt = tcb.rcv.acked = handshake.irs + 1;
    tcb.rcv.edge = tcb.rcv.nxt + unscaled_window(context.config(tcb));
    tcb.ts_recent = handshake.ts_recent;
    tcb.heard_ms = timestamp_clock(now);
    tcb.ts_offset = handshake.ts_offset;
    tcb.snd.wl1 = segment.seq;
    tcb.snd.wl2 = segment.ack;
    take_window(tcb, segment);
    begin_sending(tcb, segment, handshake.retransmits, 0, now, context);
    context.counters.add(Counter::passive_opens);
    if (tcb.ecn) {
        context.counters.add(Counter::ecn_agreed);
    }
}

std::uint32_t send_space(const Tcb& tcb, const Context& context) {
    if (tcb.fin_queued || !may_send(tcb.state)) {
        return 0;
    }
    const std::uint32_t all = send_buffer(tcb, context);
    return all - std::min(all, tcb.send_charge);
}

bool send(Tcb& tcb, const Slice& slice, Context& context) {
    const std::uint32_t charge = context.buffers.charge(slice);
    if (tcb.fin_queued || !may_send(tcb.state) || slice.length == 0 ||
        slice.length > queue_bytes_max - tcb.queue.length ||
        (charge > 0 && send_space(tcb, context) == 0) ||
        !context.buffers.append(tcb.queue, slice)) {
        return false;
    }
    tcb.send_charge += charge;
    return true;
}

std::uint32_t send_copy(Tcb& tcb, std::span<const std::byte> bytes, Context& context) {
    const std::size_t count = std::min<std::size_t>(
        {bytes.size(), send_space(tcb, context), queue_bytes_max - tcb.queue.length});
    return context.buffers.append_copy(tcb.queue, bytes.first(count), tcb.send_charge);
}

void shutdown(Tcb& tcb) {
    if (!tcb.fin_queued) {
        tcb.fin_queued = true;
        tcb.state = after_close(tcb.state);
    }
}

bool close(Tcb& tcb, Instant now, Context& context) {
    if (tcb.state == State::syn_sent || tcb.state == State::closed) {
        enter_closed(tcb);
        return true;
    }
    if (!tcb.unread.empty()) {
        abort(tcb, context);
        return true;
    }
    tcb.user_gone = true;
    shutdown(tcb);
    const Config& config = context.config(tcb);
    if (tcb.state == State::fin_wait_2) {
        tcb.user_deadline = now + config.fin_wait_2;
    } else {
        tcb.user_deadline =
            config.linger_timeout > Duration{} ? now + config.linger_timeout : never;
    }
    return false;
}

void abort(Tcb& tcb, Context& context) {
    switch (tcb.state) {
    case State::syn_received:
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait:
    case State::closing:
    case State::last_ack:
        emit_reset(tcb, context);
        break;
    case State::closed:
    case State::listen:
    case State::syn_sent:
    case State::time_wait:
        break;
    }
    enter_closed(tcb);
}

bool has_ended(const Tcb& tcb) {
    if (tcb.state == State::closed) {
        return true;
    }
    const bool all_read = tcb.unread.empty() || tcb.user_gone;
    return all_read && (tcb.state == State::time_wait ||
                        (tcb.state == State::last_ack && tcb.fin_acknowledged));
}

void release(Tcb& tcb, Context& context) {
    if (tcb.flight_slot != Flight::none) {
        context.flights.end(tcb.flight_slot);
        tcb.flight_slot = Flight::none;
    }
    context.buffers.clear(tcb.queue);
    context.buffers.clear(tcb.unread);
    if (tcb.reassembly != Pool<Reassembly>::none) {
        context.reassemblies[tcb.reassembly].clear(context.buffers);
        context.reassemblies.release(tcb.reassembly);
        tcb.reassembly = Pool<Reassembly>::none;
    }
}

void answer_without_connection(const TcpSegment& segment, Context& context) {
    if (segment.has(flag::rst)) {
        return;
    }
    TcpSegment& reset = context.output.push().header;
    if (segment.has(flag::ack)) {
        reset.seq = segment.ack;
        reset.flags = flag::rst;
    } else {
        reset.ack = segment.seq + segment.sequence_length();
        reset.flags = flag::rst | flag::ack;
    }
    context.counters.add(Counter::resets_sent);
}

} // namespace millrace::tcp
