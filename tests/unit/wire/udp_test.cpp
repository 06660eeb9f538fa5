#include "wire/udp.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

std::span<const std::byte> udp_of(const std::vector<std::byte>& frame) {
    return std::span{frame}.subspan(34);
}

Drop drop_of(std::span<const std::byte> bytes) {
    UdpDatagram datagram;
    return parse_udp(bytes, datagram);
}

TEST(Udp, DatagramOfLinux) {
    UdpDatagram datagram;
    const auto bytes = udp_of(captured::udp_datagram);
    ASSERT_EQ(parse_udp(bytes, datagram), Drop::none);
    EXPECT_EQ(datagram.source_port, 52387);
    EXPECT_EQ(datagram.destination_port, 9);
    EXPECT_TRUE(datagram.has_checksum());
    EXPECT_EQ(copy_of(datagram.payload), hex("6f 64 64"));
    EXPECT_EQ(datagram.covered.data(), bytes.data());
    EXPECT_EQ(datagram.covered.size(), 11U);
}

// A4.checksum
TEST(Udp, NoChecksum) {
    UdpDatagram datagram;
    ASSERT_EQ(parse_udp(hex("00 07 00 09 00 08 00 00"), datagram), Drop::none);
    EXPECT_FALSE(datagram.has_checksum());
    EXPECT_TRUE(datagram.payload.empty());
}

TEST(Udp, WhatLiesBeyondItsLengthIsLeftOut) {
    UdpDatagram datagram;
    const auto bytes = hex("00 07 00 09 00 09 12 34 aa bb cc");
    ASSERT_EQ(parse_udp(bytes, datagram), Drop::none);
    EXPECT_EQ(copy_of(datagram.payload), hex("aa"));
    EXPECT_EQ(datagram.covered.size(), 9U);
}

TEST(Udp, Lengths) {
    EXPECT_EQ(drop_of(hex("00 07 00 09 00 07 12 34 aa")), Drop::udp_bad_length);
    EXPECT_EQ(drop_of(hex("00 07 00 09 00 00 12 34 aa")), Drop::udp_bad_length);
    EXPECT_EQ(drop_of(hex("00 07 00 09 00 0a 12 34 aa")), Drop::udp_bad_length);
    EXPECT_EQ(drop_of(hex("00 07 00 09 ff ff 12 34 aa")), Drop::udp_bad_length);
    EXPECT_EQ(drop_of(hex("00 07 00 09 00 09 12 34 aa")), Drop::none);
}

TEST(Udp, EveryTruncation) {
    at_every_length(udp_of(captured::udp_datagram), [](std::span<const std::byte> part) {
        const Drop expected = part.size() < 8    ? Drop::udp_too_short
                              : part.size() < 11 ? Drop::udp_bad_length
                                                 : Drop::none;
        EXPECT_EQ(drop_of(part), expected) << part.size();
    });
}

TEST(Udp, WritesWhatItReads) {
    UdpDatagram datagram;
    ASSERT_EQ(parse_udp(udp_of(captured::udp_datagram), datagram), Drop::none);
    std::vector<std::byte> out(udp_header_bytes);
    EXPECT_EQ(write_udp(out.data(), datagram, 3), udp_header_bytes);
    auto expected = copy_of(udp_of(captured::udp_datagram).first(8));
    expected[6] = expected[7] = std::byte{0};
    EXPECT_EQ(out, expected);
}

} // namespace
} // namespace millrace::wire
