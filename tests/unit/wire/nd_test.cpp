#include "wire/nd.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

constexpr MacAddr mac_a{{2, 0, 0, 0, 0, 0x0a}};
constexpr MacAddr mac_b{{2, 0, 0, 0, 0, 0x0b}};

Ipv6Addr ipv6(const char* text) {
    return Ipv6Addr::from_string(text).value();
}

/// One ND message under way: the packet's addresses and hop limit, and the bytes from the type on.
/// The checksum is parse_icmpv6's affair and filled in.
struct Case {
    Ipv6Addr source = ipv6("fe80::a");
    Ipv6Addr destination = ipv6("fe80::b");
    std::uint8_t hop_limit = 255;
    Bytes bytes;
};

template <class Message>
Drop parse(const Case& nd, Message& out) {
    Bytes bytes = copy_of(nd.bytes); // Exactly as long as the message.
    const auto length = static_cast<std::uint32_t>(bytes.size());
    const ChecksumSum pseudo =
        pseudo_header_sum(nd.source, nd.destination, ip_protocol::icmpv6, length);
    if (bytes.size() >= 4) {
        auto& checksum = header_at<IcmpHeader>(bytes.data()).checksum;
        checksum = std::uint16_t{0};
        checksum = finish(pseudo + sum(bytes));
    }
    Ipv6Packet packet;
    packet.source = nd.source;
    packet.destination = nd.destination;
    packet.hop_limit = nd.hop_limit;
    packet.payload = bytes;
    Icmpv6Message message;
    const Drop drop = parse_icmpv6(bytes, pseudo, message);
    return drop == Drop::none ? parse_nd(packet, message, out) : drop;
}

template <class Message>
Message parsed(const Case& nd) {
    Message message;
    EXPECT_EQ(parse(nd, message), Drop::none);
    return message;
}

template <class Message>
Drop drop_of(const Case& nd) {
    Message message;
    return parse(nd, message);
}

/// A captured frame's message, in its packet.
Case captured_case(const Bytes& frame) {
    Ipv6Packet packet;
    EXPECT_EQ(parse_ipv6(std::span{frame}.subspan(14), packet), Drop::none);
    return {packet.source, packet.destination, packet.hop_limit, copy_of(packet.payload)};
}

const std::string target = "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02 ";

Case solicitation(const std::string& options = "") {
    return {.bytes = hex("87 00 00 00 00 00 00 00 " + target + options)};
}
Case advertisement(const std::string& options = "", const std::string& flags = "60") {
    return {.bytes = hex("88 00 00 00 " + flags + " 00 00 00 " + target + options)};
}
Case router_solicitation(const std::string& options = "") {
    return {.bytes = hex("85 00 00 00 00 00 00 00 " + options)};
}
Case router_advertisement(const std::string& options = "") {
    return {.bytes = hex("86 00 00 00 40 c0 07 08 00 00 75 30 00 00 03 e8 " + options)};
}

TEST(Nd, SolicitationOfLinux) {
    const Case nd = captured_case(captured::neighbour_solicitation);
    EXPECT_TRUE(nd.destination.is_solicited_node());
    EXPECT_EQ(parsed<NeighbourSolicitation>(nd),
              (NeighbourSolicitation{ipv6("2001:db8::2"), mac_a}));
}

TEST(Nd, AdvertisementOfLinux) {
    EXPECT_EQ(parsed<NeighbourAdvertisement>(captured_case(captured::neighbour_advertisement)),
              (NeighbourAdvertisement{.target = ipv6("2001:db8::2"),
                                      .router = false,
                                      .solicited = true,
                                      .override = true,
                                      .target_mac = mac_b}));
}

TEST(Nd, RouterSolicitationOfLinux) {
    EXPECT_EQ(parsed<RouterSolicitation>(captured_case(captured::router_solicitation)),
              (RouterSolicitation{mac_a}));
}

