#include "wire/arp.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

constexpr MacAddr mac_a{{2, 0, 0, 0, 0, 0x0a}};
constexpr MacAddr mac_b{{2, 0, 0, 0, 0, 0x0b}};
constexpr Ipv4Addr ip_a{198, 18, 0, 1};
constexpr Ipv4Addr ip_b{198, 18, 0, 2};

std::span<const std::byte> arp_of(const std::vector<std::byte>& frame) {
    return std::span{frame}.subspan(14);
}

ArpPacket parsed(std::span<const std::byte> bytes) {
    ArpPacket packet;
    EXPECT_EQ(parse_arp(bytes, packet), Drop::none);
    return packet;
}

/// What becomes of Linux's request with one byte changed.
Drop drop_with(std::size_t offset, unsigned value) {
    auto bytes = copy_of(arp_of(captured::arp_request));
    bytes[offset] = static_cast<std::byte>(value);
    ArpPacket packet;
    return parse_arp(bytes, packet);
}

TEST(Arp, RequestAndReplyOfLinux) {
    EXPECT_EQ(parsed(arp_of(captured::arp_request)),
              (ArpPacket{ArpOperation::request, mac_a, ip_a, MacAddr{}, ip_b}));
    EXPECT_EQ(parsed(arp_of(captured::arp_reply)),
              (ArpPacket{ArpOperation::reply, mac_b, ip_b, mac_a, ip_a}));
}

TEST(Arp, ProbesAndAnnouncements) {
    EXPECT_TRUE((ArpPacket{.sender_mac = mac_a, .target_ip = ip_b}.is_probe()));
    EXPECT_FALSE((ArpPacket{.sender_mac = mac_a, .sender_ip = ip_a, .target_ip = ip_b}.is_probe()));
    EXPECT_FALSE((ArpPacket{.operation = ArpOperation::reply, .target_ip = ip_b}.is_probe()));
    EXPECT_TRUE((ArpPacket{.sender_ip = ip_a, .target_ip = ip_a}.is_gratuitous()));
    EXPECT_FALSE((ArpPacket{.sender_ip = ip_a, .target_ip = ip_b}.is_gratuitous()));
    EXPECT_FALSE(ArpPacket{}.is_gratuitous());
}

TEST(Arp, OnlyIpv4OverEthernet) {
    EXPECT_EQ(drop_with(0, 1), Drop::arp_malformed) << "hardware type";
    EXPECT_EQ(drop_with(1, 6), Drop::arp_malformed);
    EXPECT_EQ(drop_with(2, 0x86), Drop::arp_malformed) << "protocol type";
    EXPECT_EQ(drop_with(4, 8), Drop::arp_malformed) << "hardware length";
    EXPECT_EQ(drop_with(5, 16), Drop::arp_malformed) << "protocol length";
    EXPECT_EQ(drop_with(7, 0), Drop::arp_malformed) << "operation";
    EXPECT_EQ(drop_with(7, 3), Drop::arp_malformed);
    EXPECT_EQ(drop_with(6, 1), Drop::arp_malformed);
}

TEST(Arp, SendersThatAreNoHosts) {
    EXPECT_EQ(drop_with(8, 3), Drop::arp_bad_sender) << "a group's MAC address";
    EXPECT_EQ(drop_with(14, 224), Drop::arp_bad_sender) << "a group";
    EXPECT_EQ(drop_with(14, 255), Drop::arp_bad_sender) << "reserved";
    EXPECT_EQ(drop_with(14, 127), Drop::arp_bad_sender) << "loopback";
    auto nobody = copy_of(arp_of(captured::arp_request));
    std::fill_n(nobody.begin() + 8, 6, std::byte{0});
    ArpPacket packet;
    EXPECT_EQ(parse_arp(nobody, packet), Drop::arp_bad_sender);
    std::fill_n(nobody.begin() + 14, 4, std::byte{0});
    nobody[8] = std::byte{2};
    EXPECT_EQ(parse_arp(nobody, packet), Drop::none) << "a probe has no address yet";
}

TEST(Arp, EveryTruncationAndPadding) {
    auto padded = copy_of(arp_of(captured::arp_request));
    padded.resize(46);
    at_every_length(padded, [](std::span<const std::byte> part) {
        ArpPacket packet;
        EXPECT_EQ(parse_arp(part, packet), part.size() < 28 ? Drop::arp_too_short : Drop::none);
    });
}

TEST(Arp, WritesWhatItReads) {
    for (const auto* frame : {&captured::arp_request, &captured::arp_reply}) {
        std::vector<std::byte> out(arp_bytes);
        EXPECT_EQ(write_arp(out.data(), parsed(arp_of(*frame))), arp_bytes);
        EXPECT_EQ(out, copy_of(arp_of(*frame)));
    }
}

} // namespace
} // namespace millrace::wire
