// A1 and E5: what workers tell one another, and frames of noise.

#include "stack/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_support.hpp"
#include "known_frames.hpp"

#include <random>
#include <variant>

/// What several workers of one port tell one another, and the pieces that control is made of.
namespace millrace::stack {
namespace {

using State = NeighbourState;
using testing::IsEmpty;
using testing::SizeIs;
using wire::Drop;

/// Worker 0 (which speaks for the port) or another of two.
ControlOptions of_two(std::uint32_t worker) {
    ControlOptions options;
    options.speaks_for_port = worker == 0;
    options.has_peers = true;
    options.ipv4_probes = 3;
    options.accept_router_advertisements = true;
    return options;
}

void tell(TestHost& from, TestHost& to) {
    for (const Learnt& news : from.learnt()) {
        to.control.learn_from_peer(news, to.now);
    }
}

ControlOptions quiet_of_two() {
    ControlOptions options = quiet();
    options.has_peers = true;
    return options;
}

Bytes arp_reply_from_peer() {
    return arp_frame({.operation = wire::ArpOperation::reply,
                      .sender_mac = peer::mac,
                      .sender_ip = peer::ip4,
                      .target_mac = ours::mac,
                      .target_ip = ours::ip4},
                     ours::mac);
}

TEST(Control, lone_worker_has_nobody_to_tell) {
    TestHost host;
    host.receive(known::arp_request);
    host.receive(known::solicitation);
    EXPECT_THAT(host.learnt(), IsEmpty());
}

/// ARP replies come to one queue, whoever has asked.
TEST(Control, answer_reaches_the_worker_that_asked) {
    TestHost first{quiet_of_two()};
    TestHost second{quiet_of_two()};
    const std::uint32_t index = second.neighbours4.acquire(peer::ip4, second.now);
    ASSERT_TRUE(second.neighbours4.hold(index, 77));
    first.receive(arp_reply_from_peer());
    EXPECT_EQ(first.neighbours4.size(), 0U);
    tell(first, second);
    EXPECT_EQ(second.neighbours4.state(index), State::reachable);
    EXPECT_EQ(second.neighbours4.mac(index), peer::mac);
    EXPECT_THAT(second.learnt(), IsEmpty()) << "news are told once";
    const wire::NeighbourAdvertisement answer{
        .target = peer::ip6, .solicited = true, .override = true, .target_mac = peer::mac};
    const std::uint32_t index6 = second.neighbours6.acquire(peer::ip6, second.now);
    first.receive(nd_frame(answer, peer::ip6, ours::ip6));
    tell(first, second);
    EXPECT_EQ(second.neighbours6.state(index6), State::reachable);
}

TEST(Control, request_is_told_when_it_is_news) {
    TestHost host{quiet_of_two()};
    host.receive(known::arp_request);
    const auto news = host.learnt();
    ASSERT_THAT(news, SizeIs(1));
    const auto& neighbour = std::get<LearntNeighbour<wire::Ipv4Addr>>(news[0]);
    EXPECT_EQ(neighbour.address, peer::ip4);
    EXPECT_EQ(neighbour.mac, peer::mac);
    EXPECT_EQ(neighbour.evidence, Evidence::request);
    host.receive(known::arp_request);
    EXPECT_THAT(host.learnt(), IsEmpty());
}

TEST(Control, news_that_nobody_takes_are_bounded_and_counted) {
    TestHost host{quiet_of_two()};
    for (int i = 0; i < 10'000; ++i) {
        host.receive(arp_reply_from_peer());
    }
    const auto told = host.learnt().size();
    EXPECT_LT(told, 1000U);
    EXPECT_EQ(host.count(ControlCounter::news_lost), 10'000 - told);
}

/// A1.many_addresses: the rings between workers have not room for all at once.
TEST(Control, how_many_claims_ended_is_told_in_parts) {
    constexpr std::uint32_t count = 1000;
    Interface interface = usual_interface();
    interface.ipv4.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
        interface.ipv4.push_back(
            {wire::Ipv4Addr::from_value(wire::Ipv4Addr{198, 18, 4, 0}.value() + i), 16});
    }
    TestHost first{of_two(0), interface};
    TestHost late{of_two(1), interface};
    for (int i = 0; i < 1'200; ++i) {
        first.pass(10ms);
        static_cast<void>(first.learnt()); // The rings were full.
    }
    EXPECT_TRUE(first.control.ipv4_claims().all_usable());
    EXPECT_FALSE(late.control.ipv4_claims().usable(interface.ipv4.front().address));
    for (int i = 0; i < 1'000; ++i) {
        first.pass(10ms);
        const auto news = first.learnt();
        EXPECT_LE(news.size(), 128U);
        for (const Learnt& each : news) {
            late.control.learn_from_peer(each, late.now);
        }
    }
    EXPECT_TRUE(late.control.ipv4_claims().all_usable());
    EXPECT_TRUE(late.control.ipv6_claims().all_usable());
    EXPECT_EQ(first.count(ControlCounter::news_lost), 0U);
}

TEST(Control, router_is_told) {
    TestHost first{quiet_of_two()};
    TestHost second{quiet_of_two()};
    wire::RouterAdvertisement message;
    message.lifetime_s = 100;
    message.mtu = 1300;
    message.source_mac = peer::mac;
    first.receive(nd_frame(message, peer::link_local, wire::Ipv6Addr::all_nodes));
    tell(first, second);
    EXPECT_EQ(second.control.default_router(second.now), peer::link_local);
    EXPECT_EQ(second.control.ipv6_mtu(), 1300);
    EXPECT_NE(second.neighbours6.find(peer::link_local), Neighbours<wire::Ipv6Addr>::none);
    const wire::NeighbourAdvertisement no_router{
        .target = peer::link_local, .solicited = true, .target_mac = peer::mac};
    first.receive(nd_frame(no_router, peer::link_local, ours::link_local));
    tell(first, second);
    EXPECT_EQ(second.control.default_router(second.now), std::nullopt);
}

TEST(Control, one_worker_claims_and_the_other_is_told) {
    TestHost first{of_two(0)};
    TestHost second{of_two(1)};
    EXPECT_FALSE(second.control.may_use(ours::ip4));
    EXPECT_FALSE(second.control.may_use(ours::ip6));
    EXPECT_THAT(second.pass(20s), IsEmpty()) << "it does not speak for the port";
    EXPECT_FALSE(second.control.may_use(ours::ip4));
    EXPECT_FALSE(first.pass(20s).empty());
    EXPECT_TRUE(first.control.may_use(ours::ip4));
    tell(first, second);
    EXPECT_TRUE(second.control.may_use(ours::ip4));
    EXPECT_TRUE(second.control.may_use(ours::ip6));
    EXPECT_TRUE(second.control.may_use(ours::link_local));
    EXPECT_EQ(second.receive(known::solicitation).frame, known::advertisement);
}

TEST(Control, conflict_seen_by_the_other_worker_ends_the_claim) {
    TestHost first{of_two(0)};
    TestHost second{of_two(1)};
    first.pass(1100ms);
    EXPECT_EQ(second.receive(known::probe6).result.drop, Drop::nd_conflict);
    tell(second, first);
    EXPECT_EQ(first.control.ipv6_claims().state(ours::ip6), ClaimState::lost);
    first.pass(20s);
    tell(first, second);
    EXPECT_FALSE(first.control.may_use(ours::ip6));
    EXPECT_FALSE(second.control.may_use(ours::ip6));
    EXPECT_TRUE(second.control.may_use(ours::link_local));
}

/// The other worker had not heard yet that the address is ours.
TEST(Control, conflict_seen_too_late_is_overruled) {
    TestHost first{of_two(0)};
    TestHost second{of_two(1)};
    first.pass(20s);
    second.receive(known::probe6);
    EXPECT_EQ(second.control.ipv6_claims().state(ours::ip6), ClaimState::lost);
    tell(second, first);
    EXPECT_TRUE(first.control.may_use(ours::ip6));
    tell(first, second);
    EXPECT_TRUE(second.control.may_use(ours::ip6));
}

TEST(Control, worker_that_missed_how_a_claim_ended_is_told_again) {
    TestHost first{of_two(0)};
    TestHost second{of_two(1)};
    first.pass(1100ms);
    first.receive(known::probe6);
    first.pass(20s);
    first.learnt(); // The ring was full.
    EXPECT_FALSE(second.control.may_use(ours::ip4));
    first.pass(10s + 10ms);
    tell(first, second);
    EXPECT_TRUE(second.control.may_use(ours::ip4));
    EXPECT_TRUE(second.control.may_use(ours::link_local));
    EXPECT_EQ(second.control.ipv6_claims().state(ours::ip6), ClaimState::lost);
}

TEST(Control, undecided_claims_are_not_told) {
    ControlOptions options = of_two(0);
    options.ipv4_probes = 200;
    TestHost first{options};
    TestHost second{of_two(1)};
    first.pass(30s);
    tell(first, second);
    EXPECT_EQ(second.control.ipv4_claims().state(ours::ip4), ClaimState::waiting);
    EXPECT_TRUE(second.control.may_use(ours::ip6));
}

TEST(Control, timers_of_all_three_share_a_wheel) {
    TestHost host{ControlOptions{}};
    static_cast<void>(host.neighbours4.acquire(peer::ip4, host.now));
    static_cast<void>(host.neighbours6.acquire(peer::link_local, host.now));
    host.pass(60s);
    EXPECT_EQ(host.neighbours4.state(host.neighbours4.find(peer::ip4)), State::failed);
    EXPECT_EQ(host.neighbours6.state(host.neighbours6.find(peer::link_local)), State::failed);
    EXPECT_TRUE(host.control.may_use(ours::ip6));
    EXPECT_EQ(host.wheel.size(), 0U);
}

TEST(Control, destruction_leaves_nothing_in_the_wheel) {
    TestHost host;
    {
        Neighbours<wire::Ipv4Addr> neighbours4{host.wheel, 1, SipKey{}};
        Neighbours<wire::Ipv6Addr> neighbours6{host.wheel, 2, SipKey{}};
        Control control{host.interface, neighbours4,      neighbours6, host.wheel, 3,
                        SipKey{},       ControlOptions{}, host.now};
        control.take_frames([] { return true; }, [](std::span<const std::byte>) {}, host.now);
        EXPECT_EQ(host.wheel.size(), 1U);
    }
    EXPECT_EQ(host.wheel.size(), 0U);
}

/// Noise of every kind: whatever a frame says, it is dropped, answered in bounds, or taken.
TEST(Control, changed_frames_do_no_harm) {
    const Bytes* const frames[] = {&known::arp_request,   &known::echo_request,
                                   &known::echo6_request, &known::solicitation,
                                   &known::advertisement, &known::probe6,
                                   &known::udp,           &known::udp6,
                                   &known::group_report,  &known::port_unreachable,
                                   &known::arp_reply,     &known::port_unreachable6};
    for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
        std::mt19937_64 random{seed};
        TestHost host{seed % 2 == 0 ? quiet() : ControlOptions{}};
        Bytes frame = *frames[random() % std::size(frames)];
        for (std::uint64_t changes = random() % 4 + 1; changes > 0; --changes) {
            frame[12 + random() % (frame.size() - 12)] = static_cast<std::byte>(random());
        }
        if (random() % 4 == 0) {
            frame.resize(random() % frame.size());
        }
        const std::size_t room = random() % 2 == 0 ? 0 : Control::reply_room;
        const Answer answer = host.receive(frame, room);
        ASSERT_LE(answer.result.length, frame.size() + room) << "seed " << seed;
        if (answer.result.kind == Control::Result::Kind::reply) {
            ASSERT_EQ(read_ethernet(answer.frame).source, ours::mac) << "seed " << seed;
        }
    }
}

// The rate limit

TEST(TokenBucket, burst_then_rate) {
    TokenBucket bucket{100, 3};
    const Instant start{1h};
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(bucket.take(start));
    }
    EXPECT_FALSE(bucket.take(start));
    EXPECT_FALSE(bucket.take(start + 9ms));
    EXPECT_TRUE(bucket.take(start + 10ms));
    EXPECT_FALSE(bucket.take(start + 10ms));
}

TEST(TokenBucket, long_run_keeps_the_rate) {
    TokenBucket bucket{1000, 50};
    Instant now{1h};
    int taken = 0;
    for (int i = 0; i < 100'000; ++i) {
        now += 100us;
        taken += bucket.take(now) ? 1 : 0;
    }
    EXPECT_GE(taken, 10'000);
    EXPECT_LE(taken, 10'050);
}

} // namespace
} // namespace millrace::stack
