// A1: neighbour discovery, duplicate address detection, routers, and group membership.

#include "wire/nd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_support.hpp"
#include "known_frames.hpp"

#include <optional>
#include <set>
#include <variant>

namespace millrace::stack {
namespace {

using Kind = Control::Result::Kind;
using State = NeighbourState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using wire::Drop;
using wire::NeighbourAdvertisement;
using wire::NeighbourSolicitation;
using wire::RouterAdvertisement;

constexpr wire::MacAddr other_mac{{2, 0, 0, 0, 0, 9}};
constexpr wire::Ipv6Addr other_ip{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
constexpr wire::Ipv6Addr far_away{{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};

std::optional<State> state_of(const TestHost& host, const wire::Ipv6Addr& address) {
    const std::uint32_t index = host.neighbours6.find(address);
    return index == Neighbours<wire::Ipv6Addr>::none ? std::nullopt
                                                     : std::optional{host.neighbours6.state(index)};
}

const wire::MacAddr& mac_of(const TestHost& host, const wire::Ipv6Addr& address) {
    return host.neighbours6.mac(host.neighbours6.find(address));
}

// Solicitations that arrive

// A1.nd
TEST(Nd, solicitation_is_answered_as_linux_does) {
    TestHost host;
    const Answer answer = host.receive(known::solicitation);
    EXPECT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(answer.result.drop, Drop::none);
    EXPECT_EQ(answer.frame, known::advertisement);
    EXPECT_EQ(host.receive(tagged(known::solicitation)).frame, tagged(known::advertisement));
    EXPECT_EQ(host.count(ControlCounter::advertisements_sent), 2U);
}

TEST(Nd, solicitation_makes_its_sender_known) {
    TestHost host;
    host.receive(known::solicitation);
    EXPECT_EQ(state_of(host, peer::ip6), State::stale);
    EXPECT_EQ(mac_of(host, peer::ip6), peer::mac);
}

TEST(Nd, solicitation_from_another_subnet_is_answered_but_not_remembered) {
    TestHost host;
    const NeighbourSolicitation message{.target = ours::ip6, .source_mac = peer::mac};
    EXPECT_EQ(host.receive(nd_frame(message, far_away, ours::ip6)).result.kind, Kind::reply);
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, unicast_solicitation_without_an_address_is_answered_to_the_frames_sender) {
    TestHost host;
    const Answer answer =
        host.receive(nd_frame(NeighbourSolicitation{.target = ours::ip6}, peer::ip6, ours::ip6));
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(read_ethernet(answer.frame).destination, peer::mac);
    EXPECT_EQ(read_nd<NeighbourAdvertisement>(answer.frame).target_mac, ours::mac);
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, reply_that_does_not_fit_is_left_out) {
    TestHost host;
    constexpr std::size_t no_room = 0;
    const Answer answer = host.receive(
        nd_frame(NeighbourSolicitation{.target = ours::ip6}, peer::ip6, ours::ip6), no_room);
    EXPECT_EQ(answer.result.drop, Drop::tx_too_long);
    EXPECT_EQ(host.receive(known::solicitation, no_room).result.kind, Kind::reply);
}

TEST(Nd, solicitation_for_somebody_else_is_dropped) {
    TestHost host;
    const NeighbourSolicitation message{.target = other_ip, .source_mac = peer::mac};
    EXPECT_EQ(host.receive(nd_frame(message, peer::ip6, ours::ip6)).result.drop,
              Drop::nd_not_for_us);
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, solicitation_from_beyond_a_router_is_dropped) {
    TestHost host;
    const NeighbourSolicitation message{.target = ours::ip6, .source_mac = peer::mac};
    EXPECT_EQ(host.receive(nd_frame(message, peer::ip6, ours::ip6, 254)).result.drop,
              Drop::nd_hop_limit);
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, probe_for_our_address_is_answered_to_all) {
    TestHost host;
    const Answer answer = host.receive(known::probe6);
    ASSERT_EQ(answer.result.kind, Kind::reply);
    EXPECT_EQ(read_ethernet(answer.frame).destination,
              wire::multicast_mac(wire::Ipv6Addr::all_nodes));
    EXPECT_EQ(read_ipv6(answer.frame).source, ours::ip6);
    EXPECT_EQ(read_ipv6(answer.frame).destination, wire::Ipv6Addr::all_nodes);
    EXPECT_EQ(
        read_nd<NeighbourAdvertisement>(answer.frame),
        (NeighbourAdvertisement{.target = ours::ip6, .override = true, .target_mac = ours::mac}));
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

// Asking

// A1.nd
TEST(Nd, neighbour_is_asked_for_and_believed) {
    TestHost host;
    const std::uint32_t index = host.neighbours6.acquire(peer::ip6, host.now);
    const auto frames = host.frames();
    ASSERT_THAT(frames, SizeIs(1));
    const wire::Ipv6Addr group = peer::ip6.solicited_node();
    EXPECT_EQ(read_ethernet(frames[0]).destination, wire::multicast_mac(group));
    EXPECT_EQ(read_ipv6(frames[0]).source, ours::ip6);
    EXPECT_EQ(read_ipv6(frames[0]).destination, group);
    EXPECT_EQ(read_ipv6(frames[0]).hop_limit, 255);
    EXPECT_EQ(read_nd<NeighbourSolicitation>(frames[0]),
              (NeighbourSolicitation{.target = peer::ip6, .source_mac = ours::mac}));

    const NeighbourAdvertisement answer{
        .target = peer::ip6, .solicited = true, .override = true, .target_mac = peer::mac};
    EXPECT_EQ(host.receive(nd_frame(answer, peer::ip6, ours::ip6)).result.kind, Kind::done);
    EXPECT_EQ(host.neighbours6.state(index), State::reachable);
    EXPECT_EQ(host.neighbours6.mac(index), peer::mac);
}

TEST(Nd, link_local_neighbour_is_asked_from_our_link_local_address) {
    TestHost host;
    static_cast<void>(host.neighbours6.acquire(peer::link_local, host.now));
    const auto frames = host.frames();
    ASSERT_THAT(frames, SizeIs(1));
    EXPECT_EQ(read_ipv6(frames[0]).source, ours::link_local);
}

TEST(Nd, stale_neighbour_is_asked_where_it_was) {
    TestHost host;
    host.receive(known::solicitation);
    const std::uint32_t index = host.neighbours6.acquire(peer::ip6, host.now);
    ASSERT_TRUE(host.neighbours6.usable(index, host.now));
    const auto sent = host.pass(5s + 50ms);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(read_ethernet(sent[0].frame).destination, peer::mac);
    EXPECT_EQ(read_ipv6(sent[0].frame).destination, peer::ip6);
    // As Linux answers a unicast question: without its address.
    const NeighbourAdvertisement answer{.target = peer::ip6, .solicited = true};
    host.receive(nd_frame(answer, peer::ip6, ours::link_local));
    EXPECT_EQ(host.neighbours6.state(index), State::reachable);
    EXPECT_EQ(host.neighbours6.mac(index), peer::mac);
}

/// The flags arrive where the cache's table (neighbours_test.cpp) wants them.
TEST(Nd, flags_of_an_advertisement_are_evidence) {
    struct Case {
        bool solicited;
        bool override;
        State state;
        wire::MacAddr mac;
    };
    for (const auto& [solicited, override, state, mac] :
         {Case{false, false, State::stale, peer::mac}, Case{false, true, State::stale, other_mac},
          Case{true, false, State::stale, peer::mac},
          Case{true, true, State::reachable, other_mac}}) {
        TestHost host;
        const std::uint32_t index = host.neighbours6.acquire(peer::ip6, host.now);
        host.neighbours6.learn(peer::ip6, peer::mac, Evidence::solicited_override, host.now);
        const NeighbourAdvertisement message{.target = peer::ip6,
                                             .solicited = solicited,
                                             .override = override,
                                             .target_mac = other_mac};
        host.receive(nd_frame(message, peer::ip6, ours::ip6));
        EXPECT_EQ(host.neighbours6.state(index), state) << solicited << override;
        EXPECT_EQ(host.neighbours6.mac(index), mac) << solicited << override;
    }
}

TEST(Nd, advertisement_of_a_stranger_makes_no_entry) {
    TestHost host;
    const NeighbourAdvertisement message{
        .target = other_ip, .override = true, .target_mac = other_mac};
    host.receive(nd_frame(message, other_ip, wire::Ipv6Addr::all_nodes));
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, redirects_and_router_solicitations_change_nothing) {
    TestHost host;
    EXPECT_EQ(host.receive(nd_frame(wire::RouterSolicitation{.source_mac = peer::mac},
                                    peer::link_local, wire::Ipv6Addr::all_nodes))
                  .result.drop,
              Drop::nd_not_for_us);
    Bytes message(40);
    message[0] = std::byte{wire::icmpv6_type::redirect};
    auto& header = wire::header_at<wire::IcmpHeader>(message.data());
    header.checksum =
        wire::finish(wire::sum(message) + wire::pseudo_header_sum(peer::link_local, ours::ip6,
                                                                  wire::ip_protocol::icmpv6, 40));
    EXPECT_EQ(host.receive(ipv6_frame({.source = peer::link_local,
                                       .destination = ours::ip6,
                                       .protocol = wire::ip_protocol::icmpv6,
                                       .hop_limit = 255},
                                      message))
                  .result.kind,
              Kind::done);
    EXPECT_EQ(host.count(ControlCounter::redirects_ignored), 1U);
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, frames_cut_short_are_dropped) {
    for (const Bytes& whole : {known::solicitation, known::probe6, known::advertisement}) {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            TestHost host;
            Bytes cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)};
            cut.shrink_to_fit();
            EXPECT_EQ(host.receive(cut, 0).result.kind, Kind::drop) << length;
            EXPECT_EQ(host.neighbours6.size(), 0U) << length;
        }
    }
}

/// The packet is whole, but the message in it ends early.
TEST(Nd, messages_cut_short_are_dropped) {
    const Bytes whole = nd_frame(
        NeighbourSolicitation{.target = ours::ip6, .source_mac = peer::mac}, peer::ip6, ours::ip6);
    for (std::size_t length = 0; length < 32; ++length) {
        TestHost host;
        Bytes message{whole.begin() + 54, whole.begin() + 54 + static_cast<std::ptrdiff_t>(length)};
        if (length >= wire::icmp_header_bytes) {
            auto& header = wire::header_at<wire::IcmpHeader>(message.data());
            header.checksum = std::uint16_t{0};
            header.checksum = wire::finish(
                wire::sum(message) + wire::pseudo_header_sum(peer::ip6, ours::ip6,
                                                             wire::ip_protocol::icmpv6,
                                                             static_cast<std::uint32_t>(length)));
        }
        const Bytes frame = ipv6_frame({.source = peer::ip6,
                                        .destination = ours::ip6,
                                        .protocol = wire::ip_protocol::icmpv6,
                                        .hop_limit = 255},
                                       message);
        const Answer answer = host.receive(frame);
        // A solicitation may do without its option.
        EXPECT_EQ(answer.result.kind, length == 24 ? Kind::reply : Kind::drop) << length;
        EXPECT_EQ(host.neighbours6.size(), 0U) << length;
    }
}

// Duplicate address detection

ControlOptions speaking() {
    ControlOptions options;
    options.accept_router_advertisements = false;
    return options;
}

Interface only_ipv6() {
    Interface interface = usual_interface();
    interface.ipv4.clear();
    return interface;
}

std::vector<Sent> of_type(const std::vector<Sent>& all, std::uint8_t type) {
    std::vector<Sent> some;
    for (const Sent& sent : all) {
        if (icmpv6_type_of(sent.frame) == type) {
            some.push_back(sent);
        }
    }
    return some;
}

// A1.dad
TEST(Nd, own_addresses_are_probed_then_announced) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        TestHost host{speaking(), only_ipv6(), seed};
        const Instant start = host.now;
        EXPECT_FALSE(host.control.may_use(ours::ip6));
        const auto sent = host.pass(10s);
        const auto probes = of_type(sent, wire::icmpv6_type::neighbour_solicitation);
        ASSERT_THAT(probes, SizeIs(2));
        std::set<std::string> targets;
        for (const Sent& probe : probes) {
            EXPECT_LE(probe.at - start, 1s + 20ms);
            const auto message = read_nd<NeighbourSolicitation>(probe.frame);
            EXPECT_EQ(message.source_mac, std::nullopt);
            EXPECT_TRUE(read_ipv6(probe.frame).source.is_unspecified());
            EXPECT_EQ(read_ipv6(probe.frame).destination, message.target.solicited_node());
            EXPECT_EQ(read_ethernet(probe.frame).source, ours::mac);
            targets.insert(message.target.to_string());
        }
        EXPECT_THAT(targets, ElementsAre(ours::ip6.to_string(), ours::link_local.to_string()));
        const auto announcements = of_type(sent, wire::icmpv6_type::neighbour_advertisement);
        ASSERT_THAT(announcements, SizeIs(2));
        for (const Sent& announcement : announcements) {
            const auto message = read_nd<NeighbourAdvertisement>(announcement.frame);
            EXPECT_EQ(message,
                      (NeighbourAdvertisement{
                          .target = message.target, .override = true, .target_mac = ours::mac}));
            EXPECT_EQ(read_ipv6(announcement.frame).destination, wire::Ipv6Addr::all_nodes);
            const bool one_second_later =
                std::any_of(probes.begin(), probes.end(), [&](const Sent& probe) {
                    const auto wait = announcement.at - probe.at;
                    return read_nd<NeighbourSolicitation>(probe.frame).target == message.target &&
                           wait >= 1s - 10ms && wait <= 1s + 20ms;
                });
            EXPECT_TRUE(one_second_later);
        }
        EXPECT_TRUE(host.control.may_use(ours::ip6));
        EXPECT_TRUE(host.control.may_use(ours::link_local));
        EXPECT_EQ(host.wheel.size(), 0U) << "nothing is left to do";
    }
}

