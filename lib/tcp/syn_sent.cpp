#include "ecn.hpp"
#include "internal.hpp"
#include "path_mtu.hpp"

#include "tcp/clock.hpp"
#include "tcp/half_open.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::Drop;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

/// What both sides have offered is agreed; what the peer's SYN does not offer is off.
void agree_on_options(Tcb& tcb, const TcpSegment& segment, const Config& config) {
    const wire::TcpOptions& options = segment.options;
    tcb.timestamps = tcb.timestamps && options.has_timestamps;
    tcb.sack = tcb.sack && options.sack_permitted;
    tcb.ecn = tcb.ecn && (segment.has(flag::ack) ? agrees_to_ecn(segment) : asks_for_ecn(segment));
    tcb.window_scale = tcb.window_scale && options.has_window_scale;
    tcb.snd_scale = tcb.window_scale ? std::min<std::uint8_t>(options.window_scale, 14) & 15U : 0;
    tcb.rcv_scale = tcb.window_scale ? scale_for(receive_buffer_max(config)) & 15U : 0;
    tcb.snd_mss = std::min(tcb.snd_mss, peer_mss(options));
    if (tcb.timestamps) {
        tcb.ts_recent = options.ts_val;
    }
}

/// A SYN older than what the peer's clock has shown before, in an incarnation whose port was taken
/// over from TIME-WAIT. One that acknowledges our SYN is new all the same.
bool is_of_the_past(const Tcb& tcb, const TcpSegment& segment) {
    return tcb.heard_ms != 0 && segment.options.has_timestamps &&
           is_older(segment.options.ts_val, tcb.ts_recent);
}

void take_peer_syn(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context) {
    agree_on_options(tcb, segment, context.config(tcb));
    tcb.heard_ms = timestamp_clock(now);
    tcb.rcv.nxt = tcb.rcv.acked = segment.seq + 1;
    tcb.rcv.edge = tcb.rcv.nxt + unscaled_window(context.config(tcb));
    // The window of a SYN is never scaled (RFC 7323 §2.2).
    tcb.snd.wnd = tcb.snd.wnd_max = segment.window;
    tcb.snd.wl1 = segment.seq;
    tcb.snd.wl2 = segment.ack;
}

} // namespace

void begin_sending(Tcb& tcb, const TcpSegment& segment, std::uint8_t retransmits,
                   std::uint32_t rtt_us, Instant now, Context& context) {
    begin_path_mtu_search(tcb, context.config(tcb));
    begin_receive_round(tcb, now, context);
    tcb.rtt.restore(context.config(tcb));
    tcb.congestion.cwnd = initial_window(tcb, context);
    tcb.sent_ms = timestamp_clock(now);
    forget_cwnd_use(tcb, now);
    if (retransmits > 1) {
        tcb.congestion.cwnd = smss(tcb); // RFC 5681 §3.1, eased by RFC 6928 §2.
    }
    if (rtt_us > 0) {
        tcb.rtt.sample(std::chrono::microseconds{rtt_us}, context.config(tcb));
        tcb.rtt.note_minimum(rtt_us, timestamp_clock(now));
    } else if (!sample_echo(tcb, segment, now, context.config(tcb)) && retransmits > 0) {
        constexpr std::uint32_t rto_after_loss_us = 3'000'000; // RFC 6298 §5.7
        tcb.rtt.rto_us = std::max(tcb.rtt.rto_us, rto_after_loss_us);
    }
}

void complete_open(Tcb& tcb, const TcpSegment& segment, Instant now, Context& context) {
    const SentRecord& syn = context.flights.record(context.flights[tcb.flight_slot].head);
    const auto repeated = std::max<std::uint8_t>(tcb.retransmits, syn.repeated ? 1 : 0);
    begin_sending(tcb, segment, repeated, syn.repeated ? 0 : round_trip_us(now - syn.sent), now,
                  context);
    context.flights.end(tcb.flight_slot);
    tcb.flight_slot = Flight::none;
    tcb.rcv_mss = Tcb{}.rcv_mss;
    tcb.retransmits = 0;
    if (tcb.ecn) {
        context.counters.add(Counter::ecn_agreed);
    }
    tcb.retransmit_deadline = never;
    tcb.snd.una = segment.ack;
    tcb.state = tcb.fin_queued ? after_close(State::established) : State::established;
}

Arrival arrives_in_syn_sent(Tcb& tcb, const TcpSegment& segment, const Slice& text, Instant now,
                            Context& context) {
    Arrival arrival;
    // First, the ACK: it must be of our SYN, and of nothing else.
    const bool ack_acceptable = segment.has(flag::ack) && segment.ack == tcb.snd.nxt;
    if (segment.has(flag::ack) && !ack_acceptable) {
        if (!segment.has(flag::rst)) {
            emit_reset_for_ack(segment.ack, context);
        }
        arrival.drop = Drop::tcp_bad_ack;
        return arrival;
    }
    // Second, the reset: believed with an acceptable ACK only.
    if (segment.has(flag::rst)) {
        if (!ack_acceptable) {
            arrival.drop = Drop::tcp_rst_outside_window;
            return arrival;
        }
        context.counters.add(Counter::resets_received);
        enter_closed(tcb);
        arrival.events = event::refused;
        return arrival;
    }
    // Fourth, the SYN.
    if (!segment.has(flag::syn)) {
        arrival.drop = Drop::tcp_no_ack;
        return arrival;
    }
    if (!ack_acceptable && is_of_the_past(tcb, segment)) {
        arrival.drop = Drop::tcp_paws;
        return arrival;
    }
    take_peer_syn(tcb, segment, now, context);
    if (!ack_acceptable) {
        tcb.state = State::syn_received; // Simultaneous open.
        tcb.retransmits = 0;             // It is the SYN,ACK now that is sent again.
        tcb.rtt.restore(context.config(tcb));
        tcb.retransmit_deadline = now + tcb.rtt.rto();
        emit_syn(tcb, now, context);
        return arrival;
    }
    complete_open(tcb, segment, now, context);
    tcb.ack_now = true;
    arrival.events = event::established;
    if (text.length > 0 || segment.has(flag::fin)) {
        accept_text(tcb, tcb.rcv.nxt, text, segment.has(flag::fin), now, context, arrival);
    }
    return arrival;
}

} // namespace millrace::tcp
