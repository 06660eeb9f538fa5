#pragma once

#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

/// Segments and frames for benchmarks to read and write.
namespace millrace::wire::bench {

inline TcpSegment bare() {
    TcpSegment segment;
    segment.source_port = 40000;
    segment.destination_port = 80;
    segment.seq = SeqNum{0x12345678};
    segment.ack = SeqNum{0x9abcdef0};
    segment.flags = tcp_flag::ack;
    segment.window = 512;
    return segment;
}

inline TcpSegment with_timestamps() {
    TcpSegment segment = bare();
    segment.options.has_timestamps = true;
    segment.options.ts_val = 1000;
    segment.options.ts_ecr = 2000;
    return segment;
}

inline TcpSegment with_sack() {
    TcpSegment segment = with_timestamps();
    segment.options.sack_count = 3;
    return segment;
}

inline TcpSegment syn() {
    TcpSegment segment = with_timestamps();
    segment.flags = tcp_flag::syn;
    segment.options.has_mss = true;
    segment.options.mss = 1460;
    segment.options.has_window_scale = true;
    segment.options.window_scale = 7;
    segment.options.sack_permitted = true;
    return segment;
}

inline Ipv4Packet ipv4_packet() {
    Ipv4Packet packet;
    packet.source = {198, 18, 0, 1};
    packet.destination = {198, 18, 0, 2};
    packet.protocol = ip_protocol::tcp;
    packet.ttl = 64;
    return packet;
}

inline Ipv6Packet ipv6_packet() {
    Ipv6Packet packet;
    packet.source = {{0x20, 0x01, 0x0d, 0xb8, 1}};
    packet.destination = {{0x20, 0x01, 0x0d, 0xb8, 2}};
    packet.protocol = ip_protocol::tcp;
    packet.hop_limit = 64;
    return packet;
}

inline std::size_t write_ip(std::byte* out, const Ipv4Packet& packet, std::size_t payload_bytes) {
    const std::size_t length = write_ipv4(out, packet, payload_bytes);
    fill_ipv4_checksum(out);
    return length;
}
inline std::size_t write_ip(std::byte* out, const Ipv6Packet& packet, std::size_t payload_bytes) {
    return write_ipv6(out, packet, payload_bytes);
}

/// All headers of a segment without payload, with its checksums; says how long they are.
template <class IpPacket>
std::size_t write_frame(std::byte* out, const EthernetFrame& link, const IpPacket& ip,
                        const TcpSegment& segment) {
    constexpr bool is_ipv4 = std::is_same_v<IpPacket, Ipv4Packet>;
    std::byte* const l3 = out + write_ethernet(out, link);
    std::byte* const l4 = l3 + (is_ipv4 ? ipv4_header_bytes_min : ipv6_header_bytes);
    const std::size_t tcp_bytes = write_tcp(l4, segment);
    write_ip(l3, ip, tcp_bytes);
    header_at<TcpHeader>(l4).checksum =
        finish(pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                                 static_cast<std::uint16_t>(tcp_bytes)) +
               sum({l4, tcp_bytes}));
    return static_cast<std::size_t>(l4 - out) + tcp_bytes;
}

struct Frame {
    std::array<std::byte, 128> bytes{};
    std::size_t length = 0;
};

template <class IpPacket>
EthernetFrame link_of(const IpPacket&) {
    EthernetFrame link;
    link.ethertype = std::is_same_v<IpPacket, Ipv4Packet> ? ethertype::ipv4 : ethertype::ipv6;
    return link;
}

/// A segment with timestamps.
template <class IpPacket>
Frame frame_of(const IpPacket& ip) {
    Frame frame;
    frame.length = write_frame(frame.bytes.data(), link_of(ip), ip, with_timestamps());
    return frame;
}

inline Drop parse_ip(std::span<const std::byte> bytes, Ipv4Packet& out) {
    return parse_ipv4(bytes, out);
}
inline Drop parse_ip(std::span<const std::byte> bytes, Ipv6Packet& out) {
    return parse_ipv6(bytes, out);
}

/// Reads all headers of a frame; no checksum.
template <class IpPacket>
Drop parse_frame(std::span<const std::byte> bytes, IpPacket& ip, TcpSegment& out) {
    EthernetFrame link;
    Drop drop = parse_ethernet(bytes, link);
    if (drop == Drop::none) {
        drop = parse_ip(link.payload, ip);
    }
    return drop == Drop::none ? parse_tcp(ip.payload, out) : drop;
}

inline std::vector<std::byte> some_bytes(std::size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::size_t i = 0; i < length; ++i) {
        bytes[i] = static_cast<std::byte>(i * 167 + 13);
    }
    return bytes;
}

} // namespace millrace::wire::bench
