#pragma once

#include "stack/admission.hpp"
#include "stack/control.hpp"
#include "stack/interface.hpp"
#include "stack/neighbours.hpp"
#include "timer/wheel.hpp"
#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/nd.hpp"
#include "wire/udp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// What the tests of ARP, ICMP and ND share: one host's control plane in virtual time, a peer's
/// addresses, and frames made and read.
namespace millrace::stack {

using Bytes = std::vector<std::byte>;

/// Bytes from pairs of hex digits; spaces do not matter.
inline Bytes hex(std::string_view text) {
    Bytes bytes;
    unsigned value = 0;
    bool half = false;
    for (const char c : text) {
        if (c == ' ') {
            continue;
        }
        value = value << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
        if (half) {
            bytes.push_back(static_cast<std::byte>(value));
            value = 0;
        }
        half = !half;
    }
    return bytes;
}

namespace ours {
inline constexpr wire::MacAddr mac{{2, 0, 0, 0, 0, 1}};
inline constexpr wire::Ipv4Addr ip4{198, 18, 0, 1};
inline constexpr wire::Ipv6Addr ip6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr wire::Ipv6Addr link_local = wire::Ipv6Addr::link_local_from(mac);
} // namespace ours

namespace peer {
inline constexpr wire::MacAddr mac{{2, 0, 0, 0, 0, 2}};
inline constexpr wire::Ipv4Addr ip4{198, 18, 0, 2};
inline constexpr wire::Ipv6Addr ip6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
inline constexpr wire::Ipv6Addr link_local = wire::Ipv6Addr::link_local_from(mac);
} // namespace peer

inline Interface usual_interface() {
    Interface interface;
    interface.mac = ours::mac;
    interface.ipv4 = {{ours::ip4, 24}};
    interface.ipv6 = {{ours::ip6, 64}};
    interface.add_link_local();
    return interface;
}

/// Addresses that may be used at once, and nothing said unasked.
inline ControlOptions quiet() {
    ControlOptions options;
    options.speaks_for_port = false;
    options.ipv6_probes = 0;
    return options;
}

struct Answer {
    Control::Result result;
    Bytes frame; ///< When there is a reply.
};

/// A frame that was sent, and when.
struct Sent {
    Instant at;
    Bytes frame;
};

/// One worker's ARP, ICMP and ND, and as much around them as they need.
class TestHost {
  public:
    explicit TestHost(const ControlOptions& options = quiet(),
                      Interface its_interface = usual_interface(), std::uint64_t seed = 1)
        : interface {
        std::move(its_interface)
    }, neighbours4{wheel, 1, SipKey{seed, 2}}, neighbours6{wheel, 2, SipKey{seed, 3}},
        control{interface, neighbours4, neighbours6, wheel, 3, SipKey{seed, 4}, options, now} {
    }

    /// Receives a frame as a worker does; `room` bytes of its memory lie behind it.
    Answer receive(Bytes frame, std::size_t room = Control::reply_room) {
        const std::size_t length = frame.size();
        frame.resize(length + room, std::byte{0xee});
        const std::span<std::byte> buffer{frame};
        const Control::Result result = dispatch(buffer, buffer.first(length));
        if (result.kind == Control::Result::Kind::reply) {
            frame.resize(result.length);
            return {result, frame};
        }
        return {result, {}};
    }

    /// What is to be sent now.
    std::vector<Bytes> frames() {
        std::vector<Bytes> all;
        control.take_frames(
            [] { return true; },
            [&](std::span<const std::byte> frame) { all.emplace_back(frame.begin(), frame.end()); },
            now);
        return all;
    }

    /// Lets time pass in steps of 10 ms and returns what is sent meanwhile.
    std::vector<Sent> pass(Duration span) {
        std::vector<Sent> all;
        const Instant end = now + span;
        while (now < end) {
            now = std::min(now + 10ms, end);
            wheel.advance(now, [&](timer::Node& node) { control.deadline_passed(node, now); });
            for (Bytes& frame : frames()) {
                all.push_back({now, std::move(frame)});
            }
        }
        return all;
    }

    std::vector<Learnt> learnt() {
        std::vector<Learnt> all;
        control.take_learnt([&](const Learnt& news) { all.push_back(news); });
        return all;
    }

    std::vector<AddressConflict> conflicts() {
        std::vector<AddressConflict> all;
        control.take_conflicts([&](const AddressConflict& conflict) { all.push_back(conflict); });
        return all;
    }

    [[nodiscard]] std::uint64_t count(ControlCounter counter) const {
        return control.counters()[counter];
    }

