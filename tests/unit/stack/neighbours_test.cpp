// A1 and E6: the neighbour cache, its states and ageing, the packets that wait for it, its limits.

#include "stack/neighbours.hpp"

#include "base/time.hpp"
#include "timer/wheel.hpp"
#include "wire/address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <type_traits>
#include <vector>

namespace millrace::stack {
namespace {

using State = NeighbourState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::uint8_t timer_kind = 5;
constexpr wire::MacAddr mac_a{{2, 0, 0, 0, 0, 0xa}};
constexpr wire::MacAddr mac_b{{2, 0, 0, 0, 0, 0xb}};

template <class Addr>
Addr host(std::uint8_t number) {
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        return {198, 18, 0, number};
    } else {
        return {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number}};
    }
}

/// A cache on a wheel of its own in virtual time.
template <class Addr>
class NeighboursTest : public testing::Test {
  protected:
    struct Question {
        Addr target;
        std::optional<wire::MacAddr> mac;
        bool operator==(const Question&) const = default;
    };

    explicit NeighboursTest(const NeighbourLimits& limits = {})
        : cache{wheel, timer_kind, SipKey{1, 2}, limits} {}

    /// Lets time pass in steps of 10 ms; what is asked meanwhile is in `asked`.
    void pass(Duration span) {
        const Instant end = now + span;
        while (now < end) {
            now = std::min(now + 10ms, end);
            wheel.advance(now, [&](timer::Node& node) {
                ASSERT_EQ(node.kind(), timer_kind);
                cache.deadline_passed(node, now);
            });
            take_questions();
        }
    }

    void take_questions() {
        const auto all = [] { return true; };
        cache.take_solicitations(all, [&](const Addr& target, std::optional<wire::MacAddr> mac) {
            asked.push_back({target, mac});
            asked_at.push_back(now);
        });
    }

    std::vector<Question> questions() {
        take_questions();
        asked_at.clear();
        return std::exchange(asked, {});
    }

    std::vector<std::uint64_t> ready() {
        std::vector<std::uint64_t> packets;
        cache.take_ready(
            [&](std::uint64_t packet, std::uint32_t /*index*/) { packets.push_back(packet); });
        return packets;
    }

    std::vector<std::uint64_t> failed() {
        std::vector<std::uint64_t> packets;
        cache.take_failed([&](std::uint64_t packet) { packets.push_back(packet); });
        return packets;
    }

    bool answer(const Addr& address, const wire::MacAddr& mac = mac_a) {
        return cache.learn(address, mac, Evidence::solicited_override, now);
    }

    /// An entry with one user in a state, its address (where one is known) `mac_a`.
    std::uint32_t make(State state, const Addr& address) {
        const std::uint32_t index = cache.acquire(address, now);
        switch (state) {
        case State::incomplete:
            break;
        case State::failed:
            pass(3s + 100ms);
            break;
        case State::reachable:
            answer(address);
            break;
        case State::stale:
            cache.learn(address, mac_a, Evidence::request, now);
            break;
        case State::delay:
            cache.learn(address, mac_a, Evidence::request, now);
            EXPECT_TRUE(cache.usable(index, now));
            break;
        case State::probe:
            cache.learn(address, mac_a, Evidence::request, now);
            EXPECT_TRUE(cache.usable(index, now));
            pass(5s + 100ms);
            break;
        }
        questions();
        EXPECT_EQ(cache.state(index), state);
        return index;
    }

    Instant now{1h};
    timer::Wheel wheel{now};
    Neighbours<Addr> cache;
    std::vector<Question> asked;
    std::vector<Instant> asked_at;
};

using Families = testing::Types<wire::Ipv4Addr, wire::Ipv6Addr>;
TYPED_TEST_SUITE(NeighboursTest, Families);

TYPED_TEST(NeighboursTest, new_neighbour_is_asked_for_by_multicast) {
    const auto target = host<TypeParam>(2);
    const std::uint32_t index = this->cache.acquire(target, this->now);
    ASSERT_NE(index, this->cache.none);
    EXPECT_EQ(this->cache.state(index), State::incomplete);
    EXPECT_FALSE(this->cache.usable(index, this->now));
    EXPECT_THAT(this->questions(), ElementsAre(typename TestFixture::Question{target, {}}));
    EXPECT_THAT(this->questions(), IsEmpty());
}