// A1.dad
TEST(Nd, tentative_address_answers_nothing) {
    TestHost host{speaking(), only_ipv6()};
    EXPECT_EQ(host.receive(known::solicitation).result.drop, Drop::nd_not_for_us);
    EXPECT_EQ(host.neighbours6.size(), 0U);
    EXPECT_FALSE(host.control.may_use(ours::ip6));
    EXPECT_EQ(host.control.ipv6_claims().state(ours::ip6), ClaimState::waiting)
        << "a question for it is no conflict";
    static_cast<void>(host.neighbours6.acquire(peer::ip6, host.now));
    for (const Bytes& frame : host.frames()) {
        EXPECT_NE(icmpv6_type_of(frame), wire::icmpv6_type::neighbour_solicitation)
            << "nobody can be asked yet";
    }
}

TEST(Nd, detection_can_be_off) {
    ControlOptions options = speaking();
    options.ipv6_probes = 0;
    TestHost host{options, only_ipv6()};
    EXPECT_TRUE(host.control.may_use(ours::ip6));
    EXPECT_EQ(host.receive(known::solicitation).frame, known::advertisement);
    EXPECT_THAT(of_type(host.pass(10s), wire::icmpv6_type::neighbour_solicitation), IsEmpty());
}

TEST(Nd, address_advertised_by_somebody_else_ends_the_claim) {
    TestHost host{speaking(), only_ipv6()};
    host.pass(1100ms);
    const NeighbourAdvertisement theirs{
        .target = ours::ip6, .override = true, .target_mac = other_mac};
    const Answer answer = host.receive(nd_frame(theirs, ours::ip6, wire::Ipv6Addr::all_nodes));
    EXPECT_EQ(answer.result.drop, Drop::nd_conflict);
    EXPECT_EQ(host.control.ipv6_claims().state(ours::ip6), ClaimState::lost);
    EXPECT_FALSE(host.control.may_use(ours::ip6));
    const auto conflicts = host.conflicts();
    ASSERT_THAT(conflicts, SizeIs(1));
    EXPECT_EQ(std::get<wire::Ipv6Addr>(conflicts[0].address), ours::ip6);
    EXPECT_EQ(conflicts[0].rival, other_mac);
    EXPECT_TRUE(conflicts[0].lost);
    host.pass(10s);
    EXPECT_FALSE(host.control.may_use(ours::ip6));
    EXPECT_TRUE(host.control.may_use(ours::link_local)) << "the other address is ours";
    EXPECT_EQ(host.receive(known::solicitation).result.drop, Drop::nd_not_for_us);
}

