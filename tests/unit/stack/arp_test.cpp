// A1: ARP answered, learnt from, and our own IPv4 addresses claimed with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_support.hpp"
#include "known_frames.hpp"

#include <optional>
#include <variant>

namespace millrace::stack {
namespace {

using Kind = Control::Result::Kind;
using State = NeighbourState;
using testing::IsEmpty;
using testing::SizeIs;
using wire::ArpOperation;
using wire::Drop;

constexpr wire::MacAddr other_mac{{2, 0, 0, 0, 0, 9}};
constexpr wire::Ipv4Addr other_ip{198, 18, 0, 9};
constexpr wire::Ipv4Addr nobody{};

/// A request of the peer for our address.
wire::ArpPacket request() {
    return {.operation = ArpOperation::request,
            .sender_mac = peer::mac,
            .sender_ip = peer::ip4,
            .target_ip = ours::ip4};
}

wire::ArpPacket gratuitous(const wire::Ipv4Addr& ip, const wire::MacAddr& mac) {
    return {
        .operation = ArpOperation::request, .sender_mac = mac, .sender_ip = ip, .target_ip = ip};
}

std::optional<State> state_of(const TestHost& host, const wire::Ipv4Addr& address) {
    const std::uint32_t index = host.neighbours4.find(address);
    return index == Neighbours<wire::Ipv4Addr>::none ? std::nullopt
                                                     : std::optional{host.neighbours4.state(index)};
}

const wire::MacAddr& mac_of(const TestHost& host, const wire::Ipv4Addr& address) {
    return host.neighbours4.mac(host.neighbours4.find(address));
}

// A1.arp
TEST(Arp, request_is_answered_as_linux_does) {
    TestHost host;
    const Answer answer = host.receive(known::arp_request);
    EXPECT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::none);
    EXPECT_EQ(answer.frame, known::arp_reply);
    EXPECT_EQ(host.count(ControlCounter::arp_replies_sent), 1U);
}

// A1.vlan
TEST(Arp, reply_keeps_the_vlan_tag) {
    TestHost host;
    EXPECT_EQ(host.receive(tagged(known::arp_request)).frame, tagged(known::arp_reply));
}

TEST(Arp, padding_is_not_sent_back) {
    TestHost host;
    Bytes padded = known::arp_request;
    padded.resize(60);
    EXPECT_EQ(host.receive(padded).frame, known::arp_reply);
}

TEST(Arp, request_makes_its_sender_known) {
    TestHost host;
    host.receive(arp_frame(request()));
    EXPECT_EQ(state_of(host, peer::ip4), State::stale);
    EXPECT_EQ(mac_of(host, peer::ip4), peer::mac);
}

TEST(Arp, sender_from_another_subnet_is_answered_but_not_remembered) {
    TestHost host;
    auto packet = request();
    packet.sender_ip = {203, 0, 113, 1};
    EXPECT_EQ(host.receive(arp_frame(packet)).result.kind, Kind::reply);
    EXPECT_EQ(host.neighbours4.size(), 0U);
}

TEST(Arp, request_for_somebody_else_is_left_alone) {
    TestHost host;
    auto packet = request();
    packet.target_ip = other_ip;
    const Answer answer = host.receive(arp_frame(packet));
    EXPECT_EQ(answer.result.kind, Kind::drop);
    EXPECT_EQ(answer.result.drop, Drop::arp_not_for_us);
    EXPECT_EQ(host.neighbours4.size(), 0U);
}

TEST(Arp, request_for_somebody_else_casts_doubt_on_a_known_address) {
    TestHost host;
    const std::uint32_t index = host.neighbours4.acquire(peer::ip4, host.now);
    host.neighbours4.learn(peer::ip4, peer::mac, Evidence::solicited_override, host.now);
    auto packet = request();
    packet.target_ip = other_ip;
    packet.sender_mac = other_mac;
    host.receive(arp_frame(packet));
    EXPECT_EQ(host.neighbours4.state(index), State::stale);
    EXPECT_EQ(host.neighbours4.mac(index), peer::mac) << "only an answer replaces it";
}

// A1.arp
TEST(Arp, neighbour_is_asked_for_and_believed) {
    TestHost host;
    const std::uint32_t index = host.neighbours4.acquire(peer::ip4, host.now);
    const auto frames = host.frames();
    ASSERT_THAT(frames, SizeIs(1));
    EXPECT_EQ(read_ethernet(frames[0]).destination, wire::MacAddr::broadcast);
    EXPECT_EQ(read_ethernet(frames[0]).source, ours::mac);
    EXPECT_EQ(read_arp(frames[0]), (wire::ArpPacket{.operation = ArpOperation::request,
                                                    .sender_mac = ours::mac,
                                                    .sender_ip = ours::ip4,
                                                    .target_ip = peer::ip4}));
    const Answer answer = host.receive(arp_frame({.operation = ArpOperation::reply,
                                                  .sender_mac = peer::mac,
                                                  .sender_ip = peer::ip4,
                                                  .target_mac = ours::mac,
                                                  .target_ip = ours::ip4},
                                                 ours::mac));
    EXPECT_EQ(answer.result.kind, Kind::done);
    EXPECT_EQ(host.neighbours4.state(index), State::reachable);
    EXPECT_EQ(host.neighbours4.mac(index), peer::mac);
}

TEST(Arp, stale_neighbour_is_asked_where_it_was) {
    TestHost host;
    host.receive(arp_frame(request()));
    const std::uint32_t index = host.neighbours4.acquire(peer::ip4, host.now);
    ASSERT_TRUE(host.neighbours4.usable(index, host.now));
    const auto sent = host.pass(5s + 50ms);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(read_ethernet(sent[0].frame).destination, peer::mac);
    EXPECT_EQ(read_arp(sent[0].frame).target_ip, peer::ip4);
}

// A1.arp
TEST(Arp, broadcast_reply_is_no_answer) {
    TestHost host;
    const std::uint32_t index = host.neighbours4.acquire(peer::ip4, host.now);
    host.receive(arp_frame({.operation = ArpOperation::reply,
                            .sender_mac = peer::mac,
                            .sender_ip = peer::ip4,
                            .target_mac = ours::mac,
                            .target_ip = ours::ip4}));
    EXPECT_EQ(host.neighbours4.state(index), State::stale);
}

TEST(Arp, reply_to_somebody_else_is_left_alone) {
    TestHost host;
    const std::uint32_t index = host.neighbours4.acquire(peer::ip4, host.now);
    const Answer answer = host.receive(arp_frame({.operation = ArpOperation::reply,
                                                  .sender_mac = peer::mac,
                                                  .sender_ip = peer::ip4,
                                                  .target_mac = other_mac,
                                                  .target_ip = other_ip},
                                                 ours::mac));
    EXPECT_EQ(answer.result.drop, Drop::arp_not_for_us);
    EXPECT_EQ(host.neighbours4.state(index), State::incomplete);
}

TEST(Arp, reply_of_a_stranger_makes_no_entry) {
    TestHost host;
    host.receive(arp_frame({.operation = ArpOperation::reply,
                            .sender_mac = peer::mac,
                            .sender_ip = peer::ip4,
                            .target_mac = ours::mac,
                            .target_ip = ours::ip4},
                           ours::mac));
    EXPECT_EQ(host.neighbours4.size(), 0U);
}

// A1.gratuitous
TEST(Arp, gratuitous_request_or_reply_moves_a_known_neighbour) {
    for (const auto operation : {ArpOperation::request, ArpOperation::reply}) {
        TestHost host;
        host.receive(arp_frame(request()));
        auto packet = gratuitous(peer::ip4, other_mac);
        packet.operation = operation;
        EXPECT_EQ(host.receive(arp_frame(packet)).result.kind, Kind::done);
        EXPECT_EQ(state_of(host, peer::ip4), State::stale);
        EXPECT_EQ(mac_of(host, peer::ip4), other_mac);
    }
}

TEST(Arp, gratuitous_packet_of_a_stranger_makes_no_entry) {
    TestHost host;
    host.receive(arp_frame(gratuitous(other_ip, other_mac)));
    EXPECT_EQ(host.neighbours4.size(), 0U);
}

// Conflicts

TEST(Arp, probe_for_our_address_is_answered) {
    TestHost host;
    auto probe = request();
    probe.sender_ip = nobody;
    const Answer answer = host.receive(arp_frame(probe));
    ASSERT_EQ(answer.result.kind, Kind::reply);
    const wire::ArpPacket reply = read_arp(answer.frame);
    EXPECT_EQ(reply.operation, ArpOperation::reply);
    EXPECT_EQ(reply.sender_ip, ours::ip4);
    EXPECT_EQ(reply.sender_mac, ours::mac);
    EXPECT_EQ(host.neighbours4.size(), 0U) << "nobody has no address to remember";
}

// A1.conflict
TEST(Arp, claim_of_our_address_is_met_with_an_announcement_at_most_every_ten_seconds) {
    TestHost host;
    const Bytes claim = arp_frame(gratuitous(ours::ip4, other_mac));
    const Answer answer = host.receive(claim);
    EXPECT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::arp_conflict);
    EXPECT_EQ(read_ethernet(answer.frame).destination, wire::MacAddr::broadcast);
    EXPECT_EQ(read_arp(answer.frame), gratuitous(ours::ip4, ours::mac));
    host.now += 9s;
    EXPECT_EQ(host.receive(claim).result.kind, Kind::drop);
    host.now += 2s;
    EXPECT_EQ(host.receive(claim).result.kind, Kind::reply);
    EXPECT_EQ(host.count(ControlCounter::address_conflicts), 3U);
    EXPECT_TRUE(host.control.may_use(ours::ip4));
    const auto conflicts = host.conflicts();
    ASSERT_THAT(conflicts, SizeIs(3));
    EXPECT_EQ(std::get<wire::Ipv4Addr>(conflicts[0].address), ours::ip4);
    EXPECT_EQ(conflicts[0].rival, other_mac);
    EXPECT_FALSE(conflicts[0].lost);
    EXPECT_THAT(host.conflicts(), IsEmpty());
}