// A1.held
TYPED_TEST(NeighboursTest, answer_lets_held_packets_go_in_order) {
    const auto target = host<TypeParam>(2);
    const std::uint32_t index = this->cache.acquire(target, this->now);
    for (std::uint64_t packet = 1; packet <= 3; ++packet) {
        EXPECT_TRUE(this->cache.hold(index, packet));
    }
    EXPECT_THAT(this->ready(), IsEmpty());
    EXPECT_TRUE(this->answer(target));
    EXPECT_EQ(this->cache.state(index), State::reachable);
    EXPECT_TRUE(this->cache.usable(index, this->now));
    EXPECT_EQ(this->cache.mac(index), mac_a);
    EXPECT_THAT(this->ready(), ElementsAre(1, 2, 3));
    EXPECT_EQ(this->cache.held(), 0U);
    EXPECT_THAT(this->failed(), IsEmpty());
}

TYPED_TEST(NeighboursTest, ready_packets_come_with_their_own_neighbour) {
    const std::uint32_t two = this->cache.acquire(host<TypeParam>(2), this->now);
    const std::uint32_t three = this->cache.acquire(host<TypeParam>(3), this->now);
    ASSERT_TRUE(this->cache.hold(two, 20));
    ASSERT_TRUE(this->cache.hold(three, 30));
    this->answer(host<TypeParam>(3), mac_b);
    this->answer(host<TypeParam>(2), mac_a);
    std::vector<std::pair<std::uint64_t, std::uint32_t>> sent;
    this->cache.take_ready(
        [&](std::uint64_t packet, std::uint32_t index) { sent.emplace_back(packet, index); });
    EXPECT_THAT(
        sent, ElementsAre(std::pair{std::uint64_t{30}, three}, std::pair{std::uint64_t{20}, two}));
}

TYPED_TEST(NeighboursTest, answer_in_time_is_not_asked_for_again) {
    const std::uint32_t index = this->cache.acquire(host<TypeParam>(2), this->now);
    // The question is still waiting to be sent when another packet brings the answer.
    this->cache.learn(host<TypeParam>(2), mac_a, Evidence::request, this->now);
    EXPECT_THAT(this->questions(), IsEmpty());
    this->pass(10s);
    EXPECT_THAT(this->questions(), IsEmpty());
    EXPECT_EQ(this->cache.state(index), State::stale);
}

// A1.neighbours
TYPED_TEST(NeighboursTest, silence_fails_after_three_questions_a_second_apart) {
    const Instant start = this->now;
    const std::uint32_t index = this->cache.acquire(host<TypeParam>(2), this->now);
    ASSERT_TRUE(this->cache.hold(index, 7));
    ASSERT_TRUE(this->cache.hold(index, 8));
    this->take_questions();
    this->pass(2900ms);
    EXPECT_EQ(this->cache.state(index), State::incomplete);
    EXPECT_THAT(this->failed(), IsEmpty());
    this->pass(200ms);
    EXPECT_EQ(this->cache.state(index), State::failed);
    EXPECT_THAT(this->failed(), ElementsAre(7, 8));
    EXPECT_EQ(this->cache.held(), 0U);
    ASSERT_EQ(this->asked_at.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_GE(this->asked_at[i] - start, i * 1s);
        EXPECT_LE(this->asked_at[i] - start, i * 1s + 20ms);
    }
    this->pass(60s);
    EXPECT_EQ(this->asked_at.size(), 3U) << "nobody wants to know any more";
}

