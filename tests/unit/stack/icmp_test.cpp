// A3 and E5: echo, errors received, and errors sent within their rate.

#include "wire/icmp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_support.hpp"
#include "known_frames.hpp"

#include <random>

namespace millrace::stack {
namespace {

using Kind = Control::Result::Kind;
using testing::ElementsAreArray;
using wire::Drop;

wire::Ipv4Packet ipv4_from_peer(std::uint8_t protocol, const wire::Ipv4Addr& destination) {
    wire::Ipv4Packet packet;
    packet.source = peer::ip4;
    packet.destination = destination;
    packet.protocol = protocol;
    return packet;
}

wire::Ipv6Packet ipv6_from_peer(std::uint8_t protocol, const wire::Ipv6Addr& destination) {
    return {.source = peer::ip6, .destination = destination, .protocol = protocol, .hop_limit = 64};
}

Bytes random_bytes(std::mt19937_64& random, std::size_t count) {
    Bytes bytes(count);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random()); });
    return bytes;
}

Bytes icmp(const wire::IcmpMessage& message) {
    Bytes bytes(wire::icmp_header_bytes + message.data.size());
    wire::write_icmp(bytes.data(), message);
    return bytes;
}

Bytes icmpv6(const wire::Icmpv6Message& message, const wire::Ipv6Addr& source,
             const wire::Ipv6Addr& destination) {
    Bytes bytes(wire::icmp_header_bytes + message.data.size());
    wire::write_icmpv6(bytes.data(), message, source, destination);
    return bytes;
}

Bytes echo_request(std::span<const std::byte> data, const wire::Ipv4Addr& destination = ours::ip4) {
    return ipv4_frame(ipv4_from_peer(wire::ip_protocol::icmp, destination),
                      icmp({.type = wire::icmp_type::echo_request,
                            .echo_id = 0x1234,
                            .echo_sequence = 7,
                            .data = data}));
}

Bytes echo6_request(std::span<const std::byte> data,
                    const wire::Ipv6Addr& destination = ours::ip6) {
    return ipv6_frame(ipv6_from_peer(wire::ip_protocol::icmpv6, destination),
                      icmpv6({.type = wire::icmpv6_type::echo_request,
                              .echo_id = 0x1234,
                              .echo_sequence = 7,
                              .data = data},
                             peer::ip6, destination),
                      {}, mac_for(destination));
}

Bytes udp_payload(std::size_t data_bytes) {
    Bytes bytes(wire::udp_header_bytes + data_bytes, std::byte{'x'});
    wire::write_udp(bytes.data(), {.source_port = 4000, .destination_port = 9}, data_bytes);
    return bytes;
}

Bytes udp_frame(std::size_t data_bytes = 5) {
    return ipv4_frame(ipv4_from_peer(wire::ip_protocol::udp, ours::ip4), udp_payload(data_bytes));
}

Bytes udp6_frame(std::size_t data_bytes = 5) {
    return ipv6_frame(ipv6_from_peer(wire::ip_protocol::udp, ours::ip6), udp_payload(data_bytes));
}

wire::IcmpMessage read_icmp(const wire::Ipv4Packet& packet) {
    wire::IcmpMessage message;
    EXPECT_EQ(packet.protocol, wire::ip_protocol::icmp);
    EXPECT_EQ(wire::parse_icmp(packet.payload, message), Drop::none);
    return message;
}

/// IP packets of two frames from the header's byte `from` on, with the frames' headers equal.
void expect_equal_but_for_ip_header(const Bytes& ours, const Bytes& theirs,
                                    std::size_t ip_header_bytes) {
    ASSERT_EQ(ours.size(), theirs.size());
    const auto head = static_cast<std::ptrdiff_t>(wire::ethernet_header_bytes);
    const auto body = head + static_cast<std::ptrdiff_t>(ip_header_bytes);
    EXPECT_EQ(Bytes(ours.begin(), ours.begin() + head),
              Bytes(theirs.begin(), theirs.begin() + head));
    EXPECT_EQ(Bytes(ours.begin() + body, ours.end()), Bytes(theirs.begin() + body, theirs.end()));
}