TEST(Arp, flood_of_conflicts_is_cut_short_for_the_log) {
    TestHost host;
    for (int i = 0; i < 1000; ++i) {
        host.receive(arp_frame(gratuitous(ours::ip4, other_mac)));
    }
    EXPECT_EQ(host.count(ControlCounter::address_conflicts), 1000U);
    EXPECT_LE(host.conflicts().size(), 10U);
}

TEST(Arp, our_own_frame_coming_back_is_no_conflict) {
    TestHost host;
    const Answer answer = host.receive(arp_frame(gratuitous(ours::ip4, ours::mac)));
    EXPECT_EQ(answer.result.drop, Drop::frame_own_source);
    EXPECT_EQ(host.count(ControlCounter::address_conflicts), 0U);
}

TEST(Arp, broadcast_address_cannot_send) {
    TestHost host;
    auto packet = request();
    packet.sender_ip = {198, 18, 0, 255};
    EXPECT_EQ(host.receive(arp_frame(packet)).result.drop, Drop::arp_bad_sender);
}

// Claiming our own address

ControlOptions claiming(std::uint8_t probes) {
    ControlOptions options = quiet();
    options.speaks_for_port = true;
    options.ipv4_probes = probes;
    return options;
}

Interface only_ipv4() {
    Interface interface = usual_interface();
    interface.ipv6.clear();
    return interface;
}