TEST(Nd, nothing_else_comes_from_our_own_address) {
    TestHost host;
    EXPECT_EQ(host.receive(nd_frame(NeighbourSolicitation{.target = ours::link_local}, ours::ip6,
                                    ours::link_local))
                  .result.drop,
              Drop::ip_own_source);
    const NeighbourAdvertisement theirs{.target = ours::ip6, .target_mac = other_mac};
    EXPECT_EQ(host.receive(nd_frame(theirs, ours::ip6, wire::Ipv6Addr::all_nodes, 64)).result.drop,
              Drop::ip_own_source);
}

TEST(Nd, probe_at_the_same_time_is_a_conflict) {
    TestHost host{speaking(), only_ipv6()};
    host.pass(1100ms);
    EXPECT_EQ(host.receive(known::probe6).result.drop, Drop::nd_conflict);
    EXPECT_EQ(host.control.ipv6_claims().state(ours::ip6), ClaimState::lost);
    EXPECT_EQ(host.count(ControlCounter::address_conflicts), 1U);
}

TEST(Nd, our_own_probe_coming_back_is_no_conflict) {
    TestHost host{speaking(), only_ipv6()};
    for (const Sent& sent : host.pass(1100ms)) {
        host.receive(sent.frame);
    }
    EXPECT_EQ(host.count(ControlCounter::address_conflicts), 0U);
    host.pass(5s);
    EXPECT_TRUE(host.control.may_use(ours::ip6));
}

