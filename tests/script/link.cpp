#include "link.hpp"

#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/nd.hpp"
#include "wire/tcp.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace millrace::script {

using support::Frame;
using wire::Drop;
using wire::Ipv4Addr;
using wire::Ipv6Addr;

template <>
Ipv4Addr our_address() {
    return {198, 18, 0, 2};
}
template <>
Ipv4Addr peer_address() {
    return {198, 18, 0, 1};
}
template <>
Ipv6Addr our_address() {
    return {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
}
template <>
Ipv6Addr peer_address() {
    return {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
}

namespace {

void require(bool condition, const char* what) {
    if (!condition) {
        throw std::runtime_error{std::string{"a packet was sent whose "} + what + " is wrong"};
    }
}

/// The TCP header and text, its checksum still to be filled in.
std::vector<std::byte> tcp_of(const Packet& packet) {
    const Segment& segment = packet.segment;
    const std::vector<std::byte> options = encode_options(segment.options);
    std::vector<std::byte> bytes(wire::tcp_header_bytes_min);
    wire::header_at<wire::TcpHeader>(bytes.data()) = {
        .source_port = packet.ports.remote,
        .destination_port = packet.ports.local,
        .seq = segment.seq.value_or(0),
        .ack = segment.ack.value_or(0),
        .data_offset = static_cast<std::uint8_t>((bytes.size() + options.size()) / 4 << 4),
        .flags = segment.flags,
        .window = segment.window.value_or(0),
        .checksum = std::uint16_t{0},
        .urgent_pointer = segment.urgent.value_or(0),
    };
    bytes.insert(bytes.end(), options.begin(), options.end());
    bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());
    return bytes;
}

void fill_ethernet(std::byte* out, const wire::MacAddr& destination, std::uint16_t type) {
    wire::EthernetFrame frame;
    frame.destination = destination;
    frame.source = peer_mac;
    frame.ethertype = type;
    wire::write_ethernet(out, frame);
}

std::size_t write_ip(std::byte* out, const Ipv4Addr& from, const Ipv4Addr& to, wire::Ecn ecn,
                     std::size_t length) {
    wire::Ipv4Packet packet;
    packet.source = from;
    packet.destination = to;
    packet.protocol = wire::ip_protocol::tcp;
    packet.ttl = 64;
    packet.traffic_class = wire::traffic_class(0, ecn);
    const std::size_t header = wire::write_ipv4(out, packet, length);
    wire::fill_ipv4_checksum(out);
    return header;
}

std::size_t write_ip(std::byte* out, const Ipv6Addr& from, const Ipv6Addr& to, wire::Ecn ecn,
                     std::size_t length) {
    wire::Ipv6Packet packet;
    packet.source = from;
    packet.destination = to;
    packet.protocol = wire::ip_protocol::tcp;
    packet.hop_limit = 64;
    packet.traffic_class = wire::traffic_class(0, ecn);
    return wire::write_ipv6(out, packet, length);
}

template <class Addr>
Frame frame_with(const Packet& packet, std::uint16_t type, std::size_t ip_bytes) {
    std::vector<std::byte> tcp = tcp_of(packet);
    const auto from = peer_address<Addr>();
    const auto to = our_address<Addr>();
    const auto length = static_cast<std::uint16_t>(tcp.size());
    auto& checksum = wire::header_at<wire::TcpHeader>(tcp.data()).checksum;
    checksum = wire::finish(wire::pseudo_header_sum(from, to, wire::ip_protocol::tcp, length) +
                            wire::sum(tcp));
    if (packet.segment.bad_checksum) {
        checksum = static_cast<std::uint16_t>(checksum ^ 0x5555U);
    }
    Frame frame(wire::ethernet_header_bytes + ip_bytes);
    fill_ethernet(frame.data(), our_mac, type);
    write_ip(frame.data() + wire::ethernet_header_bytes, from, to,
             packet.segment.ecn.value_or(wire::Ecn::not_capable), tcp.size());
    frame.insert(frame.end(), tcp.begin(), tcp.end());
    return frame;
}

Packet read_tcp(std::span<const std::byte> bytes) {
    const auto& header = wire::header_at<wire::TcpHeader>(bytes.data());
    const std::size_t header_bytes = header.data_offset / 16U * std::size_t{4};
    require(header_bytes >= wire::tcp_header_bytes_min && header_bytes <= bytes.size(),
            "TCP data offset");
    const auto options =
        decode_options(bytes.first(header_bytes).subspan(wire::tcp_header_bytes_min));
    require(options.has_value(), "option length");
    const auto payload = bytes.subspan(header_bytes);
    Packet packet;
    packet.ports = {header.source_port, header.destination_port};
    packet.segment.flags = header.flags;
    packet.segment.seq = header.seq;
    packet.segment.length = static_cast<std::uint32_t>(payload.size());
    packet.segment.ack = header.ack;
    packet.segment.window = header.window;
    packet.segment.urgent = header.urgent_pointer;
    packet.segment.options = *options;
    packet.payload.assign(payload.begin(), payload.end());
    return packet;
}

template <class IpPacket>
std::optional<Packet> read_ip(const IpPacket& ip) {
    using Addr = std::remove_cvref_t<decltype(ip.source)>;
    if (ip.protocol != wire::ip_protocol::tcp) {
        return std::nullopt;
    }
    require(ip.source == our_address<Addr>() && ip.destination == peer_address<Addr>(),
            "IP address");
    require(!ip.is_fragment() && ip.payload.size() >= wire::tcp_header_bytes_min, "length");
    const auto length = static_cast<std::uint16_t>(ip.payload.size());
    require(wire::is_intact(
                wire::pseudo_header_sum(ip.source, ip.destination, wire::ip_protocol::tcp, length) +
                wire::sum(ip.payload)),
            "TCP checksum");
    Packet packet = read_tcp(ip.payload);
    packet.segment.ecn = wire::ecn_of(ip.traffic_class);
    return packet;
}

std::optional<Frame> answer_arp(std::span<const std::byte> payload) {
    wire::ArpPacket question;
    if (wire::parse_arp(payload, question) != Drop::none ||
        question.operation != wire::ArpOperation::request ||
        question.target_ip != peer_address<Ipv4Addr>()) {
        return std::nullopt;
    }
    Frame frame(wire::ethernet_header_bytes + wire::arp_bytes);
    fill_ethernet(frame.data(), our_mac, wire::ethertype::arp);
    wire::write_arp(frame.data() + wire::ethernet_header_bytes,
                    {wire::ArpOperation::reply, peer_mac, question.target_ip, question.sender_mac,
                     question.sender_ip});
    return frame;
}

/// A neighbour discovery message in its packet and frame.
template <class Message>
Frame nd_frame(const Message& message, const wire::MacAddr& mac, const Ipv6Addr& to) {
    Frame frame(wire::ethernet_header_bytes + wire::ipv6_header_bytes + wire::nd_bytes_max);
    std::byte* const ip = frame.data() + wire::ethernet_header_bytes;
    wire::Ipv6Packet packet;
    packet.source = peer_address<Ipv6Addr>();
    packet.destination = to;
    packet.protocol = wire::ip_protocol::icmpv6;
    packet.hop_limit = wire::nd_hop_limit;
    const std::size_t length =
        wire::write_nd(ip + wire::ipv6_header_bytes, message, packet.source, to);
    wire::write_ipv6(ip, packet, length);
    fill_ethernet(frame.data(), mac, wire::ethertype::ipv6);
    frame.resize(wire::ethernet_header_bytes + wire::ipv6_header_bytes + length);
    return frame;
}

std::optional<Frame> answer_nd(std::span<const std::byte> payload) {
    wire::Ipv6Packet ip;
    wire::Icmpv6Message message;
    wire::NeighbourSolicitation question;
    if (wire::parse_ipv6(payload, ip) != Drop::none || ip.protocol != wire::ip_protocol::icmpv6) {
        return std::nullopt;
    }
    const wire::ChecksumSum pseudo =
        wire::pseudo_header_sum(ip.source, ip.destination, wire::ip_protocol::icmpv6,
                                static_cast<std::uint32_t>(ip.payload.size()));
    if (wire::parse_icmpv6(ip.payload, pseudo, message) != Drop::none ||
        message.type != wire::icmpv6_type::neighbour_solicitation ||
        wire::parse_nd(ip, message, question) != Drop::none ||
        question.target != peer_address<Ipv6Addr>()) {
        return std::nullopt;
    }
    const wire::NeighbourAdvertisement answer{question.target, false, true, true, peer_mac};
    return nd_frame(answer, our_mac, ip.source);
}

} // namespace

Frame frame_of(Family family, const Packet& packet) {
    return family == Family::ipv4
               ? frame_with<Ipv4Addr>(packet, wire::ethertype::ipv4, wire::ipv4_header_bytes_min)
               : frame_with<Ipv6Addr>(packet, wire::ethertype::ipv6, wire::ipv6_header_bytes);
}

std::optional<Packet> packet_of(Family family, const Frame& frame) {
    wire::EthernetFrame ethernet;
    require(wire::parse_ethernet(frame, ethernet) == Drop::none, "Ethernet header");
    require(ethernet.source == our_mac, "Ethernet source");
    if (ethernet.ethertype == wire::ethertype::ipv4 && family == Family::ipv4) {
        wire::Ipv4Packet ip;
        require(wire::parse_ipv4(ethernet.payload, ip) == Drop::none &&
                    wire::ipv4_header_is_intact(ip.header),
                "IPv4 header");
        return read_ip(ip);
    }
    if (ethernet.ethertype == wire::ethertype::ipv6 && family == Family::ipv6) {
        wire::Ipv6Packet ip;
        require(wire::parse_ipv6(ethernet.payload, ip) == Drop::none, "IPv6 header");
        return read_ip(ip);
    }
    return std::nullopt;
}

Frame greeting(Family family) {
    if (family == Family::ipv6) {
        const auto target = our_address<Ipv6Addr>();
        return nd_frame(wire::NeighbourSolicitation{target, peer_mac},
                        wire::multicast_mac(target.solicited_node()), target.solicited_node());
    }
    Frame frame(wire::ethernet_header_bytes + wire::arp_bytes);
    fill_ethernet(frame.data(), wire::MacAddr::broadcast, wire::ethertype::arp);
    wire::write_arp(frame.data() + wire::ethernet_header_bytes, {wire::ArpOperation::request,
                                                                 peer_mac,
                                                                 peer_address<Ipv4Addr>(),
                                                                 {},
                                                                 our_address<Ipv4Addr>()});
    return frame;
}

std::optional<Frame> answer_to(const Frame& frame) {
    wire::EthernetFrame ethernet;
    if (wire::parse_ethernet(frame, ethernet) != Drop::none) {
        return std::nullopt;
    }
    switch (ethernet.ethertype) {
    case wire::ethertype::arp:
        return answer_arp(ethernet.payload);
    case wire::ethertype::ipv6:
        return answer_nd(ethernet.payload);
    default:
        return std::nullopt;
    }
}

} // namespace millrace::script
