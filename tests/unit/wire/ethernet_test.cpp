#include "wire/ethernet.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

constexpr MacAddr mac_a{{2, 0, 0, 0, 0, 0x0a}};
constexpr MacAddr mac_b{{2, 0, 0, 0, 0, 0x0b}};

EthernetFrame parsed(std::span<const std::byte> bytes) {
    EthernetFrame frame;
    EXPECT_EQ(parse_ethernet(bytes, frame), Drop::none);
    return frame;
}

Drop drop_of(std::span<const std::byte> bytes) {
    EthernetFrame frame;
    return parse_ethernet(bytes, frame);
}

TEST(Ethernet, FrameOfLinux) {
    const EthernetFrame frame = parsed(captured::tcp_syn);
    EXPECT_EQ(frame.destination, mac_b);
    EXPECT_EQ(frame.source, mac_a);
    EXPECT_EQ(frame.ethertype, ethertype::ipv4);
    EXPECT_FALSE(frame.tagged);
    EXPECT_EQ(frame.vlan_control, 0);
    EXPECT_EQ(frame.payload.data(), captured::tcp_syn.data() + 14);
    EXPECT_EQ(frame.payload.size(), captured::tcp_syn.size() - 14);
    EXPECT_EQ(parsed(captured::arp_request).destination, MacAddr::broadcast);
    EXPECT_EQ(parsed(captured::arp_request).ethertype, ethertype::arp);
    EXPECT_EQ(parsed(captured::tcp_data_ipv6).ethertype, ethertype::ipv6);
}

TEST(Ethernet, OneTag) {
    const auto bytes = hex("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00 a0 64 86 dd 60");
    const EthernetFrame frame = parsed(bytes);
    EXPECT_TRUE(frame.tagged);
    EXPECT_EQ(frame.vlan_control, 0xa064);
    EXPECT_EQ(frame.vlan_id(), 100);
    EXPECT_EQ(frame.ethertype, ethertype::ipv6);
    EXPECT_EQ(frame.header_length(), 18U);
    EXPECT_EQ(copy_of(frame.payload), hex("60"));
}

TEST(Ethernet, TwoTagsAreRefused) {
    EXPECT_EQ(drop_of(hex("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00 00 64 81 00 00 65 08 00")),
              Drop::vlan_stacked);
    EXPECT_EQ(drop_of(hex("02 00 00 00 00 0b 02 00 00 00 00 0a 88 a8 00 64 81 00 00 65 08 00")),
              Drop::vlan_stacked);
}

TEST(Ethernet, GroupsDoNotSend) {
    EXPECT_EQ(drop_of(hex("02 00 00 00 00 0b 03 00 00 00 00 0a 08 00")), Drop::frame_bad_source);
}

TEST(Ethernet, LengthsAreNoTypes) {
    EXPECT_EQ(drop_of(hex("02 00 00 00 00 0b 02 00 00 00 00 0a 05 ff")), Drop::ethertype_unknown);
    EXPECT_EQ(drop_of(hex("02 00 00 00 00 0b 02 00 00 00 00 0a 06 00")), Drop::none);
    EXPECT_EQ(drop_of(hex("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00 00 64 00 2e")),
              Drop::ethertype_unknown);
}

TEST(Ethernet, EveryTruncation) {
    const auto tagged = hex("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00 00 64 08 00 45");
    at_every_length(tagged, [](std::span<const std::byte> part) {
        EXPECT_EQ(drop_of(part), part.size() < 18 ? Drop::frame_too_short : Drop::none);
    });
    at_every_length(captured::tcp_syn, [](std::span<const std::byte> part) {
        EXPECT_EQ(drop_of(part), part.size() < 14 ? Drop::frame_too_short : Drop::none);
    });
}

TEST(Ethernet, WritesWhatItReads) {
    const auto tagged = hex("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00 a0 64 86 dd");
    const auto plain = copy_of(std::span{captured::tcp_syn}.first(14));
    for (const auto* bytes : {&tagged, &plain}) {
        std::vector<std::byte> out(ethernet_header_bytes_max + 1);
        out.resize(write_ethernet(out.data(), parsed(*bytes)));
        EXPECT_EQ(out, *bytes);
    }
}

} // namespace
} // namespace millrace::wire