TYPED_TEST(NeighboursTest, failed_neighbour_is_asked_for_when_used_again) {
    const std::uint32_t index = this->make(State::failed, host<TypeParam>(2));
    EXPECT_FALSE(this->cache.hold(index, 1)) << "nobody has been asked";
    EXPECT_FALSE(this->cache.usable(index, this->now));
    EXPECT_EQ(this->cache.state(index), State::incomplete);
    EXPECT_EQ(this->questions().size(), 1U);
    EXPECT_TRUE(this->cache.hold(index, 1));
    EXPECT_FALSE(this->cache.usable(index, this->now));
    EXPECT_THAT(this->questions(), IsEmpty()) << "asked once a second, not once a packet";
    this->answer(host<TypeParam>(2));
    EXPECT_THAT(this->ready(), ElementsAre(1));
}

TYPED_TEST(NeighboursTest, late_answer_revives_failed_neighbour) {
    const std::uint32_t index = this->make(State::failed, host<TypeParam>(2));
    EXPECT_TRUE(this->answer(host<TypeParam>(2)));
    EXPECT_EQ(this->cache.state(index), State::reachable);
}

// A1.neighbours
TYPED_TEST(NeighboursTest, reachable_becomes_stale_after_its_random_time) {
    std::set<Duration> times;
    for (std::uint8_t number = 2; number < 12; ++number) {
        const std::uint32_t index = this->make(State::reachable, host<TypeParam>(number));
        const Instant start = this->now;
        while (this->cache.state(index) == State::reachable && this->now - start < 60s) {
            this->pass(100ms);
        }
        EXPECT_EQ(this->cache.state(index), State::stale);
        EXPECT_GE(this->now - start, 15s);
        EXPECT_LE(this->now - start, 45s + 200ms);
        times.insert(this->now - start);
    }
    EXPECT_GT(times.size(), 5U) << "the time is drawn";
    EXPECT_THAT(this->questions(), IsEmpty()) << "a stale address is verified when it is used";
}

TYPED_TEST(NeighboursTest, confirmation_keeps_neighbour_reachable) {
    const std::uint32_t index = this->make(State::reachable, host<TypeParam>(2));
    for (int i = 0; i < 60; ++i) {
        this->pass(10s);
        ASSERT_EQ(this->cache.state(index), State::reachable) << i;
        this->cache.confirm(index, this->now);
    }
    this->pass(14s);
    EXPECT_EQ(this->cache.state(index), State::reachable);
    this->pass(32s);
    EXPECT_EQ(this->cache.state(index), State::stale);
}

TYPED_TEST(NeighboursTest, confirmation_costs_the_wheel_nothing) {
    const std::uint32_t index = this->make(State::reachable, host<TypeParam>(2));
    const Instant deadline = this->wheel.next_deadline();
    this->now += 5s;
    this->cache.confirm(index, this->now);
    EXPECT_EQ(this->wheel.next_deadline(), deadline);
}

TYPED_TEST(NeighboursTest, stale_address_is_used_and_verified_five_seconds_later) {
    const std::uint32_t index = this->make(State::stale, host<TypeParam>(2));
    this->pass(100s);
    EXPECT_EQ(this->cache.state(index), State::stale) << "unless it is used";
    EXPECT_TRUE(this->cache.usable(index, this->now));
    EXPECT_EQ(this->cache.state(index), State::delay);
    EXPECT_EQ(this->cache.mac(index), mac_a);
    this->pass(4900ms);
    EXPECT_EQ(this->cache.state(index), State::delay);
    EXPECT_TRUE(this->cache.usable(index, this->now)) << "using it on delays no verification";
    EXPECT_THAT(this->questions(), IsEmpty());
    this->pass(200ms);
    EXPECT_EQ(this->cache.state(index), State::probe);
    EXPECT_TRUE(this->cache.usable(index, this->now));
    EXPECT_THAT(this->questions(),
                ElementsAre(typename TestFixture::Question{host<TypeParam>(2), mac_a}));
}

TYPED_TEST(NeighboursTest, delayed_is_reachable_when_confirmed) {
    const std::uint32_t index = this->make(State::delay, host<TypeParam>(2));
    this->cache.confirm(index, this->now);
    EXPECT_EQ(this->cache.state(index), State::reachable);
    this->pass(10s);
    EXPECT_THAT(this->questions(), IsEmpty());
    EXPECT_EQ(this->cache.state(index), State::reachable);
}