TEST(Nd, settled_address_is_kept_in_a_conflict) {
    TestHost host;
    const NeighbourAdvertisement theirs{
        .target = ours::ip6, .override = true, .target_mac = other_mac};
    const Answer answer = host.receive(nd_frame(theirs, ours::ip6, wire::Ipv6Addr::all_nodes));
    EXPECT_EQ(answer.result.drop, Drop::nd_conflict);
    EXPECT_TRUE(host.control.may_use(ours::ip6));
    const auto conflicts = host.conflicts();
    ASSERT_THAT(conflicts, SizeIs(1));
    EXPECT_FALSE(conflicts[0].lost);
}

// Routers

RouterAdvertisement router(std::uint16_t lifetime_s) {
    RouterAdvertisement message;
    message.lifetime_s = lifetime_s;
    message.source_mac = peer::mac;
    return message;
}

Bytes router_frame(const RouterAdvertisement& message,
                   const wire::Ipv6Addr& source = peer::link_local) {
    return nd_frame(message, source, wire::Ipv6Addr::all_nodes);
}

// A1.ra
TEST(Nd, router_serves_for_its_lifetime) {
    TestHost host;
    EXPECT_EQ(host.control.next_hop(far_away, host.now), std::nullopt);
    EXPECT_EQ(host.receive(router_frame(router(1800))).result.kind, Kind::done);
    EXPECT_EQ(host.control.next_hop(far_away, host.now), peer::link_local);
    EXPECT_EQ(host.control.next_hop(peer::ip6, host.now), peer::ip6) << "the link comes first";
    EXPECT_EQ(state_of(host, peer::link_local), State::stale);
    EXPECT_EQ(mac_of(host, peer::link_local), peer::mac);
    host.now += 1799s;
    EXPECT_NE(host.control.next_hop(far_away, host.now), std::nullopt);
    host.now += 2s;
    EXPECT_EQ(host.control.next_hop(far_away, host.now), std::nullopt);
    host.receive(router_frame(router(1800)));
    EXPECT_NE(host.control.next_hop(far_away, host.now), std::nullopt);
    host.receive(router_frame(router(0)));
    EXPECT_EQ(host.control.next_hop(far_away, host.now), std::nullopt) << "it withdrew";
}

