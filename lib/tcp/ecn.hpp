#pragma once

#include "tcp/engine.hpp"

/// Explicit congestion notification (RFC 3168): what is offered and agreed, and what is said of it
/// on segments. How cwnd follows is the recovery's (recovery.cpp).
namespace millrace::tcp {

/// An ECN-setup SYN (RFC 3168 §6.1.1). One that is itself marked comes from somebody who has not
/// understood.
[[nodiscard]] inline bool asks_for_ecn(const wire::TcpSegment& syn) {
    return syn.has(wire::tcp_flag::ece) && syn.has(wire::tcp_flag::cwr) &&
           syn.ecn == wire::Ecn::not_capable;
}

/// An ECN-setup SYN,ACK. With both flags it is the echo of a host that returns what it was sent.
[[nodiscard]] inline bool agrees_to_ecn(const wire::TcpSegment& syn_ack) {
    return syn_ack.has(wire::tcp_flag::ece) && !syn_ack.has(wire::tcp_flag::cwr);
}

/// The flags of our SYN, or of the SYN,ACK of a simultaneous open. A SYN that is sent again does
/// not ask: some hosts do not answer one that does (RFC 3168 §6.1.1.1).
[[nodiscard]] inline std::uint8_t ecn_flags_of_syn(const Tcb& tcb) {
    using namespace wire::tcp_flag;
    if (!tcb.ecn) {
        return 0;
    }
    if (tcb.state == State::syn_received) {
        return ece;
    }
    return tcb.retransmits == 0 ? ece | cwr : 0;
}

/// A segment with data that was not sent before: it may be marked, and tells of a reduction.
inline void mark_new_data(Tcb& tcb, wire::TcpSegment& header) {
    if (!tcb.ecn) {
        return;
    }
    header.ecn = wire::Ecn::capable_0;
    if (tcb.ecn_cwr) {
        header.flags |= wire::tcp_flag::cwr;
        tcb.ecn_cwr = false;
    }
}

/// An acceptable segment with text or a FIN (RFC 3168 §6.1.3). The peer's CWR is answered at once,
/// for its window may be a single segment now.
inline void take_ecn(Tcb& tcb, const wire::TcpSegment& segment, Context& context) {
    if (!tcb.ecn || segment.sequence_length() == 0) {
        return;
    }
    if (segment.has(wire::tcp_flag::cwr)) {
        tcb.ecn_echo = false;
        tcb.ack_now = true;
    }
    if (segment.ecn == wire::Ecn::congestion) {
        tcb.ack_now = tcb.ack_now || !tcb.ecn_echo;
        tcb.ecn_echo = true;
        context.counters.add(Counter::congestion_marks_received);
    }
}

} // namespace millrace::tcp