TYPED_TEST(NeighboursTest, stale_and_probed_are_reachable_when_confirmed) {
    for (const State state : {State::stale, State::probe}) {
        const auto address = host<TypeParam>(static_cast<std::uint8_t>(state) + 10);
        const std::uint32_t index = this->make(state, address);
        this->cache.confirm(index, this->now);
        EXPECT_EQ(this->cache.state(index), State::reachable);
    }
}

TYPED_TEST(NeighboursTest, confirmation_means_nothing_without_an_address) {
    for (const State state : {State::incomplete, State::failed}) {
        const auto address = host<TypeParam>(static_cast<std::uint8_t>(state) + 10);
        const std::uint32_t index = this->make(state, address);
        this->cache.confirm(index, this->now);
        EXPECT_EQ(this->cache.state(index), state);
    }
}

TYPED_TEST(NeighboursTest, probe_fails_after_three_questions) {
    const std::uint32_t index = this->make(State::probe, host<TypeParam>(2));
    this->pass(1800ms);
    EXPECT_TRUE(this->cache.usable(index, this->now)) << "the address serves while it is probed";
    this->pass(1200ms);
    EXPECT_EQ(this->cache.state(index), State::failed);
    const auto questions = this->questions();
    EXPECT_EQ(questions.size(), 2U) << "beside the one that began it";
    for (const auto& question : questions) {
        EXPECT_EQ(question.mac, mac_a);
    }
    EXPECT_FALSE(this->cache.usable(index, this->now));
    EXPECT_THAT(this->questions(),
                ElementsAre(typename TestFixture::Question{host<TypeParam>(2), {}}));
}

TYPED_TEST(NeighboursTest, probe_ends_with_an_answer) {
    const std::uint32_t index = this->make(State::probe, host<TypeParam>(2));
    this->cache.learn(host<TypeParam>(2), std::nullopt, Evidence::solicited, this->now);
    EXPECT_EQ(this->cache.state(index), State::reachable);
    EXPECT_EQ(this->cache.mac(index), mac_a);
    this->pass(10s);
    EXPECT_THAT(this->questions(), IsEmpty());
}

TYPED_TEST(NeighboursTest, strangers_get_an_entry_by_asking_only) {
    const auto stranger = host<TypeParam>(9);
    for (const Evidence evidence : {Evidence::solicited, Evidence::solicited_override,
                                    Evidence::unsolicited, Evidence::unsolicited_override}) {
        EXPECT_FALSE(this->cache.learn(stranger, mac_a, evidence, this->now));
        EXPECT_EQ(this->cache.find(stranger), this->cache.none);
    }
    EXPECT_FALSE(this->cache.learn(stranger, std::nullopt, Evidence::request, this->now));
    EXPECT_EQ(this->cache.size(), 0U);
    EXPECT_TRUE(this->cache.learn(stranger, mac_a, Evidence::request, this->now));
    EXPECT_FALSE(this->cache.learn(stranger, mac_a, Evidence::request, this->now)) << "no news";
    const std::uint32_t index = this->cache.acquire(stranger, this->now);
    EXPECT_EQ(this->cache.state(index), State::stale);
    EXPECT_EQ(this->cache.mac(index), mac_a);
    EXPECT_THAT(this->questions(), IsEmpty());
}

TYPED_TEST(NeighboursTest, request_replaces_an_address) {
    const std::uint32_t index = this->make(State::reachable, host<TypeParam>(2));
    EXPECT_FALSE(this->cache.learn(host<TypeParam>(2), mac_a, Evidence::request, this->now));
    EXPECT_EQ(this->cache.state(index), State::reachable) << "nothing new";
    EXPECT_TRUE(this->cache.learn(host<TypeParam>(2), mac_b, Evidence::request, this->now));
    EXPECT_EQ(this->cache.state(index), State::stale);
    EXPECT_EQ(this->cache.mac(index), mac_b);
}

