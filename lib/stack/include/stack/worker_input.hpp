#pragma once

#include "stack/worker.hpp"

/// A packet's way from the port to its protocol.
namespace millrace::stack {

template <Nic N, Service... S>
std::size_t Worker<N, S...>::receive(Instant now) {
    std::array<Packet, burst_max> burst;
    const std::size_t count = core_.nic.receive(burst);
    core_.counters.add(Counter::polls);
    core_.counters.add(Counter::rx_packets, count);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 1 < count) {
            __builtin_prefetch(burst[i + 1].bytes().data());
        }
        parse(burst[i], false, now);
    }
    return count;
}

template <Nic N, Service... S>
void Worker<N, S...>::parse(Packet packet, bool steered, Instant now) {
    core_.counters.add(Counter::rx_bytes, packet.length());
    parse_frame(packet, steered, now);
}

template <Nic N, Service... S>
void Worker<N, S...>::parse_frame(Packet packet, bool steered, Instant now) {
    if (packet.next()) {
        core_.drop(packet, wire::Drop::frame_too_long); // A frame of the MTU fits one segment.
        return;
    }
    wire::EthernetFrame frame;
    wire::Drop drop = wire::parse_ethernet(packet.bytes(), frame);
    if (drop == wire::Drop::none) {
        drop = check_frame_destination(core_.settings.interface, frame.destination);
    }
    if (drop == wire::Drop::none && frame.source == core_.settings.interface.mac) {
        drop = wire::Drop::frame_own_source;
    }
    if (drop == wire::Drop::none && frame.tagged && frame.vlan_id() != 0) {
        drop = wire::Drop::vlan_unexpected;
    }
    if (drop != wire::Drop::none) {
        core_.drop(packet, drop);
        return;
    }
    switch (frame.ethertype) {
    case wire::ethertype::ipv4:
        parse_ipv4(packet, frame, steered, now);
        return;
    case wire::ethertype::ipv6:
        parse_ipv6(packet, frame, steered, now);
        return;
    case wire::ethertype::arp:
        finish_control(packet, control_.arp_arrives(room_for_reply(packet), frame.payload, now));
        return;
    default:
        core_.drop(packet, wire::Drop::ethertype_unknown);
    }
}

template <Nic N, Service... S>
void Worker<N, S...>::parse_ipv4(Packet packet, const wire::EthernetFrame& frame, bool steered,
                                 Instant now) {
    wire::Ipv4Packet ip;
    wire::Drop drop = wire::parse_ipv4(frame.payload, ip);
    const ChecksumVerdict verdict = packet.checksums().ip;
    const bool intact = verdict == ChecksumVerdict::good ||
                        (verdict == ChecksumVerdict::unknown && !ip.header.empty() &&
                         wire::ipv4_header_is_intact(ip.header));
    if (!ip.header.empty() && !intact) {
        drop = wire::Drop::ipv4_bad_checksum; // Then nothing else it says is worth reporting.
    }
    dispatch(packet, frame, ip, drop, steered, now);
}

template <Nic N, Service... S>
void Worker<N, S...>::parse_ipv6(Packet packet, const wire::EthernetFrame& frame, bool steered,
                                 Instant now) {
    wire::Ipv6Packet ip;
    wire::Drop drop = wire::parse_ipv6(frame.payload, ip);
    if (drop != wire::Drop::none && ip.problem.report &&
        admit(core_.settings.interface, ip) == wire::Drop::none) {
        finish_control(packet, control_.malformed(room_for_reply(packet), ip, drop, now));
        return;
    }
    dispatch(packet, frame, ip, drop, steered, now);
}

/// `drop` is what is wrong with the packet by itself.
template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::dispatch(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                               wire::Drop drop, bool steered, Instant now) {
    if (drop == wire::Drop::none) {
        drop = admit(core_.settings.interface, ip);
    }
    if (drop == wire::Drop::none) {
        drop = check_cast(core_.settings.interface, frame.destination, ip);
    }
    if (drop != wire::Drop::none) [[unlikely]] {
        core_.drop(packet, drop);
        return;
    }
    if (ip.is_fragment()) [[unlikely]] {
        take_fragment(packet, frame, ip, steered, now);
        return;
    }
    constexpr bool is_ipv4 = std::is_same_v<IpPacket, wire::Ipv4Packet>;
    if (ip.protocol == wire::ip_protocol::tcp) [[likely]] {
        parse_tcp(packet, frame, ip, steered);
    } else if (ip.protocol == wire::ip_protocol::udp) {
        parse_udp(packet, ip, now);
    } else if (ip.protocol == (is_ipv4 ? wire::ip_protocol::icmp : wire::ip_protocol::icmpv6)) {
        parse_icmp(packet, ip, steered, now);
    } else {
        finish_control(packet, control_.unreachable(room_for_reply(packet), ip,
                                                    wire::Drop::ip_unknown_protocol, now));
    }
}

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::parse_icmp(Packet packet, const IpPacket& ip, bool steered, Instant now) {
    using Addr = std::remove_cv_t<decltype(ip.source)>;
    Control::Result result;
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        result = control_.icmp_arrives(room_for_reply(packet), ip, now);
    } else {
        result = control_.icmpv6_arrives(room_for_reply(packet), ip, now);
    }
    if (const auto* const quoted = std::get_if<QuotedSegment<Addr>>(&result.about)) {
        // The worker whose connection is quoted is to hear of it.
        if (!steered && !host<Addr>().has(quoted->key) && steer(packet, quoted->key)) {
            return;
        }
        control_.note_error();
        host<Addr>().error_arrives(*quoted, now);
    }
    finish_control(packet, result);
}

template <Nic N, Service... S>
template <class IpPacket>
bool Worker<N, S...>::checksum_is_right(Packet packet, const IpPacket& ip,
                                        std::span<const std::byte> covered) const {
    switch (packet.checksums().l4) {
    case ChecksumVerdict::good:
        return true;
    case ChecksumVerdict::bad:
        return false;
    case ChecksumVerdict::unknown:
        break;
    }
    const wire::ChecksumSum pseudo = wire::pseudo_header_sum(
        ip.source, ip.destination, ip.protocol, static_cast<std::uint16_t>(covered.size()));
    return wire::is_intact(pseudo + wire::sum(covered));
}

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::parse_tcp(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                                bool steered) {
    using Addr = std::remove_cv_t<decltype(ip.source)>;
    auto& tcp = host<Addr>();
    auto& in = tcp.next();
    if (!checksum_is_right(packet, ip, ip.payload)) [[unlikely]] {
        core_.drop(packet, wire::Drop::tcp_bad_checksum);
        return;
    }
    in.segment.options = {};
    if (const wire::Drop drop = wire::parse_tcp(ip.payload, in.segment); drop != wire::Drop::none)
        [[unlikely]] {
        core_.drop(packet, drop);
        return;
    }
    core_.counters.add(Counter::tcp_segments_received);
    in.segment.ecn = wire::ecn_of(ip.traffic_class);
    in.packet = packet;
    in.key = {ip.destination, ip.source, in.segment.destination_port, in.segment.source_port};
    in.from = frame.source;
    in.steered = steered;
    tcp.admit();
}

} // namespace millrace::stack