TEST(Nd, router_that_says_it_is_none_any_more_is_left) {
    TestHost host;
    host.receive(router_frame(router(1800)));
    NeighbourAdvertisement message{
        .target = peer::link_local, .router = true, .solicited = true, .target_mac = peer::mac};
    host.receive(nd_frame(message, peer::link_local, ours::link_local));
    EXPECT_NE(host.control.default_router(host.now), std::nullopt);
    message.router = false;
    host.receive(nd_frame(message, peer::link_local, ours::link_local));
    EXPECT_EQ(host.control.default_router(host.now), std::nullopt);
}

TEST(Nd, router_that_answers_goes_before_one_that_does_not) {
    TestHost host;
    const auto second = wire::Ipv6Addr::link_local_from(other_mac);
    host.receive(router_frame(router(1800)));
    auto message = router(1800);
    message.source_mac = other_mac;
    host.receive(router_frame(message, second));
    EXPECT_EQ(host.control.default_router(host.now), peer::link_local);
    const std::uint32_t index = host.neighbours6.acquire(peer::link_local, host.now);
    ASSERT_TRUE(host.neighbours6.usable(index, host.now));
    host.pass(10s); // It answers no probe.
    ASSERT_EQ(host.neighbours6.state(index), State::failed);
    EXPECT_EQ(host.control.default_router(host.now), second);
    host.receive(router_frame(router(0), second));
    EXPECT_EQ(host.control.default_router(host.now), peer::link_local) << "better than none";
}

