#include "wire/ipv4.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

constexpr Ipv4Addr ip_a{198, 18, 0, 1};
constexpr Ipv4Addr ip_b{198, 18, 0, 2};

std::span<const std::byte> ip_of(const Bytes& frame) {
    return std::span{frame}.subspan(14);
}

Ipv4Packet parsed(std::span<const std::byte> bytes) {
    Ipv4Packet packet;
    EXPECT_EQ(parse_ipv4(bytes, packet), Drop::none);
    return packet;
}

Drop drop_of(std::span<const std::byte> bytes) {
    Ipv4Packet packet;
    return parse_ipv4(bytes, packet);
}

/// A UDP packet with these options (whole words) and this many bytes of payload.
Bytes packet_with(std::string_view options, std::size_t payload_bytes = 8,
                  std::uint16_t fragment = 0) {
    Bytes bytes = hex("45 00 00 00 12 34 00 00 40 11 00 00 c6 12 00 01 c6 12 00 02");
    const Bytes more = hex(options);
    bytes.insert(bytes.end(), more.begin(), more.end());
    auto& header = header_at<Ipv4Header>(bytes.data());
    header.version_length = static_cast<std::uint8_t>(0x40 | bytes.size() / 4);
    header.total_length = static_cast<std::uint16_t>(bytes.size() + payload_bytes);
    header.fragment = fragment;
    bytes.resize(bytes.size() + payload_bytes);
    return bytes;
}

TEST(ParseIpv4, PacketOfLinux) {
    const auto bytes = ip_of(captured::tcp_data);
    const Ipv4Packet packet = parsed(bytes);
    EXPECT_EQ(packet.source, ip_a);
    EXPECT_EQ(packet.destination, ip_b);
    EXPECT_EQ(packet.protocol, ip_protocol::tcp);
    EXPECT_EQ(packet.ttl, 64);
    EXPECT_EQ(packet.traffic_class, 0);
    EXPECT_EQ(packet.id, 20998);
    EXPECT_TRUE(packet.dont_fragment);
    EXPECT_FALSE(packet.is_fragment());
    EXPECT_EQ(packet.header.size(), 20U);
    EXPECT_TRUE(packet.options().empty());
    EXPECT_EQ(packet.payload.data(), bytes.data() + 20);
    EXPECT_EQ(packet.payload.size(), 45U);
    EXPECT_TRUE(ipv4_header_is_intact(packet.header));
}

TEST(ParseIpv4, TrafficClass) {
    const Ipv4Packet packet = parsed(ip_of(captured::icmp_port_unreachable));
    EXPECT_EQ(packet.traffic_class, 0xc0);
    EXPECT_EQ(dscp_of(packet.traffic_class), 48);
    EXPECT_EQ(ecn_of(packet.traffic_class), Ecn::not_capable);
    EXPECT_EQ(traffic_class(48, Ecn::congestion), 0xc3);
    EXPECT_EQ(ecn_of(0xc1), Ecn::capable_1);
    EXPECT_EQ(ecn_of(0xc2), Ecn::capable_0);
}

TEST(ParseIpv4, LastFragmentOfLinux) {
    const Ipv4Packet packet = parsed(ip_of(captured::udp_last_fragment));
    EXPECT_TRUE(packet.is_fragment());
    EXPECT_FALSE(packet.more_fragments);
    EXPECT_FALSE(packet.dont_fragment);
    EXPECT_EQ(packet.fragment_offset, 1480);
    EXPECT_EQ(packet.id, 40736);
    EXPECT_EQ(packet.payload.size(), 29U);
}

TEST(ParseIpv4, FramePaddingIsLeftOut) {
    Bytes bytes = packet_with("", 5);
    bytes.resize(46);
    EXPECT_EQ(parsed(bytes).payload.size(), 5U);
}

// A2.ipv4
TEST(ParseIpv4, EveryBitOfTheHeaderIsCovered) {
    const auto bytes = ip_of(captured::tcp_data).first(20);
    for (std::size_t bit = 0; bit < 160; ++bit) {
        auto changed = copy_of(bytes);
        changed[bit / 8] ^= std::byte{1} << bit % 8;
        EXPECT_FALSE(ipv4_header_is_intact(changed)) << bit;
    }
}

// A2.ipv4
TEST(ParseIpv4, VersionAndLengths) {
    auto bytes = packet_with("", 8);
    auto& header = header_at<Ipv4Header>(bytes.data());
    header.version_length = 0x65;
    EXPECT_EQ(drop_of(bytes), Drop::ipv4_bad_version);
    for (const unsigned wrong : {0x40U, 0x41U, 0x44U, 0x48U, 0x4fU}) {
        header.version_length = static_cast<std::uint8_t>(wrong);
        EXPECT_EQ(drop_of(bytes), Drop::ipv4_bad_header_length) << wrong;
    }
    header.version_length = 0x45;
    for (const unsigned wrong : {0U, 19U, 29U, 0xffffU}) {
        header.total_length = static_cast<std::uint16_t>(wrong);
        EXPECT_EQ(drop_of(bytes), Drop::ipv4_bad_total_length) << wrong;
    }
    header.total_length = std::uint16_t{20};
    EXPECT_EQ(drop_of(bytes), Drop::none);
}

TEST(ParseIpv4, WellFormedOptions) {
    // Router alert, then a record route of one empty slot, then the end and what hides behind it.
    const auto bytes = packet_with("94 04 00 00 01 07 07 04 00 00 00 00 00 ff ff ff");
    EXPECT_EQ(parsed(bytes).options().size(), 16U);
    EXPECT_EQ(parsed(bytes).payload.size(), 8U);
}