    Instant now{1h};
    Interface interface;
    timer::Wheel wheel{now};
    Neighbours<wire::Ipv4Addr> neighbours4;
    Neighbours<wire::Ipv6Addr> neighbours6;
    Control control;

  private:
    static Control::Result dropped(wire::Drop drop) { return {Control::Result::Kind::drop, drop}; }

    Control::Result dispatch(std::span<std::byte> buffer, std::span<const std::byte> frame) {
        wire::EthernetFrame ethernet;
        if (const auto drop = wire::parse_ethernet(frame, ethernet); drop != wire::Drop::none) {
            return dropped(drop);
        }
        switch (ethernet.ethertype) {
        case wire::ethertype::arp:
            return control.arp_arrives(buffer, ethernet.payload, now);
        case wire::ethertype::ipv4:
            return dispatch_ipv4(buffer, ethernet.payload);
        case wire::ethertype::ipv6:
            return dispatch_ipv6(buffer, ethernet.payload);
        default:
            return dropped(wire::Drop::ethertype_unknown);
        }
    }

    Control::Result dispatch_ipv4(std::span<std::byte> buffer, std::span<const std::byte> bytes) {
        wire::Ipv4Packet packet;
        wire::Drop drop = wire::parse_ipv4(bytes, packet);
        drop = drop == wire::Drop::none ? admit(interface, packet) : drop;
        if (drop != wire::Drop::none) {
            return dropped(drop);
        }
        if (packet.protocol == wire::ip_protocol::icmp) {
            return control.icmp_arrives(buffer, packet, now);
        }
        return control.unreachable(buffer, packet, why(packet.protocol), now);
    }

    Control::Result dispatch_ipv6(std::span<std::byte> buffer, std::span<const std::byte> bytes) {
        wire::Ipv6Packet packet;
        if (const auto drop = wire::parse_ipv6(bytes, packet); drop != wire::Drop::none) {
            return control.malformed(buffer, packet, drop, now);
        }
        if (const auto drop = admit(interface, packet); drop != wire::Drop::none) {
            return dropped(drop);
        }
        if (packet.protocol == wire::ip_protocol::icmpv6) {
            return control.icmpv6_arrives(buffer, packet, now);
        }
        return control.unreachable(buffer, packet, why(packet.protocol), now);
    }

