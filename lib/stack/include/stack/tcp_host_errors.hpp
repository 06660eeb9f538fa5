#pragma once

#include "stack/tcp_host.hpp"

/// What ICMP errors say of segments that we have sent.
namespace millrace::stack {

/// The connection that a quoted segment is of, or null when there is none or the segment is not in
/// flight: who has not seen it can hardly guess (RFC 5927 §4.1).
template <class Addr, class C>
auto TcpHost<Addr, C>::connection_of(const QuotedSegment<Addr>& quoted) -> ConnectionType* {
    const Reference found = find(quoted.key, table_.hash(quoted.key));
    if (found.is_none() || found.kind() != Reference::Kind::connection) {
        return nullptr;
    }
    ConnectionType& connection = connections_[found.slot()];
    return tcp::in_flight(connection.tcb, quoted.seq) ? &connection : nullptr;
}

template <class Addr, class C>
bool TcpHost<Addr, C>::has(const Key& key) const {
    return !find(key, table_.hash(key)).is_none();
}

template <class Addr, class C>
void TcpHost<Addr, C>::error_arrives(const QuotedSegment<Addr>& quoted, Instant now) {
    ConnectionType* const connection = connection_of(quoted);
    if (connection == nullptr) {
        core_.drops.add(wire::Drop::icmp_not_in_flight);
        return;
    }
    switch (quoted.complaint) {
    case Complaint::packet_too_big:
        packet_too_big(*connection, quoted, now);
        return;
    case Complaint::unreachable:
        if (!end_attempt(*connection, now)) {
            core_.counters.add(Counter::icmp_soft_errors);
        }
        return;
    case Complaint::other:
        return;
    }
}

template <class Addr, class C>
void TcpHost<Addr, C>::neighbour_failed(const QuotedSegment<Addr>& quoted, Instant now) {
    if (ConnectionType* const connection = connection_of(quoted); connection != nullptr) {
        static_cast<void>(end_attempt(*connection, now));
    }
}

/// Ends an attempt in SYN-SENT, as Linux does. Where the peer has answered it was there, and may be
/// again: false; an error then is a soft one (RFC 5461 §2.2 and §4.1, against RFC 9293 §3.9.2.2's
/// hard ones).
template <class Addr, class C>
bool TcpHost<Addr, C>::end_attempt(ConnectionType& connection, Instant now) {
    if (connection.tcb.state != tcp::State::syn_sent) {
        return false;
    }
    connection.end_reason = EndReason::unreachable;
    tcp::abort(connection.tcb, core_.context);
    settle(connection, now);
    return true;
}

/// RFC 1191 §3, RFC 8201 §4. What is smaller than any path's is as good as a lie: over IPv6 it is
/// ignored, over IPv4 the least is taken in its place, as old routers do not say what they carry.
template <class Addr, class C>
void TcpHost<Addr, C>::packet_too_big(ConnectionType& connection, const QuotedSegment<Addr>& quoted,
                                      Instant now) {
    constexpr bool is_ipv4 = std::is_same_v<Addr, wire::Ipv4Addr>;
    constexpr std::uint32_t mtu_min = is_ipv4 ? 552 : wire::ipv6_mtu_bytes_min; // As Linux's.
    if ((!is_ipv4 && quoted.mtu < mtu_min) || quoted.mtu >= own_mtu()) {
        core_.drops.add(wire::Drop::icmp_bad_mtu);
        return;
    }
    const auto mtu = static_cast<std::uint16_t>(std::max(quoted.mtu, mtu_min));
    if (!path_mtus_.learn(quoted.key.remote, mtu, now)) {
        core_.counters.add(Counter::path_mtus_evicted);
    }
    if (tcp::path_mss_reduced(connection.tcb, mss_of<Addr>(mtu), now, core_.context)) {
        touch(connection);
    }
}

} // namespace millrace::stack
