#include "wire/ipv6.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

std::span<const std::byte> ip_of(const Bytes& frame) {
    return std::span{frame}.subspan(14);
}

Ipv6Packet parsed(std::span<const std::byte> bytes) {
    Ipv6Packet packet;
    EXPECT_EQ(parse_ipv6(bytes, packet), Drop::none);
    return packet;
}

/// From 2001:db8::1 to ::2, hop limit 64, with these bytes behind the fixed header.
Bytes packet_with(std::uint8_t next_header, std::string_view behind) {
    Bytes bytes = hex("60 00 00 00 00 00 00 40 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 "
                      "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02");
    const Bytes more = hex(behind);
    bytes.insert(bytes.end(), more.begin(), more.end());
    auto& header = header_at<Ipv6Header>(bytes.data());
    header.next_header = next_header;
    header.payload_length = static_cast<std::uint16_t>(more.size());
    return bytes;
}

struct Refused {
    Drop drop = Drop::none;
    bool report = false;
    unsigned code = 0;
    unsigned pointer = 0;
    bool even_if_multicast = false;

    friend bool operator==(const Refused&, const Refused&) = default;
    friend void PrintTo(const Refused& r, std::ostream* out) {
        *out << name(r.drop) << (r.report ? " reported, code " : " in silence, code ") << r.code
             << " pointer " << r.pointer << (r.even_if_multicast ? " even if multicast" : "");
    }
};

Refused refused(std::span<const std::byte> bytes) {
    Ipv6Packet packet;
    // What an earlier packet left behind must not speak for this one.
    packet.problem = {.report = true, .even_if_multicast = true, .code = 9, .pointer = 9};
    const Drop drop = parse_ipv6(bytes, packet);
    const Ipv6Problem& problem = packet.problem;
    return problem.report
               ? Refused{drop, true, problem.code, problem.pointer, problem.even_if_multicast}
               : Refused{drop};
}

TEST(ParseIpv6, PacketOfLinux) {
    const auto bytes = ip_of(captured::tcp_data_ipv6);
    const Ipv6Packet packet = parsed(bytes);
    EXPECT_EQ(packet.source.to_string(), "2001:db8::1");
    EXPECT_EQ(packet.destination.to_string(), "2001:db8::2");
    EXPECT_EQ(packet.protocol, ip_protocol::tcp);
    EXPECT_EQ(packet.hop_limit, 64);
    EXPECT_EQ(packet.traffic_class, 0);
    EXPECT_EQ(packet.flow_label, 0x1e6afU);
    EXPECT_FALSE(packet.is_fragment());
    EXPECT_EQ(packet.next_header_offset, 6);
    EXPECT_EQ(packet.headers.size(), 40U);
    EXPECT_EQ(packet.payload.data(), bytes.data() + 40);
    EXPECT_EQ(packet.payload.size(), 45U);
}

TEST(ParseIpv6, TrafficClassStandsAcrossBytes) {
    auto bytes = packet_with(ip_protocol::tcp, "");
    bytes[0] = std::byte{0x6a};
    bytes[1] = std::byte{0xbc};
    const Ipv6Packet packet = parsed(bytes);
    EXPECT_EQ(packet.traffic_class, 0xab);
    EXPECT_EQ(packet.flow_label, 0xc0000U);
}

TEST(ParseIpv6, LastFragmentOfLinux) {
    const Ipv6Packet packet = parsed(ip_of(captured::udp_last_fragment_ipv6));
    EXPECT_TRUE(packet.is_fragment());
    EXPECT_FALSE(packet.more_fragments);
    EXPECT_EQ(packet.fragment_offset, 1448);
    EXPECT_EQ(packet.fragment_id, 0xf18e2154U);
    EXPECT_EQ(packet.protocol, ip_protocol::udp);
    EXPECT_EQ(packet.headers.size(), 48U);
    EXPECT_EQ(packet.payload.size(), 61U);
}

TEST(ParseIpv6, FramePaddingIsLeftOut) {
    auto bytes = packet_with(ip_protocol::udp, "aa bb cc");
    bytes.resize(60);
    EXPECT_EQ(copy_of(parsed(bytes).payload), hex("aa bb cc"));
}