// Echo

// A3.echo
TEST(Icmp, echo_is_answered_as_linux_does) {
    TestHost host;
    const Answer answer = host.receive(known::echo_request);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    // Linux numbers its replies; ours are never fragmented, and say so.
    expect_equal_but_for_ip_header(answer.frame, known::echo_reply, 20);
    const wire::Ipv4Packet packet = read_ipv4(answer.frame);
    EXPECT_EQ(packet.source, ours::ip4);
    EXPECT_EQ(packet.destination, peer::ip4);
    EXPECT_EQ(packet.ttl, 64);
    EXPECT_TRUE(packet.dont_fragment);
    EXPECT_EQ(host.count(ControlCounter::echo_replies_sent), 1U);
}

// A3.echo
TEST(Icmp, echo_over_ipv6_is_answered_as_linux_does) {
    TestHost host;
    const Answer answer = host.receive(known::echo6_request);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    expect_equal_but_for_ip_header(answer.frame, known::echo6_reply, 40);
    const wire::Ipv6Packet packet = read_ipv6(answer.frame);
    EXPECT_EQ(packet.source, ours::ip6);
    EXPECT_EQ(packet.destination, peer::ip6);
    EXPECT_EQ(packet.hop_limit, 64);
}

TEST(Icmp, echo_of_every_length_comes_back_whole) {
    constexpr std::uint64_t seed = 11;
    SCOPED_TRACE(seed);
    std::mt19937_64 random{seed};
    for (std::size_t length = 0; length <= 1472; length += length < 40 ? 1 : 37) {
        TestHost host;
        const Bytes data = random_bytes(random, length);
        const Answer answer = host.receive(echo_request(data), 0);
        ASSERT_EQ(answer.result.kind, Kind::reply) << length;
        const auto message = read_icmp(read_ipv4(answer.frame));
        EXPECT_EQ(message.type, wire::icmp_type::echo_reply);
        EXPECT_EQ(message.echo_id, 0x1234);
        EXPECT_EQ(message.echo_sequence, 7);
        EXPECT_THAT(message.data, ElementsAreArray(data)) << length;

        if (length <= 1452) {
            const Answer answer6 = host.receive(echo6_request(data), 0);
            ASSERT_EQ(answer6.result.kind, Kind::reply) << length;
            const wire::Ipv6Packet packet = read_ipv6(answer6.frame);
            const auto message6 = read_icmpv6(packet);
            EXPECT_EQ(message6.type, wire::icmpv6_type::echo_reply);
            EXPECT_EQ(message6.echo_id, 0x1234);
            EXPECT_THAT(message6.data, ElementsAreArray(data)) << length;
        }
    }
}

/// All values of one word of data make the checksum take all its values, the odd ones of one's
/// complement among them.
TEST(Icmp, echo_checksum_is_right_whatever_it_was) {
    TestHost host;
    for (std::uint32_t word = 0; word <= 0xffff; word += 1) {
        const Bytes data{static_cast<std::byte>(word >> 8), static_cast<std::byte>(word)};
        const Answer answer = host.receive(echo_request(data));
        ASSERT_EQ(answer.result.kind, Kind::reply) << word;
        wire::IcmpMessage message;
        ASSERT_EQ(wire::parse_icmp(read_ipv4(answer.frame).payload, message), Drop::none) << word;
    }
}

