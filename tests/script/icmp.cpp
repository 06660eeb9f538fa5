#include "link.hpp"

#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

#include <utility>

/// ICMP errors about segments of ours, as a router on the way sends them.
namespace millrace::script {

namespace {

using support::Frame;
using wire::Ipv4Addr;
using wire::Ipv6Addr;
using Kind = IcmpError::Kind;

/// A router's own address.
constexpr Ipv4Addr router4{198, 18, 0, 254};
constexpr Ipv6Addr router6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe}};

std::vector<std::byte> quoted_tcp(const Packet& quoted) {
    std::vector<std::byte> bytes(wire::tcp_header_bytes_min);
    wire::TcpSegment header;
    header.source_port = quoted.ports.local;
    header.destination_port = quoted.ports.remote;
    header.seq = wire::SeqNum{quoted.segment.seq.value_or(0)};
    header.flags = wire::tcp_flag::ack;
    wire::write_tcp(bytes.data(), header);
    return bytes;
}

/// The IPv4 packet that the segment came in, as far as a router quotes it.
std::vector<std::byte> quote4(const Packet& quoted) {
    std::vector<std::byte> bytes(wire::ipv4_header_bytes_min);
    wire::Ipv4Packet packet;
    packet.source = our_address<Ipv4Addr>();
    packet.destination = peer_address<Ipv4Addr>();
    packet.protocol = wire::ip_protocol::tcp;
    packet.ttl = 60;
    packet.dont_fragment = true;
    const auto tcp = quoted_tcp(quoted);
    wire::write_ipv4(bytes.data(), packet, tcp.size() + quoted.segment.length);
    wire::fill_ipv4_checksum(bytes.data());
    bytes.insert(bytes.end(), tcp.begin(), tcp.end());
    return bytes;
}

std::vector<std::byte> quote6(const Packet& quoted) {
    std::vector<std::byte> bytes(wire::ipv6_header_bytes);
    wire::Ipv6Packet packet;
    packet.source = our_address<Ipv6Addr>();
    packet.destination = peer_address<Ipv6Addr>();
    packet.protocol = wire::ip_protocol::tcp;
    packet.hop_limit = 60;
    const auto tcp = quoted_tcp(quoted);
    wire::write_ipv6(bytes.data(), packet, tcp.size() + quoted.segment.length);
    bytes.insert(bytes.end(), tcp.begin(), tcp.end());
    return bytes;
}

wire::IcmpMessage message4(const IcmpError& error) {
    namespace code = wire::icmp_unreachable;
    wire::IcmpMessage message;
    message.type = wire::icmp_type::destination_unreachable;
    switch (error.kind) {
    case Kind::net_unreachable:
        message.code = code::net;
        break;
    case Kind::host_unreachable:
        message.code = code::host;
        break;
    case Kind::port_unreachable:
        message.code = code::port;
        break;
    case Kind::admin_prohibited:
        message.code = code::administratively_prohibited;
        break;
    case Kind::frag_needed:
        message.code = code::fragmentation_needed;
        message.mtu = error.mtu;
        break;
    case Kind::time_exceeded:
        message.type = wire::icmp_type::time_exceeded;
        break;
    }
    return message;
}

wire::Icmpv6Message message6(const IcmpError& error) {
    namespace code = wire::icmpv6_unreachable;
    wire::Icmpv6Message message;
    message.type = wire::icmpv6_type::destination_unreachable;
    switch (error.kind) {
    case Kind::net_unreachable:
        message.code = code::no_route;
        break;
    case Kind::host_unreachable:
        message.code = code::address;
        break;
    case Kind::port_unreachable:
        message.code = code::port;
        break;
    case Kind::admin_prohibited:
        message.code = code::administratively_prohibited;
        break;
    case Kind::frag_needed:
        message.type = wire::icmpv6_type::packet_too_big;
        message.mtu = error.mtu + 20U;
        break;
    case Kind::time_exceeded:
        message.type = wire::icmpv6_type::time_exceeded;
        break;
    }
    return message;
}

void write_ethernet(std::byte* out, std::uint16_t type) {
    wire::EthernetFrame frame;
    frame.destination = our_mac;
    frame.source = peer_mac;
    frame.ethertype = type;
    wire::write_ethernet(out, frame);
}

Frame frame4(const IcmpError& error, const Packet& quoted) {
    const auto quote = quote4(quoted);
    wire::IcmpMessage message = message4(error);
    message.data = quote;
    Frame frame(wire::ethernet_header_bytes + wire::ipv4_header_bytes_min +
                wire::icmp_header_bytes + quote.size());
    write_ethernet(frame.data(), wire::ethertype::ipv4);
    std::byte* const ip = frame.data() + wire::ethernet_header_bytes;
    wire::Ipv4Packet packet;
    packet.source = router4;
    packet.destination = our_address<Ipv4Addr>();
    packet.protocol = wire::ip_protocol::icmp;
    packet.ttl = 64;
    wire::write_ipv4(ip, packet, wire::write_icmp(ip + wire::ipv4_header_bytes_min, message));
    wire::fill_ipv4_checksum(ip);
    return frame;
}

Frame frame6(const IcmpError& error, const Packet& quoted) {
    const auto quote = quote6(quoted);
    wire::Icmpv6Message message = message6(error);
    message.data = quote;
    Frame frame(wire::ethernet_header_bytes + wire::ipv6_header_bytes + wire::icmp_header_bytes +
                quote.size());
    write_ethernet(frame.data(), wire::ethertype::ipv6);
    std::byte* const ip = frame.data() + wire::ethernet_header_bytes;
    wire::Ipv6Packet packet;
    packet.source = router6;
    packet.destination = our_address<Ipv6Addr>();
    packet.protocol = wire::ip_protocol::icmpv6;
    packet.hop_limit = 64;
    wire::write_ipv6(ip, packet,
                     wire::write_icmpv6(ip + wire::ipv6_header_bytes, message, packet.source,
                                        packet.destination));
    return frame;
}

} // namespace

Frame frame_of(Family family, const IcmpError& error, const Packet& quoted) {
    return family == Family::ipv4 ? frame4(error, quoted) : frame6(error, quoted);
}

} // namespace millrace::script