TEST(Nd, RouterAdvertisementInFull) {
    const auto router = parsed<RouterAdvertisement>(
        router_advertisement("01 01 02 00 00 00 00 0a "
                             "05 01 00 00 00 00 05 dc "
                             "03 04 40 c0 00 27 8d 00 00 09 3a 80 00 00 00 00 "
                             "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "03 04 30 80 ff ff ff ff ff ff ff ff 00 00 00 00 "
                             "20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 00"));
    RouterAdvertisement expected{.hop_limit = 64,
                                 .managed = true,
                                 .other = true,
                                 .lifetime_s = 1800,
                                 .reachable_ms = 30'000,
                                 .retransmit_ms = 1'000,
                                 .source_mac = mac_a,
                                 .mtu = 1500,
                                 .prefix_count = 2};
    expected.prefixes[0] = {.prefix = {ipv6("2001:db8::"), 64},
                            .on_link = true,
                            .autonomous = true,
                            .valid_s = 2'592'000,
                            .preferred_s = 604'800};
    expected.prefixes[1] = {.prefix = {ipv6("2001:db8:1::"), 48},
                            .on_link = true,
                            .autonomous = false,
                            .valid_s = UINT32_MAX,
                            .preferred_s = UINT32_MAX};
    EXPECT_EQ(router, expected);
}

TEST(Nd, WhatCameThroughARouterIsRefused) {
    Case nd = solicitation();
    nd.hop_limit = 254;
    EXPECT_EQ(drop_of<NeighbourSolicitation>(nd), Drop::nd_hop_limit);
    nd = advertisement();
    nd.hop_limit = 64;
    EXPECT_EQ(drop_of<NeighbourAdvertisement>(nd), Drop::nd_hop_limit);
    nd = router_solicitation();
    nd.hop_limit = 0;
    EXPECT_EQ(drop_of<RouterSolicitation>(nd), Drop::nd_hop_limit);
    nd = router_advertisement();
    nd.hop_limit = 254;
    EXPECT_EQ(drop_of<RouterAdvertisement>(nd), Drop::nd_hop_limit);
}

TEST(Nd, CodesOtherThanZeroAreRefused) {
    const auto with_code = [](Case nd) {
        nd.bytes[1] = std::byte{1};
        return nd;
    };
    EXPECT_EQ(drop_of<NeighbourSolicitation>(with_code(solicitation())), Drop::nd_malformed);
    EXPECT_EQ(drop_of<NeighbourAdvertisement>(with_code(advertisement())), Drop::nd_malformed);
    EXPECT_EQ(drop_of<RouterSolicitation>(with_code(router_solicitation())), Drop::nd_malformed);
    EXPECT_EQ(drop_of<RouterAdvertisement>(with_code(router_advertisement())), Drop::nd_malformed);
}

TEST(Nd, TargetsAreNoGroups) {
    Case nd = solicitation();
    nd.bytes[8] = std::byte{0xff};
    EXPECT_EQ(drop_of<NeighbourSolicitation>(nd), Drop::nd_malformed);
    nd = advertisement();
    nd.bytes[8] = std::byte{0xff};
    EXPECT_EQ(drop_of<NeighbourAdvertisement>(nd), Drop::nd_malformed);
}

TEST(Nd, DuplicateAddressDetection) {
    Case nd = solicitation();
    nd.source = Ipv6Addr{};
    EXPECT_EQ(drop_of<NeighbourSolicitation>(nd), Drop::nd_bad_source) << "not to the group";
    nd.destination = ipv6("2001:db8::2").solicited_node();
    EXPECT_EQ(parsed<NeighbourSolicitation>(nd).source_mac, std::nullopt);
    nd.bytes = solicitation("01 01 02 00 00 00 00 0a").bytes;
    EXPECT_EQ(drop_of<NeighbourSolicitation>(nd), Drop::nd_bad_source) << "nobody has no MAC";
}

TEST(Nd, NobodyAdvertisesOrSolicitsWithAnAddress) {
    Case nd = advertisement();
    nd.source = Ipv6Addr{};
    EXPECT_EQ(drop_of<NeighbourAdvertisement>(nd), Drop::nd_bad_source);
    nd = router_solicitation("01 01 02 00 00 00 00 0a");
    nd.source = Ipv6Addr{};
    EXPECT_EQ(drop_of<RouterSolicitation>(nd), Drop::nd_bad_source);
    nd.bytes = router_solicitation().bytes;
    EXPECT_EQ(drop_of<RouterSolicitation>(nd), Drop::none);
}

TEST(Nd, RoutersAdvertiseFromTheLink) {
    Case nd = router_advertisement();
    nd.source = ipv6("2001:db8::1");
    EXPECT_EQ(drop_of<RouterAdvertisement>(nd), Drop::nd_bad_source);
}

TEST(Nd, AnswersToAGroupAreNotSolicited) {
    Case nd = advertisement();
    nd.destination = Ipv6Addr::all_nodes;
    EXPECT_EQ(drop_of<NeighbourAdvertisement>(nd), Drop::nd_malformed);
    nd.bytes = advertisement("", "a0").bytes;
    const auto message = parsed<NeighbourAdvertisement>(nd);
    EXPECT_TRUE(message.router && message.override && !message.solicited);
}

TEST(Nd, UnknownAndForeignOptionsAreSkipped) {
    const auto message = parsed<NeighbourSolicitation>(
        solicitation("0e 01 00 00 00 00 00 00 02 01 02 00 00 00 00 0c "
                     "fd 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 01 02 00 00 00 00 0a"));
    EXPECT_EQ(message.source_mac, mac_a);
}

TEST(Nd, LongerOptionsKeepTheirBeginning) {
    EXPECT_EQ(parsed<NeighbourSolicitation>(
                  solicitation("01 02 02 00 00 00 00 0a ff ff ff ff ff ff ff ff"))
                  .source_mac,
              mac_a);
}

TEST(Nd, MalformedOptions) {
    for (const char* options :
         {"01 00 02 00 00 00 00 0a", "01 02 02 00 00 00 00 0a", "01 01 02 00",
          "03 01 40 c0 00 00 00 00", "01 01 03 00 00 00 00 0a", "01 01 00 00 00 00 00 00"}) {
        EXPECT_EQ(drop_of<NeighbourSolicitation>(solicitation(options)), Drop::nd_bad_options)
            << options;
        EXPECT_EQ(drop_of<NeighbourAdvertisement>(advertisement(options)), Drop::nd_bad_options);
        EXPECT_EQ(drop_of<RouterSolicitation>(router_solicitation(options)), Drop::nd_bad_options);
        EXPECT_EQ(drop_of<RouterAdvertisement>(router_advertisement(options)),
                  Drop::nd_bad_options);
    }
}

TEST(Nd, PrefixesBeyondTheFourthAndImpossibleOnesAreIgnored) {
    const std::string prefix = "03 04 40 c0 00 00 00 01 00 00 00 01 00 00 00 00 " + target;
    const std::string impossible = "03 04 81 c0 00 00 00 01 00 00 00 01 00 00 00 00 " + target;
    EXPECT_EQ(parsed<RouterAdvertisement>(router_advertisement(impossible + prefix)).prefix_count,
              1U);
    EXPECT_EQ(parsed<RouterAdvertisement>(
                  router_advertisement(prefix + prefix + prefix + prefix + prefix))
                  .prefix_count,
              4U);
}

template <class Message>
void refuses_every_truncation(const Case& whole, std::size_t header_bytes) {
    for (std::size_t length = 0; length < whole.bytes.size(); ++length) {
        Case cut = whole;
        cut.bytes.resize(length);
        const Drop expected = length < icmp_header_bytes         ? Drop::icmp_too_short
                              : length < header_bytes            ? Drop::nd_too_short
                              : (length - header_bytes) % 8 == 0 ? Drop::none
                                                                 : Drop::nd_bad_options;
        EXPECT_EQ(drop_of<Message>(cut), expected) << length;
    }
}

TEST(Nd, EveryTruncation) {
    const std::string macs = "01 01 02 00 00 00 00 0a 02 01 02 00 00 00 00 0a";
    refuses_every_truncation<NeighbourSolicitation>(solicitation(macs), 24);
    refuses_every_truncation<NeighbourAdvertisement>(advertisement(macs), 24);
    refuses_every_truncation<RouterSolicitation>(router_solicitation(macs), 8);
    refuses_every_truncation<RouterAdvertisement>(router_advertisement(macs), 16);
}

template <class Message>
Case written(const Message& message, const Ipv6Addr& source, const Ipv6Addr& destination) {
    Bytes out(nd_bytes_max + 1, std::byte{0x5a});
    const std::size_t length = write_nd(out.data(), message, source, destination);
    EXPECT_LE(length, nd_bytes_max);
    EXPECT_EQ(out[length], std::byte{0x5a}) << "wrote past the end";
    out.resize(length);
    return {source, destination, 255, out};
}

template <class Message>
void writes_what_linux_writes(const Bytes& frame) {
    const Case nd = captured_case(frame);
    EXPECT_EQ(written(parsed<Message>(nd), nd.source, nd.destination).bytes, nd.bytes);
}

TEST(WriteNd, WritesWhatLinuxWrites) {
    writes_what_linux_writes<NeighbourSolicitation>(captured::neighbour_solicitation);
    writes_what_linux_writes<NeighbourAdvertisement>(captured::neighbour_advertisement);
    writes_what_linux_writes<RouterSolicitation>(captured::router_solicitation);
}

TEST(WriteNd, RouterAdvertisementComesBackAsItWas) {
    RouterAdvertisement router{.hop_limit = 63,
                               .other = true,
                               .lifetime_s = 9000,
                               .reachable_ms = 1,
                               .retransmit_ms = 2,
                               .source_mac = mac_b,
                               .mtu = 9000,
                               .prefix_count = RouterAdvertisement::prefixes_max};
    for (PrefixInformation& info : router.prefixes) {
        info = {.prefix = {ipv6("2001:db8:5::"), 56},
                .on_link = false,
                .autonomous = true,
                .valid_s = 3,
                .preferred_s = 4};
    }
    const Case nd = written(router, ipv6("fe80::1"), Ipv6Addr::all_nodes);
    EXPECT_EQ(nd.bytes.size(), nd_bytes_max);
    EXPECT_EQ(parsed<RouterAdvertisement>(nd), router);
}

} // namespace
} // namespace millrace::wire
