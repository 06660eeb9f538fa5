#include "segment_seen.hpp"

#include "stream_service.hpp"

#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

#include <algorithm>
#include <span>

namespace millrace::sim {

namespace {

/// The TCP part of a frame, or nothing.
std::span<const std::byte> tcp_of(const support::Frame& frame) {
    wire::EthernetFrame link;
    if (wire::parse_ethernet(frame, link) != wire::Drop::none) {
        return {};
    }
    wire::Ipv4Packet v4;
    if (link.ethertype == wire::ethertype::ipv4 &&
        wire::parse_ipv4(link.payload, v4) == wire::Drop::none &&
        v4.protocol == wire::ip_protocol::tcp) {
        return v4.payload;
    }
    wire::Ipv6Packet v6;
    if (link.ethertype == wire::ethertype::ipv6 &&
        wire::parse_ipv6(link.payload, v6) == wire::Drop::none &&
        v6.protocol == wire::ip_protocol::tcp) {
        return v6.payload;
    }
    return {};
}

} // namespace

std::optional<SegmentSeen> see_segment(const support::Frame& frame) {
    wire::TcpSegment segment;
    const auto tcp = tcp_of(frame);
    if (tcp.empty() || wire::parse_tcp(tcp, segment) != wire::Drop::none) {
        return std::nullopt;
    }
    const auto port = std::max(segment.source_port, segment.destination_port);
    return SegmentSeen{static_cast<std::size_t>(port - StreamService::first_port), segment.seq,
                       segment.has(wire::tcp_flag::syn), segment.has(wire::tcp_flag::ack)};
}

} // namespace millrace::sim