// A2.dscp
TEST(Icmp, echo_keeps_tag_and_service_class_but_not_options_or_padding) {
    TestHost host;
    auto header = ipv4_from_peer(wire::ip_protocol::icmp, ours::ip4);
    header.traffic_class = wire::traffic_class(10, wire::Ecn::congestion);
    const Bytes data = hex("01 02 03");
    const Bytes message = icmp({.type = wire::icmp_type::echo_request, .echo_id = 9, .data = data});
    Bytes frame = tagged(ipv4_frame(header, message, hex("01 01 01 00")));
    frame.resize(frame.size() + 9, std::byte{0x77});
    const Answer answer = host.receive(frame);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.frame.size(), 18U + 20U + 8U + 3U);
    EXPECT_EQ(read_ethernet(answer.frame).vlan_id(), 5);
    const wire::Ipv4Packet packet = read_ipv4(answer.frame);
    EXPECT_EQ(packet.traffic_class, wire::traffic_class(10, wire::Ecn::not_capable));
    EXPECT_TRUE(packet.options().empty());
    EXPECT_THAT(read_icmp(packet).data, ElementsAreArray(data));
}

TEST(Icmp, echo_over_ipv6_leaves_extension_headers_out) {
    TestHost host;
    const Bytes data = hex("01 02 03 04 05");
    const Bytes extensions = hex("3a 00 01 04 00 00 00 00"); // Destination options: padding.
    const Bytes message =
        icmpv6({.type = wire::icmpv6_type::echo_request, .data = data}, peer::ip6, ours::ip6);
    const Answer answer = host.receive(ipv6_frame(
        ipv6_from_peer(wire::ip_protocol::destination_options, ours::ip6), message, extensions));
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.frame.size(), 14U + 40U + 8U + 5U);
    EXPECT_THAT(read_icmpv6(read_ipv6(answer.frame)).data, ElementsAreArray(data));
}

TEST(Icmp, echo_to_groups_and_broadcast_is_not_answered) {
    TestHost host;
    for (const auto& destination : {wire::Ipv4Addr{198, 18, 0, 255}, wire::Ipv4Addr::broadcast,
                                    wire::Ipv4Addr{224, 0, 0, 1}}) {
        EXPECT_EQ(host.receive(echo_request({}, destination)).result.drop, Drop::icmp_not_unicast);
    }
    EXPECT_EQ(host.receive(echo6_request({}, wire::Ipv6Addr::all_nodes)).result.drop,
              Drop::icmp_not_unicast);
    Bytes frame = echo_request({});
    std::fill_n(frame.begin(), 6, std::byte{0xff});
    EXPECT_EQ(host.receive(frame).result.drop, Drop::icmp_not_unicast);
}

TEST(Icmp, echo_to_a_tentative_address_is_not_answered) {
    ControlOptions options = quiet();
    options.ipv4_probes = 3;
    options.ipv6_probes = 1;
    TestHost host{options};
    EXPECT_EQ(host.receive(known::echo_request).result.drop, Drop::ip_not_our_address);
    EXPECT_EQ(host.receive(known::echo6_request).result.drop, Drop::ip_not_our_address);
}

TEST(Icmp, echo_from_our_own_address_is_not_answered) {
    TestHost host;
    const Bytes message =
        icmpv6({.type = wire::icmpv6_type::echo_request}, ours::link_local, ours::ip6);
    wire::Ipv6Packet header = ipv6_from_peer(wire::ip_protocol::icmpv6, ours::ip6);
    header.source = ours::link_local;
    header.hop_limit = 255; // As far as addresses go it might be a neighbour advertisement.
    EXPECT_EQ(host.receive(ipv6_frame(header, message)).result.drop, Drop::ip_own_source);
}

TEST(Icmp, bad_checksum_is_dropped) {
    TestHost host;
    Bytes frame = known::echo_request;
    frame.back() ^= std::byte{1};
    EXPECT_EQ(host.receive(frame).result.drop, Drop::icmp_bad_checksum);
    frame = known::echo6_request;
    frame.back() ^= std::byte{1};
    EXPECT_EQ(host.receive(frame).result.drop, Drop::icmp_bad_checksum);
}

TEST(Icmp, replies_are_taken_in_silence) {
    TestHost host;
    EXPECT_EQ(host.receive(ipv4_frame(ipv4_from_peer(wire::ip_protocol::icmp, ours::ip4),
                                      icmp({.type = wire::icmp_type::echo_reply})))
                  .result.kind,
              Kind::done);
    EXPECT_EQ(host.receive(ipv6_frame(ipv6_from_peer(wire::ip_protocol::icmpv6, ours::ip6),
                                      icmpv6({.type = wire::icmpv6_type::echo_reply}, peer::ip6,
                                             ours::ip6)))
                  .result.kind,
              Kind::done);
}