// A2.ipv4
TEST(ParseIpv4, MalformedOptions) {
    for (const char* options :
         {"94 00 00 00", "94 01 00 00", "94 05 00 00", "01 01 01 94", "44 04 00 00 44 28 05 00"}) {
        EXPECT_EQ(drop_of(packet_with(options)), Drop::ipv4_bad_options) << options;
    }
}

TEST(ParseIpv4, SourceRoutesAreRefused) {
    EXPECT_EQ(drop_of(packet_with("01 83 03 04")), Drop::ipv4_source_route);
    EXPECT_EQ(drop_of(packet_with("89 07 04 c6 12 00 03 00")), Drop::ipv4_source_route);
    EXPECT_EQ(drop_of(packet_with("83 05 04 00")), Drop::ipv4_bad_options);
}

TEST(ParseIpv4, Fragments) {
    constexpr std::uint16_t more = Ipv4Header::more_fragments;
    EXPECT_TRUE(parsed(packet_with("", 16, more)).is_fragment());
    EXPECT_EQ(parsed(packet_with("", 16, more | 0x1000)).fragment_offset, 0x8000);
    EXPECT_EQ(drop_of(packet_with("", 15, more)), Drop::fragment_malformed) << "uneven";
    EXPECT_EQ(drop_of(packet_with("", 15, 1)), Drop::none) << "the last may be";
    EXPECT_EQ(drop_of(packet_with("", 0, 1)), Drop::fragment_malformed) << "empty";
    EXPECT_EQ(drop_of(packet_with("", 16, 0x1fff)), Drop::fragment_malformed) << "ping of death";
    EXPECT_EQ(drop_of(packet_with("", 8, 0x1ffd)), Drop::fragment_malformed);
    EXPECT_EQ(drop_of(packet_with("", 8, 0x1ffc)), Drop::none) << "ends at 65,512 + 20 = 65,532";
    EXPECT_FALSE(parsed(packet_with("", 8, 0x8000)).is_fragment()) << "the reserved bit is ignored";
    EXPECT_FALSE(parsed(packet_with("", 8, Ipv4Header::dont_fragment)).is_fragment());
}

TEST(ParseIpv4, EveryTruncation) {
    const auto bytes = packet_with("94 04 00 00 01 01 01 00", 8);
    at_every_length(bytes, [&](std::span<const std::byte> part) {
        const Drop expected = part.size() < 20             ? Drop::ipv4_too_short
                              : part.size() < 28           ? Drop::ipv4_bad_header_length
                              : part.size() < bytes.size() ? Drop::ipv4_bad_total_length
                                                           : Drop::none;
        EXPECT_EQ(drop_of(part), expected) << part.size();
    });
    // And with lengths that grow with what is there, so that the options are met at every length.
    at_every_length(
        packet_with("94 04 00 00 07 08 04 00 00 00 00 00", 0), [](std::span<const std::byte> part) {
            if (part.size() >= 20) {
                auto shorter = copy_of(part);
                auto& header = header_at<Ipv4Header>(shorter.data());
                header.version_length = static_cast<std::uint8_t>(0x40 | shorter.size() / 4);
                header.total_length = static_cast<std::uint16_t>(shorter.size());
                const bool cut = shorter.size() / 4 == 7;
                EXPECT_EQ(drop_of(shorter), cut ? Drop::ipv4_bad_options : Drop::none);
            }
        });
}

TEST(CheckIpv4Addresses, Martians) {
    const auto check = [](const char* source, const char* destination) {
        Ipv4Packet packet;
        packet.source = Ipv4Addr::from_string(source).value();
        packet.destination = Ipv4Addr::from_string(destination).value();
        return check_addresses(packet);
    };
    EXPECT_EQ(check("198.18.0.1", "198.18.0.2"), Drop::none);
    EXPECT_EQ(check("198.18.0.1", "255.255.255.255"), Drop::none);
    EXPECT_EQ(check("198.18.0.1", "224.0.0.1"), Drop::none);
    EXPECT_EQ(check("169.254.0.1", "198.18.0.2"), Drop::none);
    for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.9.9.9",
                               "240.0.0.1", "255.255.255.255"}) {
        EXPECT_EQ(check(source, "198.18.0.2"), Drop::ip_martian_source) << source;
    }
    for (const char* destination : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1"}) {
        EXPECT_EQ(check("198.18.0.1", destination), Drop::ip_martian_destination) << destination;
    }
}

TEST(WriteIpv4, WritesWhatLinuxWrites) {
    for (const Bytes* frame :
         {&captured::tcp_data, &captured::udp_last_fragment, &captured::icmp_port_unreachable}) {
        const auto bytes = ip_of(*frame);
        const Ipv4Packet packet = parsed(bytes);
        Bytes out(20);
        EXPECT_EQ(write_ipv4(out.data(), packet, packet.payload.size()), 20U);
        EXPECT_EQ(std::uint16_t{header_at<Ipv4Header>(out.data()).checksum}, 0);
        fill_ipv4_checksum(out.data());
        EXPECT_EQ(out, copy_of(bytes.first(20)));
    }
}

TEST(WriteIpv4, FirstFragment) {
    Ipv4Packet packet;
    packet.more_fragments = true;
    packet.fragment_offset = 0x2468;
    Bytes out(20 + 16);
    write_ipv4(out.data(), packet, 16);
    const Ipv4Packet back = parsed(out);
    EXPECT_TRUE(back.more_fragments);
    EXPECT_FALSE(back.dont_fragment);
    EXPECT_EQ(back.fragment_offset, 0x2468);
}

} // namespace
} // namespace millrace::wire
