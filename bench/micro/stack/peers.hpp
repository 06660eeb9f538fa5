#pragma once

#include "server.hpp"
#include "wire.hpp"

#include "tcp/clock.hpp"
#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::stack::bench {

/// What has come from the server.
struct Received {
    std::uint32_t segments = 0;
    std::uint32_t bytes = 0; ///< Of payload.
    std::uint32_t fins = 0;

    friend bool operator==(const Received&, const Received&) = default;
};

/// Clients by the million that speak TCP by hand, behind one router. Address and port of one follow
/// from its number, and what is kept of it is 12 bytes; its segments look as Linux's do. They say
/// what they are told to, take in what comes in order, and end the program when anything else does.
class Peers {
  public:
    Peers(PacketMemory& memory, Port& port, std::uint32_t count)
        : memory_{memory}, port_{port}, peers_(count) {}

    /// The router asks for the server's address, so that the server knows the router's.
    void announce() {
        const Packet packet{memory_.take()};
        std::byte* const frame = packet.append(wire::ethernet_header_bytes + wire::arp_bytes);
        wire::EthernetFrame ethernet;
        ethernet.destination = {{255, 255, 255, 255, 255, 255}};
        ethernet.source = client_mac;
        ethernet.ethertype = wire::ethertype::arp;
        wire::write_ethernet(frame, ethernet);
        wire::write_arp(
            frame + wire::ethernet_header_bytes,
            {.sender_mac = client_mac, .sender_ip = router_address, .target_ip = server_address});
        hand_over(packet);
    }

    /// One segment to `server_port`, which acknowledges all that has come or, if less is wanted,
    /// up to `ack`.
    void send(std::uint32_t number, std::uint16_t server_port, std::uint8_t flags,
              std::string_view payload, Instant now, std::optional<wire::SeqNum> ack = {}) {
        namespace flag = wire::tcp_flag;
        Peer& peer = peers_[number];
        wire::TcpSegment segment;
        segment.source_port = port_of(number);
        segment.destination_port = server_port;
        segment.flags = flags;
        segment.window = window;
        segment.options.has_timestamps = true;
        segment.options.ts_val = tcp::timestamp_clock(now);
        if ((flags & flag::syn) != 0) {
            peer.seq = wire::SeqNum{number};
            segment.options.has_mss = segment.options.sack_permitted = true;
            segment.options.mss = 1460;
            segment.options.has_window_scale = true;
            segment.options.window_scale = window_scale;
        } else {
            segment.ack = ack.value_or(peer.ack);
            segment.options.ts_ecr = peer.ts_recent;
        }
        segment.seq = peer.seq;
        const auto bytes = std::as_bytes(std::span{payload});
        peer.seq += static_cast<std::uint32_t>(bytes.size()) +
                    ((flags & (flag::syn | flag::fin)) != 0 ? 1U : 0U);
        hand_over(packet_of(number, segment, bytes));
    }

    /// Takes everything in that the server has sent.
    Received take_in() {
        Received received;
        std::array<Packet, 32> burst;
        while (const std::size_t count = port_.receive(burst)) {
            for (const Packet packet : std::span{burst}.first(count)) {
                take(packet.bytes(), received);
                port_.release(packet);
            }
        }
        return received;
    }

    /// Up to where a client has received.
    [[nodiscard]] wire::SeqNum received_up_to(std::uint32_t number) const {
        return peers_[number].ack;
    }

    /// What a client offers: 32 segments with timestamps.
    static constexpr std::uint8_t window_scale = 7;
    static constexpr std::uint16_t window = 32 * 1448 / (1 << window_scale);

  private:
    struct Peer {
        wire::SeqNum seq;
        wire::SeqNum ack;
        std::uint32_t ts_recent = 0;
    };
    static_assert(sizeof(Peer) == 12);

    static constexpr std::uint32_t first_address = 0xc613'0000; // 198.19.0.0
    static constexpr std::uint32_t addresses = 1 << 16;
    static constexpr std::uint16_t first_port = 32'768;

    static wire::Ipv4Addr address_of(std::uint32_t number) {
        return wire::Ipv4Addr::from_value(first_address + number % addresses);
    }
    static std::uint16_t port_of(std::uint32_t number) {
        return static_cast<std::uint16_t>(first_port + number / addresses);
    }
    static std::uint32_t number_of(const wire::Ipv4Addr& address, std::uint16_t port) {
        return (port - std::uint32_t{first_port}) * addresses + (address.value() - first_address);
    }

    [[noreturn]] static void fail(const char* what) {
        std::fprintf(stderr, "the server has sent %s\n", what);
        std::exit(1);
    }

    [[nodiscard]] Packet packet_of(std::uint32_t number, const wire::TcpSegment& segment,
                                   std::span<const std::byte> payload) {
        const Packet packet{memory_.take()};
        const std::size_t tcp_bytes =
            wire::tcp_header_bytes_min + wire::tcp_options_length(segment.options) + payload.size();
        std::byte* const frame = packet.append(static_cast<std::uint32_t>(
            wire::ethernet_header_bytes + wire::ipv4_header_bytes_min + tcp_bytes));
        wire::EthernetFrame ethernet;
        ethernet.destination = server_mac;
        ethernet.source = client_mac;
        ethernet.ethertype = wire::ethertype::ipv4;
        std::byte* const l3 = frame + wire::write_ethernet(frame, ethernet);
        wire::Ipv4Packet ip;
        ip.source = address_of(number);
        ip.destination = server_address;
        ip.protocol = wire::ip_protocol::tcp;
        ip.ttl = 64;
        ip.dont_fragment = true;
        wire::write_ipv4(l3, ip, tcp_bytes);
        wire::fill_ipv4_checksum(l3);
        std::byte* const l4 = l3 + wire::ipv4_header_bytes_min;
        std::ranges::copy(payload, l4 + wire::write_tcp(l4, segment));
        wire::header_at<wire::TcpHeader>(l4).checksum =
            wire::finish(wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                                                 static_cast<std::uint16_t>(tcp_bytes)) +
                         wire::sum({l4, tcp_bytes}));
        return packet;
    }

    void hand_over(Packet packet) {
        std::array<Packet, 1> burst{packet};
        MILLRACE_ASSERT(port_.transmit(burst) == 1);
    }

    void take(std::span<const std::byte> frame, Received& received) {
        wire::EthernetFrame ethernet;
        wire::Ipv4Packet ip;
        wire::TcpSegment segment;
        if (wire::parse_ethernet(frame, ethernet) != wire::Drop::none ||
            ethernet.ethertype == wire::ethertype::arp) {
            return; // An answer to the router, or a question for it.
        }
        if (wire::parse_ipv4(ethernet.payload, ip) != wire::Drop::none ||
            wire::parse_tcp(ip.payload, segment) != wire::Drop::none) {
            fail("what is no segment");
        }
        Peer& peer = peers_[number_of(ip.destination, segment.destination_port)];
        if (segment.has(wire::tcp_flag::rst)) {
            fail("a reset");
        }
        if (segment.has(wire::tcp_flag::syn)) {
            peer.ack = segment.seq;
        }
        if (segment.seq != peer.ack) {
            fail("a segment that is not the next");
        }
        peer.ack += segment.sequence_length();
        peer.ts_recent = segment.options.ts_val;
        ++received.segments;
        received.bytes += static_cast<std::uint32_t>(segment.payload.size());
        received.fins += segment.has(wire::tcp_flag::fin) ? 1U : 0U;
    }

    PacketMemory& memory_;
    Port& port_;
    std::vector<Peer> peers_;
};

} // namespace millrace::stack::bench