/// Every length of a frame, and every length of the packet in it, with exact memory around.
TEST(Icmp, frames_cut_short_are_never_answered) {
    for (const Bytes& whole :
         {known::echo_request, known::echo6_request, known::udp, known::udp6}) {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            TestHost host;
            Bytes cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)};
            cut.shrink_to_fit();
            const Answer answer = host.receive(cut, 0);
            EXPECT_EQ(answer.result.kind, Kind::drop) << length;
            EXPECT_NE(answer.result.drop, Drop::none) << length;
        }
    }
}

TEST(Icmp, messages_cut_short_are_dropped) {
    for (std::size_t length = 0; length < 8; ++length) {
        TestHost host;
        const Bytes message(length, std::byte{8});
        EXPECT_EQ(
            host.receive(ipv4_frame(ipv4_from_peer(wire::ip_protocol::icmp, ours::ip4), message), 0)
                .result.drop,
            Drop::icmp_too_short);
        EXPECT_EQ(
            host.receive(ipv6_frame(ipv6_from_peer(wire::ip_protocol::icmpv6, ours::ip6), message),
                         0)
                .result.drop,
            Drop::icmp_too_short);
    }
}

// Errors that arrive

TEST(Icmp, errors_that_arrive_are_counted_and_never_answered) {
    TestHost host;
    const std::span<const std::byte> quote = std::span{known::udp}.subspan(14);
    const Answer answer = host.receive(
        ipv4_frame(ipv4_from_peer(wire::ip_protocol::icmp, ours::ip4),
                   icmp({.type = wire::icmp_type::destination_unreachable, .data = quote})));
    EXPECT_EQ(answer.result.kind, Kind::done);
    const std::span<const std::byte> quote6 = std::span{known::udp6}.subspan(14);
    const Answer answer6 = host.receive(ipv6_frame(
        ipv6_from_peer(wire::ip_protocol::icmpv6, ours::ip6),
        icmpv6({.type = wire::icmpv6_type::packet_too_big, .data = quote6}, peer::ip6, ours::ip6)));
    EXPECT_EQ(answer6.result.kind, Kind::done);
    EXPECT_EQ(host.count(ControlCounter::errors_received), 2U);
    const Answer bad = host.receive(
        ipv4_frame(ipv4_from_peer(wire::ip_protocol::icmp, ours::ip4),
                   icmp({.type = wire::icmp_type::time_exceeded, .data = quote.first(27)})));
    EXPECT_EQ(bad.result.kind, Kind::drop);
    EXPECT_EQ(bad.result.drop, Drop::icmp_bad_quote);
}

TEST(Icmp, redirects_are_ignored_and_counted) {
    TestHost host;
    const Answer answer = host.receive(ipv4_frame(
        ipv4_from_peer(wire::ip_protocol::icmp, ours::ip4),
        icmp({.type = wire::icmp_type::redirect, .data = std::span{known::udp}.subspan(14)})));
    EXPECT_EQ(answer.result.kind, Kind::done);
    EXPECT_EQ(host.count(ControlCounter::redirects_ignored), 1U);
}

// Errors that are sent

TEST(Icmp, port_unreachable_is_what_linux_sends) {
    TestHost host;
    const Answer answer = host.receive(known::udp);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::udp_no_service);
    expect_equal_but_for_ip_header(answer.frame, known::port_unreachable, 20);
    const wire::Ipv4Packet packet = read_ipv4(answer.frame);
    EXPECT_EQ(packet.source, ours::ip4);
    EXPECT_EQ(packet.destination, peer::ip4);
    EXPECT_EQ(packet.traffic_class, 0xc0);
    EXPECT_EQ(host.count(ControlCounter::errors_sent), 1U);
}