TYPED_TEST(NeighboursTest, request_lets_held_packets_go) {
    const std::uint32_t index = this->cache.acquire(host<TypeParam>(2), this->now);
    ASSERT_TRUE(this->cache.hold(index, 1));
    EXPECT_TRUE(this->cache.learn(host<TypeParam>(2), mac_b, Evidence::request, this->now));
    EXPECT_THAT(this->ready(), ElementsAre(1));
}

// RFC 4861 §7.2.5, row by row: what an advertisement makes of an entry whose address is mac_a (or
// not known yet).

struct Row {
    State before;
    Evidence evidence;
    std::optional<wire::MacAddr> mac;
    State after;
    std::optional<wire::MacAddr> mac_after; ///< None: still unknown.
};

const Row advertisement_table[] = {
    // INCOMPLETE: an advertisement without an address is worth nothing; the first address is
    // taken whatever the override flag; solicited decides between REACHABLE and STALE.
    {State::incomplete, Evidence::solicited, {}, State::incomplete, {}},
    {State::incomplete, Evidence::unsolicited_override, {}, State::incomplete, {}},
    {State::incomplete, Evidence::solicited, mac_b, State::reachable, mac_b},
    {State::incomplete, Evidence::solicited_override, mac_b, State::reachable, mac_b},
    {State::incomplete, Evidence::unsolicited, mac_b, State::stale, mac_b},
    {State::incomplete, Evidence::unsolicited_override, mac_b, State::stale, mac_b},
    // I: no override, another address. REACHABLE is doubted, everything else stays; never taken.
    {State::reachable, Evidence::solicited, mac_b, State::stale, mac_a},
    {State::reachable, Evidence::unsolicited, mac_b, State::stale, mac_a},
    {State::stale, Evidence::solicited, mac_b, State::stale, mac_a},
    {State::stale, Evidence::unsolicited, mac_b, State::stale, mac_a},
    {State::delay, Evidence::solicited, mac_b, State::delay, mac_a},
    {State::delay, Evidence::unsolicited, mac_b, State::delay, mac_a},
    {State::probe, Evidence::solicited, mac_b, State::probe, mac_a},
    {State::probe, Evidence::unsolicited, mac_b, State::probe, mac_a},
    // II: override and another address: taken; solicited says REACHABLE, else STALE.
    {State::reachable, Evidence::solicited_override, mac_b, State::reachable, mac_b},
    {State::stale, Evidence::solicited_override, mac_b, State::reachable, mac_b},
    {State::delay, Evidence::solicited_override, mac_b, State::reachable, mac_b},
    {State::probe, Evidence::solicited_override, mac_b, State::reachable, mac_b},
    {State::reachable, Evidence::unsolicited_override, mac_b, State::stale, mac_b},
    {State::stale, Evidence::unsolicited_override, mac_b, State::stale, mac_b},
    {State::delay, Evidence::unsolicited_override, mac_b, State::stale, mac_b},
    {State::probe, Evidence::unsolicited_override, mac_b, State::stale, mac_b},
    // The same address, or none: solicited says REACHABLE, else nothing changes.
    {State::reachable, Evidence::solicited, mac_a, State::reachable, mac_a},
    {State::stale, Evidence::solicited, mac_a, State::reachable, mac_a},
    {State::delay, Evidence::solicited, {}, State::reachable, mac_a},
    {State::probe, Evidence::solicited_override, mac_a, State::reachable, mac_a},
    {State::probe, Evidence::solicited, {}, State::reachable, mac_a},
    {State::reachable, Evidence::unsolicited, mac_a, State::reachable, mac_a},
    {State::reachable, Evidence::unsolicited_override, mac_a, State::reachable, mac_a},
    {State::stale, Evidence::unsolicited_override, {}, State::stale, mac_a},
    {State::delay, Evidence::unsolicited, mac_a, State::delay, mac_a},
    {State::delay, Evidence::unsolicited_override, mac_a, State::delay, mac_a},
    {State::probe, Evidence::unsolicited_override, mac_a, State::probe, mac_a},
};