TEST(ParseIpv6, Version) {
    auto bytes = packet_with(ip_protocol::udp, "");
    bytes[0] = std::byte{0x45};
    EXPECT_EQ(refused(bytes), (Refused{Drop::ipv6_bad_version}));
}

// A2.ipv6
TEST(ParseIpv6, EachExtensionHeaderIsWalked) {
    // Hop-by-hop with router alert, destination options with PadN, a spent routing header,
    // destination options again over two units, then UDP.
    const auto bytes = packet_with(ip_protocol::hop_by_hop, "3c 00 05 02 00 00 00 00 "
                                                            "2b 00 01 04 00 00 00 00 "
                                                            "3c 00 00 00 00 00 00 00 "
                                                            "11 01 01 0c 00 00 00 00 "
                                                            "00 00 00 00 00 00 00 00 "
                                                            "00 07 00 09 00 08 12 34");
    const Ipv6Packet packet = parsed(bytes);
    EXPECT_EQ(packet.protocol, ip_protocol::udp);
    EXPECT_EQ(packet.headers.size(), 40U + 40);
    EXPECT_EQ(copy_of(packet.payload), hex("00 07 00 09 00 08 12 34"));
    EXPECT_EQ(packet.next_header_offset, 40 + 24) << "where 17 stands";
    EXPECT_EQ(bytes[packet.next_header_offset], std::byte{17});
}

TEST(ParseIpv6, WholePacketsMayCarryAFragmentHeader) {
    const Ipv6Packet packet = parsed(
        packet_with(ip_protocol::fragment, "3c 00 00 00 00 00 00 07 06 00 01 04 00 00 00 00 aa"));
    EXPECT_FALSE(packet.is_fragment());
    EXPECT_EQ(packet.protocol, ip_protocol::tcp);
    EXPECT_EQ(packet.payload.size(), 1U);
}

TEST(ParseIpv6, TheWalkEndsAtAFragment) {
    const Ipv6Packet first = parsed(
        packet_with(ip_protocol::fragment, "3c 00 00 01 12 34 56 78 06 00 01 04 00 00 00 00"));
    EXPECT_TRUE(first.is_fragment() && first.more_fragments);
    EXPECT_EQ(first.fragment_offset, 0);
    EXPECT_EQ(first.protocol, ip_protocol::destination_options);
    EXPECT_EQ(first.payload.size(), 8U);
    EXPECT_EQ(first.fragment_id, 0x12345678U);
}

TEST(ParseIpv6, ReservedBitsOfAFragmentAreIgnored) {
    EXPECT_FALSE(
        parsed(packet_with(ip_protocol::fragment, "06 ff 00 06 12 34 56 78")).is_fragment());
}

TEST(ParseIpv6, MalformedFragments) {
    EXPECT_EQ(refused(packet_with(ip_protocol::fragment, "11 00 00 01 00 00 00 07 00 01 02 03 04")),
              (Refused{Drop::fragment_malformed, true, 0, 4}))
        << "RFC 8200 §4.5: the pointer is at the payload length";
    EXPECT_EQ(refused(packet_with(ip_protocol::fragment, "11 00 ff f8 00 00 00 07 "
                                                         "00 01 02 03 04 05 06 07")),
              (Refused{Drop::fragment_malformed, true, 0, 42}))
        << "and here at the offset";
    EXPECT_EQ(refused(packet_with(ip_protocol::fragment, "11 00 ff f8 00 00 00 07 "
                                                         "00 01 02 03 04 05 06")),
              (Refused{Drop::none}))
        << "65,528 + 7 = 65,535 just fits";
    EXPECT_EQ(refused(packet_with(ip_protocol::fragment, "11 00 00 08 00 00 00 07")),
              (Refused{Drop::fragment_malformed}));
    EXPECT_EQ(refused(packet_with(ip_protocol::fragment, "11 00 00 00 00 00 00")),
              (Refused{Drop::ipv6_bad_extension, true, 0, 4}));
}