TEST(Nd, routers_beyond_the_limit_are_ignored) {
    TestHost host;
    for (std::uint8_t number = 1; number <= 100; ++number) {
        const wire::MacAddr mac{{2, 0, 0, 0, 1, number}};
        auto message = router(1800);
        message.source_mac = mac;
        host.receive(router_frame(message, wire::Ipv6Addr::link_local_from(mac)));
    }
    EXPECT_EQ(host.control.default_router(host.now),
              wire::Ipv6Addr::link_local_from({{2, 0, 0, 0, 1, 1}}));
}

TEST(Nd, configured_gateway_goes_before_an_advertised_one) {
    Interface interface = usual_interface();
    interface.gateway6 = other_ip;
    TestHost host{quiet(), interface};
    host.receive(router_frame(router(1800)));
    EXPECT_EQ(host.control.next_hop(far_away, host.now), other_ip);
}

TEST(Nd, routers_are_ignored_where_that_is_configured) {
    ControlOptions options = quiet();
    options.accept_router_advertisements = false;
    TestHost host{options};
    EXPECT_EQ(host.receive(router_frame(router(1800))).result.kind, Kind::done);
    EXPECT_EQ(host.control.default_router(host.now), std::nullopt);
    EXPECT_EQ(host.neighbours6.size(), 0U);
}

TEST(Nd, advertisement_from_a_global_address_or_from_afar_is_dropped) {
    TestHost host;
    EXPECT_EQ(host.receive(router_frame(router(1800), peer::ip6)).result.drop, Drop::nd_bad_source);
    EXPECT_EQ(host.receive(nd_frame(router(1800), peer::link_local, wire::Ipv6Addr::all_nodes, 64))
                  .result.drop,
              Drop::nd_hop_limit);
    EXPECT_EQ(host.control.default_router(host.now), std::nullopt);
}