TYPED_TEST(NeighboursTest, advertisements_change_entries_as_the_rfc_says) {
    std::uint8_t number = 0;
    for (const Row& row : advertisement_table) {
        const auto address = host<TypeParam>(++number);
        const std::uint32_t index = this->make(row.before, address);
        const bool changed = this->cache.learn(address, row.mac, row.evidence, this->now);
        EXPECT_EQ(this->cache.state(index), row.after) << "row " << unsigned{number};
        EXPECT_EQ(this->cache.mac(index), row.mac_after.value_or(wire::MacAddr{}))
            << "row " << unsigned{number};
        const auto before =
            row.before == State::incomplete ? std::optional<wire::MacAddr>{} : mac_a;
        EXPECT_EQ(changed, row.mac_after != before) << "row " << unsigned{number};
    }
}

// Users, room, recycling

template <class Addr>
class SmallNeighboursTest : public NeighboursTest<Addr> {
  protected:
    SmallNeighboursTest()
        : NeighboursTest<Addr>{{.entries = 4, .held = 6, .held_per_neighbour = 3}} {}
};
TYPED_TEST_SUITE(SmallNeighboursTest, Families);

TYPED_TEST(SmallNeighboursTest, users_share_an_entry) {
    const std::uint32_t first = this->cache.acquire(host<TypeParam>(2), this->now);
    const std::uint32_t second = this->cache.acquire(host<TypeParam>(2), this->now);
    EXPECT_EQ(first, second);
    EXPECT_EQ(this->questions().size(), 1U);
    EXPECT_EQ(this->cache.size(), 1U);
}

// E6.pools
TYPED_TEST(SmallNeighboursTest, none_when_every_entry_is_in_use) {
    for (std::uint8_t number = 1; number <= 4; ++number) {
        EXPECT_NE(this->cache.acquire(host<TypeParam>(number), this->now), this->cache.none);
    }
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(5), this->now), this->cache.none);
    EXPECT_FALSE(this->cache.learn(host<TypeParam>(5), mac_a, Evidence::request, this->now));
    EXPECT_NE(this->cache.acquire(host<TypeParam>(4), this->now), this->cache.none);
}

TYPED_TEST(SmallNeighboursTest, unused_entries_go_oldest_first) {
    std::vector<std::uint32_t> entries;
    for (std::uint8_t number = 1; number <= 4; ++number) {
        entries.push_back(this->cache.acquire(host<TypeParam>(number), this->now));
        this->answer(host<TypeParam>(number));
    }
    for (const std::size_t i : {2U, 0U, 3U}) {
        this->cache.release(entries[i]);
    }
    // The one used again is the youngest once it is released once more.
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(3), this->now), entries[2]);
    this->cache.release(entries[2]);
    EXPECT_EQ(this->cache.size(), 4U) << "they stay while there is room";
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(11), this->now), entries[0]);
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(12), this->now), entries[3]);
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(13), this->now), entries[2]);
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(14), this->now), this->cache.none);
    EXPECT_EQ(this->cache.find(host<TypeParam>(1)), this->cache.none);
    EXPECT_NE(this->cache.find(host<TypeParam>(2)), this->cache.none);
}

TYPED_TEST(SmallNeighboursTest, recycled_entry_knows_nothing_of_its_past) {
    for (std::uint8_t number = 1; number <= 4; ++number) {
        this->cache.release(this->make(State::reachable, host<TypeParam>(number)));
    }
    const std::uint32_t index = this->cache.acquire(host<TypeParam>(9), this->now);
    EXPECT_EQ(this->cache.state(index), State::incomplete);
    EXPECT_EQ(this->cache.mac(index), wire::MacAddr{});
    this->pass(60s);
    EXPECT_EQ(this->questions().size(), 3U);
}

TYPED_TEST(SmallNeighboursTest, entry_recycled_before_its_question_was_sent_is_not_asked_for) {
    for (std::uint8_t number = 1; number <= 5; ++number) {
        this->cache.release(this->cache.acquire(host<TypeParam>(number), this->now));
    }
    std::vector<TypeParam> targets;
    for (const auto& question : this->questions()) {
        targets.push_back(question.target);
    }
    EXPECT_THAT(targets, UnorderedElementsAre(host<TypeParam>(2), host<TypeParam>(3),
                                              host<TypeParam>(4), host<TypeParam>(5)));
}