TEST(ParseIpv6, ExtensionHeadersThatEndTooLatePointAtALength) {
    EXPECT_EQ(refused(packet_with(ip_protocol::hop_by_hop, "11 01 01 04 00 00 00 00")),
              (Refused{Drop::ipv6_bad_extension, true, 0, 41}))
        << "the header's own";
    EXPECT_EQ(refused(packet_with(ip_protocol::routing, "11")),
              (Refused{Drop::ipv6_bad_extension, true, 0, 4}))
        << "the packet's, where the header has none";
    EXPECT_EQ(refused(packet_with(ip_protocol::destination_options, "")),
              (Refused{Drop::ipv6_bad_extension, true, 0, 4}))
        << "never beyond the end";
}

TEST(ParseIpv6, HopByHopStandsFirstOrNotAtAll) {
    EXPECT_EQ(refused(packet_with(ip_protocol::destination_options,
                                  "00 00 01 04 00 00 00 00 11 00 01 04 00 00 00 00")),
              (Refused{Drop::ipv6_extension_order, true, 1, 40}));
}

TEST(ParseIpv6, RoutingHeadersWithSegmentsLeftAreRefused) {
    EXPECT_EQ(
        refused(packet_with(ip_protocol::routing, "06 02 00 01 00 00 00 00 20 01 0d b8 00 00 00 00 "
                                                  "00 00 00 00 00 00 00 03")),
        (Refused{Drop::ipv6_routing_header, true, 0, 42}));
}

// A2.ipv6
TEST(ParseIpv6, UnknownOptionsByTheirTwoHighBits) {
    const auto with_option = [](std::string_view option) {
        return refused(packet_with(ip_protocol::destination_options,
                                   "11 00 00 " + std::string{option} + " 02 00 00 00"));
    };
    EXPECT_EQ(with_option("1e"), (Refused{Drop::none})) << "skip";
    EXPECT_EQ(with_option("5e"), (Refused{Drop::ipv6_bad_option})) << "discard";
    EXPECT_EQ(with_option("9e"), (Refused{Drop::ipv6_bad_option, true, 2, 43, true})) << "report";
    EXPECT_EQ(with_option("de"), (Refused{Drop::ipv6_bad_option, true, 2, 43, false}))
        << "report unless multicast";
}

TEST(ParseIpv6, OptionsStayInsideTheirHeader) {
    for (const char* options : {"11 00 01 05 00 00 00 00", "11 00 01 ff 00 00 00 00",
                                "11 00 01 03 00 00 00 01", "11 00 00 00 00 00 00 1e"}) {
        EXPECT_EQ(refused(packet_with(ip_protocol::hop_by_hop, options)).drop,
                  Drop::ipv6_bad_extension)
            << options;
    }
}

TEST(ParseIpv6, TooManyExtensionHeaders) {
    const auto chain = [](unsigned count) {
        std::string text;
        for (unsigned i = 1; i < count; ++i) {
            text += "3c 00 01 04 00 00 00 00 ";
        }
        return packet_with(ip_protocol::destination_options, text + "11 00 01 04 00 00 00 00");
    };
    EXPECT_EQ(parsed(chain(ipv6_extensions_max)).protocol, ip_protocol::udp);
    EXPECT_EQ(refused(chain(ipv6_extensions_max + 1)), (Refused{Drop::ipv6_too_many_extensions}));
}