// A1.gratuitous
TEST(Arp, own_address_is_announced_twice) {
    TestHost host{claiming(0), only_ipv4()};
    EXPECT_TRUE(host.control.may_use(ours::ip4));
    const Instant start = host.now;
    const auto first = host.frames();
    ASSERT_THAT(first, SizeIs(1));
    EXPECT_EQ(read_arp(first[0]), gratuitous(ours::ip4, ours::mac));
    EXPECT_EQ(read_ethernet(first[0]).destination, wire::MacAddr::broadcast);
    const auto later = host.pass(60s);
    ASSERT_THAT(later, SizeIs(1));
    EXPECT_EQ(read_arp(later[0].frame), gratuitous(ours::ip4, ours::mac));
    EXPECT_NEAR(static_cast<double>((later[0].at - start).count()), 2e9, 2e7);
    EXPECT_EQ(host.control.ipv4_claims().state(ours::ip4), ClaimState::settled);
    EXPECT_EQ(host.wheel.size(), 0U);
}

/// RFC 5227 §2.1.1 and §2.3, the times of §1.1.
// A1.conflict
TEST(Arp, own_address_is_probed_before_it_is_used) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        TestHost host{claiming(3), only_ipv4(), seed};
        const Instant start = host.now;
        EXPECT_FALSE(host.control.may_use(ours::ip4));
        EXPECT_EQ(host.receive(arp_frame(request())).result.drop, Drop::arp_not_for_us);
        const auto sent = host.pass(30s);
        ASSERT_THAT(sent, SizeIs(5));
        EXPECT_LE(sent[0].at - start, 1s + 20ms);
        for (std::size_t i = 0; i < 3; ++i) {
            const wire::ArpPacket probe = read_arp(sent[i].frame);
            EXPECT_TRUE(probe.is_probe());
            EXPECT_EQ(probe.sender_mac, ours::mac);
            EXPECT_EQ(probe.target_ip, ours::ip4);
            if (i > 0) {
                EXPECT_GE(sent[i].at - sent[i - 1].at, 1s - 10ms);
                EXPECT_LE(sent[i].at - sent[i - 1].at, 2s + 20ms);
            }
        }
        EXPECT_GE(sent[3].at - sent[2].at, 2s);
        EXPECT_EQ(read_arp(sent[3].frame), gratuitous(ours::ip4, ours::mac));
        EXPECT_EQ(read_arp(sent[4].frame), gratuitous(ours::ip4, ours::mac));
        EXPECT_TRUE(host.control.may_use(ours::ip4));
        EXPECT_EQ(host.receive(arp_frame(request())).result.kind, Kind::reply);
    }
}