TEST(Icmp, port_unreachable_over_ipv6_is_what_linux_sends) {
    TestHost host;
    const Answer answer = host.receive(known::udp6);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::udp_no_service);
    expect_equal_but_for_ip_header(answer.frame, known::port_unreachable6, 40);
    EXPECT_EQ(read_ipv6(answer.frame).destination, peer::ip6);
}

TEST(Icmp, unknown_protocol_is_reported) {
    TestHost host;
    const Bytes payload = hex("01 02 03 04 05 06 07 08 09");
    const Answer answer = host.receive(ipv4_frame(ipv4_from_peer(132, ours::ip4), payload));
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::ip_unknown_protocol);
    const auto message = read_icmp(read_ipv4(answer.frame));
    EXPECT_EQ(message.type, wire::icmp_type::destination_unreachable);
    EXPECT_EQ(message.code, wire::icmp_unreachable::protocol);

    const Bytes extensions = hex("84 00 01 04 00 00 00 00");
    const Answer answer6 = host.receive(ipv6_frame(
        ipv6_from_peer(wire::ip_protocol::destination_options, ours::ip6), payload, extensions));
    ASSERT_EQ(answer6.result.kind, Kind::reply);
    const auto message6 = read_icmpv6(read_ipv6(answer6.frame));
    EXPECT_EQ(message6.type, wire::icmpv6_type::parameter_problem);
    EXPECT_EQ(message6.code, wire::icmpv6_problem::unknown_next_header);
    EXPECT_EQ(message6.pointer, 40U) << "where the extension header names what follows it";
}

TEST(Icmp, malformed_ipv6_is_reported_as_the_parser_asks) {
    TestHost host;
    // An option that is unknown and wants to be reported unless it came to a group (10).
    const Bytes unicast_only = hex("11 00 c5 04 00 00 00 00");
    const auto header = ipv6_from_peer(wire::ip_protocol::destination_options, ours::ip6);
    const Answer answer = host.receive(ipv6_frame(header, udp_payload(3), unicast_only));
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::ipv6_bad_option);
    const auto message = read_icmpv6(read_ipv6(answer.frame));
    EXPECT_EQ(message.type, wire::icmpv6_type::parameter_problem);
    EXPECT_EQ(message.code, wire::icmpv6_problem::unknown_option);
    EXPECT_EQ(message.pointer, 42U);

    const auto to_group =
        ipv6_from_peer(wire::ip_protocol::destination_options, wire::Ipv6Addr::all_nodes);
    const wire::MacAddr group_mac = wire::multicast_mac(wire::Ipv6Addr::all_nodes);
    EXPECT_EQ(
        host.receive(ipv6_frame(to_group, udp_payload(3), unicast_only, group_mac)).result.kind,
        Kind::drop);
    // The same, and to be reported even then (10).
    const Bytes even_if_multicast = hex("11 00 85 04 00 00 00 00");
    const Answer to_all =
        host.receive(ipv6_frame(to_group, udp_payload(3), even_if_multicast, group_mac));
    ASSERT_EQ(to_all.result.kind, Kind::reply);
    EXPECT_EQ(read_ipv6(to_all.frame).source, ours::ip6);
    // To be dropped in silence (01).
    const Bytes in_silence = hex("11 00 45 04 00 00 00 00");
    EXPECT_EQ(host.receive(ipv6_frame(header, udp_payload(3), in_silence)).result.kind, Kind::drop);
}

TEST(Icmp, tentative_address_sends_no_errors) {
    ControlOptions options = quiet();
    options.ipv4_probes = 3;
    options.ipv6_probes = 1;
    TestHost host{options};
    EXPECT_EQ(host.receive(known::udp).result.kind, Kind::drop);
    EXPECT_EQ(host.receive(known::udp6).result.kind, Kind::drop);
    EXPECT_EQ(host.count(ControlCounter::errors_sent), 0U);
}