    static wire::Drop why(std::uint8_t protocol) {
        return protocol == wire::ip_protocol::udp ? wire::Drop::udp_no_service
                                                  : wire::Drop::ip_unknown_protocol;
    }
};

// Frames made

inline Bytes ethernet_frame(const wire::MacAddr& destination, const wire::MacAddr& source,
                            std::uint16_t ethertype, std::span<const std::byte> payload) {
    const wire::EthernetFrame header{
        .destination = destination, .source = source, .ethertype = ethertype};
    Bytes frame(wire::ethernet_header_bytes + payload.size());
    std::copy(payload.begin(), payload.end(),
              frame.data() + wire::write_ethernet(frame.data(), header));
    return frame;
}

/// The frame with a tag of VLAN 5 put in.
inline Bytes tagged(Bytes frame) {
    const Bytes tag = hex("81 00 00 05");
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
}

inline Bytes arp_frame(const wire::ArpPacket& packet,
                       const wire::MacAddr& destination = wire::MacAddr::broadcast) {
    Bytes payload(wire::arp_bytes);
    wire::write_arp(payload.data(), packet);
    return ethernet_frame(destination, packet.sender_mac, wire::ethertype::arp, payload);
}

/// `header` is a packet without its spans; options, if any, stand before the payload.
inline Bytes ipv4_frame(wire::Ipv4Packet header, std::span<const std::byte> payload,
                        const Bytes& options = {}, const wire::MacAddr& destination = ours::mac) {
    header.ttl = 64;
    Bytes packet(wire::ipv4_header_bytes_min);
    wire::write_ipv4(packet.data(), header, options.size() + payload.size());
    packet.insert(packet.end(), options.begin(), options.end());
    packet[0] = static_cast<std::byte>(0x45 + options.size() / 4);
    auto& written = wire::header_at<wire::Ipv4Header>(packet.data());
    written.checksum = wire::finish(wire::sum(packet));
    packet.insert(packet.end(), payload.begin(), payload.end());
    return ethernet_frame(destination, peer::mac, wire::ethertype::ipv4, packet);
}

/// `extensions`, if any, begin with a header of the kind that `header.protocol` says.
inline Bytes ipv6_frame(const wire::Ipv6Packet& header, std::span<const std::byte> payload,
                        const Bytes& extensions = {},
                        const wire::MacAddr& destination = ours::mac) {
    Bytes packet(wire::ipv6_header_bytes);
    wire::write_ipv6(packet.data(), header, extensions.size() + payload.size());
    packet.insert(packet.end(), extensions.begin(), extensions.end());
    packet.insert(packet.end(), payload.begin(), payload.end());
    return ethernet_frame(destination, peer::mac, wire::ethertype::ipv6, packet);
}

/// Where an IP packet's frame goes: to our port, or to its group.
inline wire::MacAddr mac_for(const wire::Ipv6Addr& destination) {
    return destination.is_multicast() ? wire::multicast_mac(destination) : ours::mac;
}

/// An ND message from the peer's port.
template <class Message>
Bytes nd_frame(const Message& message, const wire::Ipv6Addr& source,
               const wire::Ipv6Addr& destination, std::uint8_t hop_limit = wire::nd_hop_limit) {
    Bytes bytes(wire::nd_bytes_max);
    bytes.resize(wire::write_nd(bytes.data(), message, source, destination));
    return ipv6_frame({.source = source,
                       .destination = destination,
                       .protocol = wire::ip_protocol::icmpv6,
                       .hop_limit = hop_limit},
                      bytes, {}, mac_for(destination));
}

// Frames read

inline wire::EthernetFrame read_ethernet(const Bytes& frame) {
    wire::EthernetFrame ethernet;
    EXPECT_EQ(wire::parse_ethernet(frame, ethernet), wire::Drop::none);
    return ethernet;
}

inline wire::ArpPacket read_arp(const Bytes& frame) {
    wire::ArpPacket packet;
    const wire::EthernetFrame ethernet = read_ethernet(frame);
    EXPECT_EQ(ethernet.ethertype, wire::ethertype::arp);
    EXPECT_EQ(wire::parse_arp(ethernet.payload, packet), wire::Drop::none);
    return packet;
}

inline bool is_arp(const Bytes& frame) {
    return read_ethernet(frame).ethertype == wire::ethertype::arp;
}

inline wire::Ipv4Packet read_ipv4(const Bytes& frame) {
    wire::Ipv4Packet packet;
    const wire::EthernetFrame ethernet = read_ethernet(frame);
    EXPECT_EQ(ethernet.ethertype, wire::ethertype::ipv4);
    EXPECT_EQ(wire::parse_ipv4(ethernet.payload, packet), wire::Drop::none);
    EXPECT_TRUE(wire::ipv4_header_is_intact(packet.header));
    return packet;
}

inline wire::Ipv6Packet read_ipv6(const Bytes& frame) {
    wire::Ipv6Packet packet;
    const wire::EthernetFrame ethernet = read_ethernet(frame);
    EXPECT_EQ(ethernet.ethertype, wire::ethertype::ipv6);
    EXPECT_EQ(wire::parse_ipv6(ethernet.payload, packet), wire::Drop::none);
    return packet;
}

/// Checks the checksum; the type may be one that wire does not know.
inline wire::Icmpv6Message read_icmpv6(const wire::Ipv6Packet& packet) {
    wire::Icmpv6Message message;
    EXPECT_EQ(packet.protocol, wire::ip_protocol::icmpv6);
    const auto drop = wire::parse_icmpv6(
        packet.payload,
        wire::pseudo_header_sum(packet.source, packet.destination, wire::ip_protocol::icmpv6,
                                static_cast<std::uint32_t>(packet.payload.size())),
        message);
    EXPECT_TRUE(drop == wire::Drop::none || drop == wire::Drop::icmp_unknown_type);
    return message;
}

template <class Message>
Message read_nd(const Bytes& frame) {
    const wire::Ipv6Packet packet = read_ipv6(frame);
    Message message;
    EXPECT_EQ(wire::parse_nd(packet, read_icmpv6(packet), message), wire::Drop::none);
    return message;
}

/// The type of the ICMPv6 message in a frame; 0 for any other frame.
inline std::uint8_t icmpv6_type_of(const Bytes& frame) {
    if (read_ethernet(frame).ethertype != wire::ethertype::ipv6) {
        return 0;
    }
    return read_icmpv6(read_ipv6(frame)).type;
}

} // namespace millrace::stack

namespace millrace::wire {
/// What GoogleTest prints of a drop.
inline void PrintTo(Drop drop, std::ostream* out) {
    *out << name(drop);
}
} // namespace millrace::wire