TYPED_TEST(SmallNeighboursTest, entry_with_held_packets_is_kept_without_users) {
    for (std::uint8_t number = 1; number <= 4; ++number) {
        const std::uint32_t index = this->cache.acquire(host<TypeParam>(number), this->now);
        if (number != 3) {
            ASSERT_TRUE(this->cache.hold(index, number));
        }
        this->cache.release(index);
    }
    const std::uint32_t fifth = this->cache.acquire(host<TypeParam>(5), this->now);
    EXPECT_NE(fifth, this->cache.none);
    EXPECT_EQ(this->cache.find(host<TypeParam>(3)), this->cache.none);
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(6), this->now), this->cache.none);
    // Learnt, but not taken yet: the packet still needs its entry.
    this->answer(host<TypeParam>(1));
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(6), this->now), this->cache.none);
    EXPECT_THAT(this->ready(), ElementsAre(1));
    EXPECT_NE(this->cache.acquire(host<TypeParam>(6), this->now), this->cache.none);
    EXPECT_EQ(this->cache.find(host<TypeParam>(1)), this->cache.none);
}

TYPED_TEST(SmallNeighboursTest, unused_entry_is_not_asked_for_again_and_goes) {
    const std::uint32_t index = this->cache.acquire(host<TypeParam>(1), this->now);
    this->cache.release(index);
    EXPECT_EQ(this->questions().size(), 1U);
    EXPECT_EQ(this->cache.acquire(host<TypeParam>(1), this->now), index);
    EXPECT_THAT(this->questions(), IsEmpty()) << "asked within the second";
    this->cache.release(index);
    this->pass(10s);
    EXPECT_THAT(this->questions(), IsEmpty());
    EXPECT_EQ(this->cache.size(), 0U);
}

TYPED_TEST(SmallNeighboursTest, unused_entry_goes_when_it_fails) {
    const std::uint32_t index = this->cache.acquire(host<TypeParam>(1), this->now);
    ASSERT_TRUE(this->cache.hold(index, 1));
    this->cache.release(index);
    this->pass(4s);
    EXPECT_THAT(this->failed(), ElementsAre(1));
    EXPECT_EQ(this->questions().size(), 3U);
    EXPECT_EQ(this->cache.size(), 0U);
    EXPECT_EQ(this->wheel.size(), 0U);
}

// A1.held
TYPED_TEST(SmallNeighboursTest, held_packets_are_bounded_for_each_and_for_all) {
    const std::uint32_t one = this->cache.acquire(host<TypeParam>(1), this->now);
    const std::uint32_t two = this->cache.acquire(host<TypeParam>(2), this->now);
    const std::uint32_t three = this->cache.acquire(host<TypeParam>(3), this->now);
    for (std::uint64_t packet = 0; packet < 3; ++packet) {
        EXPECT_TRUE(this->cache.hold(one, packet));
    }
    EXPECT_FALSE(this->cache.hold(one, 3)) << "three for each";
    for (std::uint64_t packet = 0; packet < 3; ++packet) {
        EXPECT_TRUE(this->cache.hold(two, packet + 10));
    }
    EXPECT_FALSE(this->cache.hold(three, 20)) << "six for all";
    this->answer(host<TypeParam>(1));
    EXPECT_THAT(this->ready(), ElementsAre(0, 1, 2));
    EXPECT_TRUE(this->cache.hold(three, 20));
}

TYPED_TEST(SmallNeighboursTest, packet_held_for_a_known_neighbour_is_ready) {
    const std::uint32_t index = this->make(State::reachable, host<TypeParam>(1));
    EXPECT_TRUE(this->cache.hold(index, 5));
    EXPECT_THAT(this->ready(), ElementsAre(5));
}