TEST(Icmp, error_quotes_as_much_as_the_rfcs_allow) {
    TestHost host;
    for (const std::size_t data_bytes : {0U, 1U, 100U, 519U, 520U, 521U, 1400U}) {
        const Bytes frame = udp_frame(data_bytes);
        const Answer answer = host.receive(frame);
        ASSERT_EQ(answer.result.kind, Kind::reply);
        const wire::Ipv4Packet packet = read_ipv4(answer.frame);
        const std::size_t original = 20 + 8 + data_bytes;
        EXPECT_EQ(packet.header.size() + packet.payload.size(),
                  std::min<std::size_t>(576, 28 + original));
        const auto quote = read_icmp(packet).data;
        EXPECT_TRUE(std::equal(quote.begin(), quote.end(), frame.begin() + 14));
    }
    for (const std::size_t data_bytes : {0U, 1U, 1183U, 1184U, 1185U, 1400U}) {
        const Bytes frame = udp6_frame(data_bytes);
        const Answer answer = host.receive(frame);
        ASSERT_EQ(answer.result.kind, Kind::reply);
        EXPECT_EQ(answer.frame.size(), 14 + std::min<std::size_t>(1280, 48 + 48 + data_bytes));
        const auto quote = read_icmpv6(read_ipv6(answer.frame)).data;
        EXPECT_TRUE(std::equal(quote.begin(), quote.end(), frame.begin() + 14));
    }
}

TEST(Icmp, quote_is_shortened_to_the_room_there_is) {
    TestHost host;
    const Bytes frame = udp_frame(40);
    Answer answer = host.receive(frame, 0);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.frame.size(), frame.size());
    EXPECT_EQ(read_icmp(read_ipv4(answer.frame)).data.size(), 40U);
    // Less than the header and eight bytes would be of no use.
    EXPECT_EQ(host.receive(udp_frame(28), 0).result.kind, Kind::reply);
    EXPECT_EQ(host.receive(udp_frame(27), 0).result.kind, Kind::drop);
    EXPECT_EQ(host.receive(udp6_frame(40), 0).result.kind, Kind::reply);
    EXPECT_EQ(host.receive(udp6_frame(0), 0).result.kind, Kind::drop);
}

TEST(Icmp, errors_are_not_sent_about_what_may_not_cause_any) {
    TestHost host;
    const Bytes payload = udp_payload(10);
    const auto expect_silence = [&](const Bytes& frame, std::string_view what) {
        EXPECT_EQ(host.receive(frame).result.kind, Kind::drop) << what;
    };
    const auto udp_to = [&](const wire::Ipv4Addr& to) {
        return ipv4_frame(ipv4_from_peer(wire::ip_protocol::udp, to), payload);
    };
    expect_silence(udp_to({198, 18, 0, 255}), "to the subnet's broadcast address");
    expect_silence(udp_to(wire::Ipv4Addr::broadcast), "to the limited broadcast address");
    expect_silence(udp_to({224, 0, 0, 1}), "to a group");
    Bytes frame = udp_to(ours::ip4);
    std::fill_n(frame.begin(), 6, std::byte{0xff});
    expect_silence(frame, "in a broadcast frame");
    auto fragment = ipv4_from_peer(wire::ip_protocol::udp, ours::ip4);
    fragment.fragment_offset = 64;
    expect_silence(ipv4_frame(fragment, payload), "a fragment that is not the first");

    const auto udp6_to = [&](const wire::Ipv6Addr& to) {
        return ipv6_frame(ipv6_from_peer(wire::ip_protocol::udp, to), payload, {}, mac_for(to));
    };
    expect_silence(udp6_to(wire::Ipv6Addr::all_nodes), "to an IPv6 group");
    frame = udp6_to(ours::ip6);
    frame[0] = std::byte{0x33};
    frame[1] = std::byte{0x33};
    expect_silence(frame, "in a group's frame");

    EXPECT_EQ(host.count(ControlCounter::errors_sent), 0U);
}