TEST(Nd, mtu_of_a_router_is_taken_within_bounds) {
    TestHost host;
    EXPECT_EQ(host.control.ipv6_mtu(), 1500);
    const auto with_mtu = [](std::uint32_t mtu) {
        auto message = router(1800);
        message.mtu = mtu;
        return router_frame(message);
    };
    host.receive(with_mtu(1279));
    EXPECT_EQ(host.control.ipv6_mtu(), 1500);
    host.receive(with_mtu(9000));
    EXPECT_EQ(host.control.ipv6_mtu(), 1500);
    host.receive(with_mtu(1400));
    EXPECT_EQ(host.control.ipv6_mtu(), 1400);
    host.receive(with_mtu(1280));
    EXPECT_EQ(host.control.ipv6_mtu(), 1280);
}

TEST(Nd, timing_of_a_router_is_taken_within_bounds) {
    TestHost host;
    auto message = router(1800);
    message.reachable_ms = 60'000;
    message.retransmit_ms = 2'000;
    host.receive(router_frame(message));
    EXPECT_EQ(host.neighbours6.times().reachable, 60s);
    EXPECT_EQ(host.neighbours6.times().retransmit, 2s);
    message.reachable_ms = UINT32_MAX;
    message.retransmit_ms = 1;
    host.receive(router_frame(message));
    EXPECT_EQ(host.neighbours6.times().reachable, 3600s);
    EXPECT_EQ(host.neighbours6.times().retransmit, 100ms);
    host.receive(router_frame(router(1800)));
    EXPECT_EQ(host.neighbours6.times().reachable, 3600s) << "unspecified changes nothing";
}

TEST(Nd, routers_are_looked_for_until_one_answers) {
    ControlOptions options;
    TestHost host{options, only_ipv6()};
    const auto asked = of_type(host.pass(30s), wire::icmpv6_type::router_solicitation);
    ASSERT_THAT(asked, SizeIs(3));
    EXPECT_EQ(asked[0].frame, known::router_solicitation);
    for (std::size_t i = 1; i < asked.size(); ++i) {
        EXPECT_GE(asked[i].at - asked[i - 1].at, 4s - 10ms);
        EXPECT_LE(asked[i].at - asked[i - 1].at, 4s + 20ms);
    }

    TestHost answered{options, only_ipv6()};
    std::vector<Sent> before;
    while (before.empty()) {
        before = of_type(answered.pass(100ms), wire::icmpv6_type::router_solicitation);
    }
    answered.receive(router_frame(router(1800)));
    EXPECT_THAT(of_type(answered.pass(30s), wire::icmpv6_type::router_solicitation), IsEmpty());
}

TEST(Nd, routers_are_not_looked_for_with_a_gateway) {
    Interface interface = only_ipv6();
    interface.gateway6 = peer::link_local;
    TestHost host{ControlOptions{}, interface};
    EXPECT_THAT(of_type(host.pass(30s), wire::icmpv6_type::router_solicitation), IsEmpty());
}

// Multicast listener discovery

constexpr std::uint8_t report_type = 143;

TEST(Nd, groups_are_reported_as_linux_does) {
    TestHost host{speaking(), only_ipv6()};
    const auto first = host.frames();
    ASSERT_THAT(first, SizeIs(1)) << "before any probe goes out";
    EXPECT_EQ(first[0], known::group_report_from_nobody);
    const auto reports = of_type(host.pass(30s), report_type);
    ASSERT_THAT(reports, SizeIs(2));
    EXPECT_EQ(reports[0].frame, known::group_report_from_nobody);
    EXPECT_EQ(reports[1].frame, known::group_report);
}