TEST(ParseIpv6, EveryTruncation) {
    const auto bytes = packet_with(ip_protocol::hop_by_hop, "2b 00 05 02 00 00 00 00 "
                                                            "2c 00 00 00 00 00 00 00 "
                                                            "3c 00 00 00 00 00 00 07 "
                                                            "11 00 01 04 00 00 00 00 "
                                                            "00 07 00 09 00 08 12 34");
    ASSERT_EQ(parsed(bytes).protocol, ip_protocol::udp);
    at_every_length(bytes, [&](std::span<const std::byte> part) {
        Ipv6Packet packet;
        const Drop expected = part.size() < 40             ? Drop::ipv6_too_short
                              : part.size() < bytes.size() ? Drop::ipv6_bad_payload_length
                                                           : Drop::none;
        EXPECT_EQ(parse_ipv6(part, packet), expected) << part.size();
    });
    // With a payload length that is right, every extension header meets its own early end.
    at_every_length(bytes, [](std::span<const std::byte> part) {
        if (part.size() >= 40) {
            Bytes exact = copy_of(part);
            header_at<Ipv6Header>(exact.data()).payload_length =
                static_cast<std::uint16_t>(part.size() - 40);
            Ipv6Packet packet;
            EXPECT_EQ(parse_ipv6(exact, packet),
                      part.size() < 72 ? Drop::ipv6_bad_extension : Drop::none)
                << part.size();
        }
    });
}

TEST(ParseIpv6Quote, TakesWhatIsThere) {
    Ipv6Packet packet;
    const auto bytes = packet_with(ip_protocol::hop_by_hop,
                                   "2c 00 05 02 00 00 00 00 06 00 00 01 00 00 00 07 aa bb cc");
    EXPECT_EQ(parse_ipv6_quote(bytes, packet), Drop::none) << "an uneven first fragment";
    EXPECT_EQ(packet.protocol, ip_protocol::tcp);
    EXPECT_EQ(copy_of(packet.payload), hex("aa bb cc"));
    at_every_length(bytes, [](std::span<const std::byte> part) {
        Ipv6Packet quoted;
        const Drop expected = part.size() < 40   ? Drop::ipv6_too_short
                              : part.size() < 56 ? Drop::ipv6_bad_extension
                                                 : Drop::none;
        EXPECT_EQ(parse_ipv6_quote(part, quoted), expected) << part.size();
    });
}

TEST(CheckIpv6Addresses, Martians) {
    const auto check = [](const char* source, const char* destination,
                          std::uint8_t protocol = ip_protocol::tcp) {
        Ipv6Packet packet;
        packet.source = Ipv6Addr::from_string(source).value();
        packet.destination = Ipv6Addr::from_string(destination).value();
        packet.protocol = protocol;
        return check_addresses(packet);
    };
    EXPECT_EQ(check("2001:db8::1", "2001:db8::2"), Drop::none);
    EXPECT_EQ(check("fe80::1", "ff02::1"), Drop::none);
    EXPECT_EQ(check("::", "ff02::1:ff00:1", ip_protocol::icmpv6), Drop::none);
    EXPECT_EQ(check("::", "2001:db8::2"), Drop::ip_martian_source);
    for (const char* source : {"::1", "ff02::1", "::ffff:198.18.0.1"}) {
        EXPECT_EQ(check(source, "2001:db8::2"), Drop::ip_martian_source) << source;
    }
    for (const char* destination : {"::", "::1", "::ffff:198.18.0.1", "ff00::1", "ff01::1"}) {
        EXPECT_EQ(check("2001:db8::1", destination), Drop::ip_martian_destination) << destination;
    }
}

TEST(WriteIpv6, WritesWhatLinuxWrites) {
    for (const Bytes* frame : {&captured::tcp_data_ipv6, &captured::neighbour_solicitation,
                               &captured::icmpv6_port_unreachable}) {
        const auto bytes = ip_of(*frame);
        const Ipv6Packet packet = parsed(bytes);
        Bytes out(40);
        EXPECT_EQ(write_ipv6(out.data(), packet, packet.payload.size()), 40U);
        EXPECT_EQ(out, copy_of(bytes.first(40)));
    }
}

TEST(WriteIpv6, TrafficClassAndFlowLabel) {
    Ipv6Packet packet;
    packet.protocol = ip_protocol::udp;
    packet.traffic_class = 0xab;
    packet.flow_label = 0xfff'ffff;
    Bytes out(40);
    write_ipv6(out.data(), packet, 0);
    EXPECT_EQ(parsed(out).traffic_class, 0xab);
    EXPECT_EQ(parsed(out).flow_label, 0xf'ffffU) << "only twenty bits are its own";
}

} // namespace
} // namespace millrace::wire
