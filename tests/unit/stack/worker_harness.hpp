#pragma once

#include "service/echo.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::stack::testing {

inline constexpr wire::MacAddr our_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr wire::MacAddr peer_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr wire::Ipv4Addr our_address{198, 18, 0, 2};
inline constexpr wire::Ipv4Addr peer_address{198, 18, 0, 1};
inline constexpr std::uint16_t echo_port = 7;

/// A whole frame that carries one TCP segment from the peer, checksums right.
inline support::Frame frame_of(const wire::TcpSegment& segment, std::string_view payload = {}) {
    support::Frame frame(wire::ethernet_header_bytes + wire::ipv4_header_bytes_min +
                         wire::tcp_header_bytes_min + wire::tcp_options_length(segment.options) +
                         payload.size());
    auto& ethernet = wire::header_at<wire::EthernetHeader>(frame.data());
    ethernet.destination = our_mac;
    ethernet.source = peer_mac;
    ethernet.ethertype = wire::ethertype::ipv4;
    std::byte* const ip = frame.data() + wire::ethernet_header_bytes;
    std::byte* const tcp = ip + wire::ipv4_header_bytes_min;
    const auto length = static_cast<std::size_t>(frame.data() + frame.size() - tcp);
    wire::Ipv4Packet packet;
    packet.source = peer_address;
    packet.destination = our_address;
    packet.protocol = wire::ip_protocol::tcp;
    packet.ttl = 64;
    wire::write_ipv4(ip, packet, length);
    wire::fill_ipv4_checksum(ip);
    const std::size_t header = wire::write_tcp(tcp, segment);
    std::ranges::copy(std::as_bytes(std::span{payload}), tcp + header);
    wire::header_at<wire::TcpHeader>(tcp).checksum =
        wire::finish(wire::pseudo_header_sum(peer_address, our_address, wire::ip_protocol::tcp,
                                             static_cast<std::uint16_t>(length)) +
                     wire::sum({tcp, length}));
    return frame;
}

/// An ARP request of the peer for our address, from which we also learn its own.
inline support::Frame arp_request() {
    support::Frame frame(wire::ethernet_header_bytes + 28);
    auto& ethernet = wire::header_at<wire::EthernetHeader>(frame.data());
    ethernet.destination = {{255, 255, 255, 255, 255, 255}};
    ethernet.source = peer_mac;
    ethernet.ethertype = wire::ethertype::arp;
    constexpr unsigned char fixed[] = {0, 1, 8, 0, 6, 4, 0, 1};
    std::byte* out = frame.data() + wire::ethernet_header_bytes;
    std::memcpy(out, fixed, sizeof fixed);
    std::memcpy(out + 8, &peer_mac, 6);
    std::memcpy(out + 14, &peer_address, 4);
    std::memcpy(out + 24, &our_address, 4);
    return frame;
}

/// A segment that the worker has sent.
struct Sent {
    support::Frame frame;
    wire::TcpSegment segment; ///< Points into the frame.
};

/// One worker with an echo service, and a peer that speaks TCP by hand.
class WorkerHarness {
  public:
    using EchoWorker = Worker<support::MemoryNic, service::Echo>;

    explicit WorkerHarness(const WorkerSettings& wanted = {}, std::size_t packets = 1024,
                           Mailboxes* mailboxes = nullptr)
        : nic{packets}, worker{nic, settings_of(wanted), mailboxes, now} {
        worker.listen({.port = echo_port}, service::Echo{});
        arrives(arp_request());
        static_cast<void>(sent());
    }

    static WorkerSettings settings_of(WorkerSettings settings) {
        settings.interface.mac = our_mac;
        settings.interface.ipv4 = {{our_address, 24}};
        settings.control.ipv4_announcements = 0;
        settings.control.ipv6_probes = 0;
        settings.buffers.packet_bytes = sizeof(support::PacketBuffer);
        return settings;
    }

    void arrives(const support::Frame& frame) {
        EXPECT_TRUE(nic.deliver(frame));
        poll();
    }

    void poll(Duration later = 0ns) {
        now += later;
        worker.poll_once(now);
    }

    /// What was sent since the last call, TCP only.
    std::vector<Sent> sent() {
        std::vector<Sent> all;
        support::Frame frame;
        while (nic.take_sent(frame)) {
            wire::EthernetFrame ethernet;
            wire::Ipv4Packet ip;
            Sent one{frame, {}};
            if (wire::parse_ethernet(one.frame, ethernet) == wire::Drop::none &&
                ethernet.ethertype == wire::ethertype::ipv4 &&
                wire::parse_ipv4(ethernet.payload, ip) == wire::Drop::none &&
                ip.protocol == wire::ip_protocol::tcp &&
                wire::parse_tcp(ip.payload, one.segment) == wire::Drop::none) {
                all.push_back(std::move(one));
            }
        }
        return all;
    }

    [[nodiscard]] std::uint64_t drops(wire::Drop reason) const {
        return worker.core().drops[reason];
    }
    [[nodiscard]] std::uint32_t connections() const {
        return worker.template host<wire::Ipv4Addr>().connections();
    }

    Instant now{1s};
    support::MemoryNic nic;
    EchoWorker worker;
};

/// One connection of the peer's.
class PeerConnection {
  public:
    PeerConnection(WorkerHarness& harness, std::uint16_t port) : harness_{harness}, port_{port} {}

    void send(std::uint8_t flags, std::string_view payload = {}) {
        wire::TcpSegment segment;
        segment.source_port = port_;
        segment.destination_port = echo_port;
        segment.seq = seq;
        segment.ack = ack;
        segment.flags = flags;
        segment.window = 65535;
        harness_.arrives(frame_of(segment, payload));
        seq += static_cast<std::uint32_t>(payload.size()) +
               ((flags & (wire::tcp_flag::syn | wire::tcp_flag::fin)) != 0 ? 1U : 0U);
    }

    /// Takes in what was sent to us; the text of it.
    std::string receive() {
        std::string text;
        for (const Sent& sent : harness_.sent()) {
            if (sent.segment.destination_port != port_) {
                continue;
            }
            last = sent.segment;
            const auto* const bytes = reinterpret_cast<const char*>(sent.segment.payload.data());
            if (sent.segment.seq == ack || sent.segment.has(wire::tcp_flag::syn)) {
                text.append(bytes, sent.segment.payload.size());
                ack = sent.segment.seq + sent.segment.sequence_length();
            }
        }
        return text;
    }

    void open() {
        send(wire::tcp_flag::syn);
        receive();
        send(wire::tcp_flag::ack);
        receive();
    }

    wire::SeqNum seq{1000};
    wire::SeqNum ack;
    wire::TcpSegment last;

  private:
    WorkerHarness& harness_;
    std::uint16_t port_;
};

} // namespace millrace::stack::testing