Bytes query(const wire::Ipv6Addr& group, std::uint16_t delay_ms, std::uint8_t hop_limit = 1) {
    Bytes message(28);
    message[0] = std::byte{130};
    message[4] = static_cast<std::byte>(delay_ms >> 8);
    message[5] = static_cast<std::byte>(delay_ms);
    std::copy(group.bytes.begin(), group.bytes.end(),
              reinterpret_cast<std::uint8_t*>(message.data() + 8));
    auto& header = wire::header_at<wire::IcmpHeader>(message.data());
    header.checksum = wire::finish(
        wire::sum(message) + wire::pseudo_header_sum(peer::link_local, wire::Ipv6Addr::all_nodes,
                                                     wire::ip_protocol::icmpv6, 28));
    return ipv6_frame({.source = peer::link_local,
                       .destination = wire::Ipv6Addr::all_nodes,
                       .protocol = wire::ip_protocol::hop_by_hop,
                       .hop_limit = hop_limit},
                      message, hex("3a00 0502 0000 0100"),
                      wire::multicast_mac(wire::Ipv6Addr::all_nodes));
}

TEST(Nd, query_for_groups_is_answered_within_its_time) {
    std::set<Duration> delays;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        TestHost host{quiet(), usual_interface(), seed};
        const Instant start = host.now;
        EXPECT_EQ(host.receive(query({}, 2000)).result.kind, Kind::done);
        EXPECT_EQ(host.receive(query({}, 2000)).result.kind, Kind::done);
        const auto reports = of_type(host.pass(10s), report_type);
        ASSERT_THAT(reports, SizeIs(1)) << "one answer for both";
        EXPECT_LE(reports[0].at - start, 2s + 20ms);
        delays.insert(reports[0].at - start);
        Bytes expected = known::group_report;
        expected[14 + 40 + 8 + 8] = std::byte{2}; // MODE_IS_EXCLUDE in place of a change.
        auto& sum = wire::header_at<BigEndian<std::uint16_t>>(expected.data() + 14 + 40 + 8 + 2);
        sum = wire::update_checksum(sum, std::uint16_t{0x0400}, std::uint16_t{0x0200});
        EXPECT_EQ(reports[0].frame, expected);
    }
    EXPECT_GT(delays.size(), 10U);
}

TEST(Nd, query_for_one_group_is_answered_when_it_is_ours) {
    TestHost host;
    host.receive(query(ours::ip6.solicited_node(), 1000));
    EXPECT_THAT(of_type(host.pass(3s), report_type), SizeIs(1));
    host.receive(query(other_ip.solicited_node(), 1000));
    EXPECT_THAT(of_type(host.pass(3s), report_type), IsEmpty());
    EXPECT_EQ(host.receive(query({}, 1000, 64)).result.drop, Drop::icmp_malformed);
    EXPECT_THAT(of_type(host.pass(3s), report_type), IsEmpty());
}

TEST(Nd, many_groups_take_many_reports) {
    Interface interface = only_ipv6();
    for (std::uint8_t number = 10; number < 60; ++number) {
        wire::Ipv6Addr address = ours::ip6;
        address.bytes[15] = number;
        interface.ipv6.push_back({address, 64});
    }
    TestHost host{speaking(), interface};
    std::set<std::string> groups;
    for (const Bytes& frame : host.frames()) {
        const auto packet = read_ipv6(frame);
        ASSERT_EQ(read_icmpv6(packet).type, report_type);
        EXPECT_LE(frame.size(), Control::frame_bytes_max);
        const std::size_t records = (packet.payload.size() - 8) / 20;
        EXPECT_EQ(std::to_integer<std::size_t>(packet.payload[7]), records);
        for (std::size_t i = 0; i < records; ++i) {
            wire::Ipv6Addr group;
            std::memcpy(group.bytes.data(), packet.payload.data() + 8 + i * 20 + 4, 16);
            EXPECT_TRUE(groups.insert(group.to_string()).second) << "once each";
        }
    }
    EXPECT_THAT(groups, SizeIs(51));
}

} // namespace
} // namespace millrace::stack