TYPED_TEST(SmallNeighboursTest, abandoning_gives_up_every_packet) {
    const std::uint32_t one = this->cache.acquire(host<TypeParam>(1), this->now);
    const std::uint32_t two = this->cache.acquire(host<TypeParam>(2), this->now);
    ASSERT_TRUE(this->cache.hold(one, 1));
    ASSERT_TRUE(this->cache.hold(two, 2));
    this->answer(host<TypeParam>(2)); // Ready, but not taken.
    this->cache.release(one);
    this->cache.release(two);
    this->cache.abandon_held();
    EXPECT_THAT(this->ready(), IsEmpty());
    EXPECT_THAT(this->failed(), UnorderedElementsAre(1, 2));
    EXPECT_EQ(this->cache.held(), 0U);
    for (std::uint8_t number = 11; number <= 14; ++number) {
        EXPECT_NE(this->cache.acquire(host<TypeParam>(number), this->now), this->cache.none)
            << "nothing holds an entry any more";
    }
}

TYPED_TEST(SmallNeighboursTest, times_of_a_router_are_obeyed) {
    NeighbourTimes times;
    times.retransmit = 200ms;
    this->cache.set_times(times);
    const std::uint32_t index = this->make(State::incomplete, host<TypeParam>(1));
    this->pass(650ms);
    EXPECT_EQ(this->cache.state(index), State::failed);
}

TYPED_TEST(SmallNeighboursTest, destruction_leaves_nothing_in_the_wheel) {
    timer::Wheel other_wheel{this->now};
    {
        Neighbours<TypeParam> other{other_wheel, timer_kind, SipKey{}};
        static_cast<void>(other.acquire(host<TypeParam>(1), this->now));
        EXPECT_EQ(other_wheel.size(), 1U);
    }
    EXPECT_EQ(other_wheel.size(), 0U);
}

/// Whatever happens, each packet held comes out exactly once, and users keep their entries.
TYPED_TEST(SmallNeighboursTest, random_histories_lose_no_packet) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random{seed};
        const auto below = [&](std::uint64_t limit) { return random() % limit; };
        std::vector<std::pair<std::uint32_t, TypeParam>> uses;
        std::set<std::uint64_t> inside;
        std::uint64_t next_packet = 1;
        const auto out = [&](std::uint64_t packet) { ASSERT_EQ(inside.erase(packet), 1U); };
        for (int step = 0; step < 300; ++step) {
            const auto address = host<TypeParam>(static_cast<std::uint8_t>(below(8)));
            switch (below(8)) {
            case 0:
                if (const auto index = this->cache.acquire(address, this->now);
                    index != this->cache.none) {
                    uses.emplace_back(index, address);
                }
                break;
            case 1:
                if (!uses.empty()) {
                    const auto use = uses.begin() + static_cast<std::ptrdiff_t>(below(uses.size()));
                    this->cache.release(use->first);
                    uses.erase(use);
                }
                break;
            case 2:
            case 3:
                if (!uses.empty()) {
                    const std::uint32_t index = uses[below(uses.size())].first;
                    if (!this->cache.usable(index, this->now) &&
                        this->cache.hold(index, next_packet)) {
                        inside.insert(next_packet++);
                    }
                }
                break;
            case 4:
                this->cache.learn(address, below(2) == 0 ? mac_a : mac_b,
                                  static_cast<Evidence>(below(5)), this->now);
                break;
            case 5:
                this->cache.take_ready([&](std::uint64_t packet, std::uint32_t index) {
                    out(packet);
                    ASSERT_NE(this->cache.mac(index), wire::MacAddr{});
                });
                break;
            case 6:
                this->cache.take_failed(out);
                break;
            default:
                this->pass(Duration{static_cast<std::int64_t>(below(3'000'000'000))});
                break;
            }
            ASSERT_EQ(this->cache.held(), inside.size());
            for (const auto& [index, used] : uses) {
                ASSERT_EQ(this->cache.find(used), index);
            }
        }
        this->cache.abandon_held();
        this->cache.take_ready([&](std::uint64_t packet, std::uint32_t) { out(packet); });
        this->cache.take_failed(out);
        ASSERT_TRUE(inside.empty());
        for (const auto& [index, used] : uses) {
            this->cache.release(index);
        }
    }
}

} // namespace
} // namespace millrace::stack