TEST(Arp, address_in_use_elsewhere_is_lost_while_it_is_probed) {
    TestHost host{claiming(3), only_ipv4()};
    host.pass(2s);
    const Answer answer = host.receive(arp_frame({.operation = ArpOperation::reply,
                                                  .sender_mac = other_mac,
                                                  .sender_ip = ours::ip4,
                                                  .target_mac = ours::mac},
                                                 ours::mac));
    EXPECT_EQ(answer.result.kind, Kind::drop);
    EXPECT_EQ(answer.result.drop, Drop::arp_conflict);
    EXPECT_FALSE(host.control.may_use(ours::ip4));
    const auto conflicts = host.conflicts();
    ASSERT_THAT(conflicts, SizeIs(1));
    EXPECT_TRUE(conflicts[0].lost);
    EXPECT_THAT(host.pass(60s), IsEmpty());
    EXPECT_EQ(host.receive(arp_frame(request())).result.drop, Drop::arp_not_for_us);
    EXPECT_EQ(host.control.ipv4_claims().state(ours::ip4), ClaimState::lost);
    host.receive(arp_frame(gratuitous(ours::ip4, other_mac)));
    EXPECT_EQ(host.count(ControlCounter::address_conflicts), 1U) << "it is theirs now";
    EXPECT_THAT(host.conflicts(), IsEmpty());
}

TEST(Arp, probe_at_the_same_time_is_a_conflict_too) {
    TestHost host{claiming(3), only_ipv4()};
    host.pass(2s);
    auto probe = request();
    probe.sender_ip = nobody;
    EXPECT_EQ(host.receive(arp_frame(probe)).result.drop, Drop::arp_conflict);
    EXPECT_EQ(host.control.ipv4_claims().state(ours::ip4), ClaimState::lost);
}

TEST(Arp, nobody_is_asked_in_the_name_of_a_tentative_address) {
    TestHost host{claiming(3), only_ipv4()};
    static_cast<void>(host.neighbours4.acquire(peer::ip4, host.now));
    EXPECT_THAT(host.frames(), IsEmpty());
}

TEST(Arp, frames_cut_short_are_dropped) {
    for (std::size_t length = 0; length < known::arp_request.size(); ++length) {
        TestHost host;
        Bytes cut = known::arp_request;
        cut.resize(length);
        cut.shrink_to_fit();
        constexpr std::size_t no_room = 0;
        const Answer answer = host.receive(cut, no_room);
        EXPECT_EQ(answer.result.kind, Kind::drop) << length;
        EXPECT_EQ(answer.result.drop, length < wire::ethernet_header_bytes ? Drop::frame_too_short
                                                                           : Drop::arp_too_short)
            << length;
        EXPECT_EQ(host.neighbours4.size(), 0U);
    }
}

} // namespace
} // namespace millrace::stack