/// An ICMPv6 error behind an extension header with something to complain about.
// A3.errors_out
TEST(Icmp, errors_are_not_sent_about_errors) {
    TestHost host;
    wire::Ipv6Packet packet;
    const Bytes error =
        icmpv6({.type = wire::icmpv6_type::destination_unreachable}, peer::ip6, ours::ip6);
    Bytes frame = ipv6_frame(ipv6_from_peer(wire::ip_protocol::icmpv6, ours::ip6), error);
    frame.resize(frame.size() + Control::reply_room);
    ASSERT_EQ(wire::parse_ipv6(std::span{frame}.subspan(14), packet), Drop::none);
    packet.problem.report = true;
    EXPECT_EQ(host.control.malformed(frame, packet, Drop::ipv6_bad_option, host.now).kind,
              Kind::drop);
    // A request is not an error.
    frame = echo6_request({});
    frame.resize(frame.size() + Control::reply_room);
    ASSERT_EQ(wire::parse_ipv6(std::span{frame}.subspan(14), packet), Drop::none);
    packet.problem.report = true;
    EXPECT_EQ(host.control.malformed(frame, packet, Drop::ipv6_bad_option, host.now).kind,
              Kind::reply);
}

TEST(Icmp, errors_are_not_sent_to_those_who_cannot_be_one_host) {
    TestHost host;
    const auto reported = [&](const wire::Ipv4Addr& source) {
        wire::Ipv4Packet packet;
        Bytes frame = udp_frame();
        frame.resize(frame.size() + Control::reply_room);
        EXPECT_EQ(wire::parse_ipv4(std::span{frame}.subspan(14), packet), Drop::none);
        packet.source = source;
        return host.control.unreachable(frame, packet, Drop::udp_no_service, host.now).kind ==
               Kind::reply;
    };
    EXPECT_TRUE(reported(peer::ip4));
    EXPECT_FALSE(reported({}));
    EXPECT_FALSE(reported({127, 0, 0, 1}));
    EXPECT_FALSE(reported({224, 0, 0, 5}));
    EXPECT_FALSE(reported({240, 0, 0, 1}));
    EXPECT_FALSE(reported({198, 18, 0, 255}));
    EXPECT_FALSE(reported(ours::ip4));
}

// A3.errors_out
TEST(Icmp, errors_keep_to_their_rate) {
    ControlOptions options = quiet();
    options.errors_per_s = 10;
    options.errors_burst = 5;
    TestHost host{options};
    const auto burst = [&](int packets) {
        int answered = 0;
        for (int i = 0; i < packets; ++i) {
            const Answer answer = host.receive(i % 2 == 0 ? udp_frame() : udp6_frame());
            answered += answer.result.kind == Kind::reply ? 1 : 0;
            EXPECT_EQ(answer.result.drop, answer.result.kind == Kind::reply
                                              ? Drop::udp_no_service
                                              : Drop::icmp_rate_limited);
        }
        return answered;
    };
    EXPECT_EQ(burst(100), 5) << "both families share the limit";
    EXPECT_EQ(burst(100), 0);
    host.now += 100ms;
    EXPECT_EQ(burst(100), 1);
    host.now += 250ms;
    EXPECT_EQ(burst(100), 2);
    host.now += 50ms;
    EXPECT_EQ(burst(100), 1) << "no part of a token is lost";
    host.now += 3600s;
    EXPECT_EQ(burst(100), 5) << "an hour of rest saves up one burst";
    // Nothing that is silent anyway costs a token.
    host.now += 3600s;
    for (int i = 0; i < 100; ++i) {
        host.receive(
            ipv4_frame(ipv4_from_peer(wire::ip_protocol::udp, {224, 0, 0, 1}), udp_payload(1)));
    }
    EXPECT_EQ(burst(100), 5);
}

TEST(Icmp, echo_has_no_such_limit) {
    ControlOptions options = quiet();
    options.errors_per_s = 1;
    options.errors_burst = 1;
    TestHost host{options};
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(host.receive(known::echo_request).result.kind, Kind::reply);
    }
}

} // namespace
} // namespace millrace::stack
