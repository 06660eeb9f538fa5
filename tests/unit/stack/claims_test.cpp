// A1.many_addresses, A1.dad, A1.conflict: claims to many addresses at once.

#include "stack/claims.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace millrace::stack {
namespace {

using Claims4 = Claims<wire::Ipv4Addr>;
using Act = Claims4::Act;

constexpr std::uint32_t count = 4096;
constexpr bool speaks = true;

wire::Ipv4Addr address(std::uint32_t number) {
    return wire::Ipv4Addr::from_value(wire::Ipv4Addr{198, 18, 16, 0}.value() + number);
}

/// In an order that is not theirs.
std::vector<wire::Prefix<wire::Ipv4Addr>> addresses() {
    std::vector<wire::Prefix<wire::Ipv4Addr>> all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.push_back({address((i * 1001) % count), 16});
    }
    return all;
}

constexpr ClaimRules announced_twice{.announcements = 2, .announcement_interval = 2s};

constexpr ClaimRules probed{.probes = 3,
                            .announcements = 2,
                            .first_probe_max = 1s,
                            .probe_interval_min = 1s,
                            .probe_interval_max = 2s,
                            .last_probe_wait = 2s,
                            .announcement_interval = 2s};

/// Claims as their worker keeps them, from one deadline to the next.
struct Course {
    explicit Course(const ClaimRules& rules, bool its_own = speaks)
        : claims{addresses(), rules, its_own, random, now} {}

    /// What is sent until `end`, with its times.
    std::vector<std::pair<Instant, Claims4::Step>> until(Instant end) {
        std::vector<std::pair<Instant, Claims4::Step>> steps;
        while (claims.next_deadline() <= end) {
            now = std::max(now, claims.next_deadline());
            while (const auto step = claims.next_step(now)) {
                steps.emplace_back(now, *step);
            }
            EXPECT_GT(claims.next_deadline(), now);
        }
        now = end;
        return steps;
    }

    std::minstd_rand random{1};
    Instant now{1h};
    Claims4 claims;
};

TEST(Claims, ManyAddressesAreAnnouncedLittleByLittle) {
    Course course{announced_twice};
    const Instant start = course.now;
    EXPECT_TRUE(course.claims.all_usable()) << "announcing is no condition";
    const auto steps = course.until(start + 1h);
    std::map<wire::Ipv4Addr, std::vector<Instant>> announced;
    std::map<Duration, int> in_each_10ms;
    for (const auto& [at, step] : steps) {
        EXPECT_EQ(step.act, Act::announce);
        announced[step.address].push_back(at);
        ++in_each_10ms[(at - start) / 10ms * 10ms];
    }
    ASSERT_EQ(announced.size(), count);
    for (const auto& [own, times] : announced) {
        ASSERT_EQ(times.size(), 2U) << own.to_string();
        EXPECT_EQ(times[1] - times[0], 2s);
    }
    for (const auto& [at, number] : in_each_10ms) {
        EXPECT_LE(number, 32) << "a first and a second round, at " << at.count();
    }
    EXPECT_LE(steps.back().first - start, 5s);
    EXPECT_EQ(course.claims.next_deadline(), never);
    EXPECT_EQ(course.claims.state(address(count / 2)), ClaimState::settled);
}

TEST(Claims, EachOfManyIsProbedThenAnnounced) {
    Course course{probed};
    const Instant start = course.now;
    EXPECT_FALSE(course.claims.usable(address(0)));
    std::map<wire::Ipv4Addr, std::vector<Act>> acts;
    std::map<wire::Ipv4Addr, Instant> last;
    std::map<Instant, int> at_once;
    for (const auto& [at, step] : course.until(start + 1h)) {
        auto& its_own = acts[step.address];
        const Duration since = at - last.emplace(step.address, start).first->second;
        EXPECT_GE(since, its_own.empty() ? 0s : 1s) << step.address.to_string();
        EXPECT_LE(since, its_own.empty() ? 1s : 2s) << step.address.to_string();
        EXPECT_LE(++at_once[at], 2) << "none waits for another's time";
        last[step.address] = at;
        its_own.push_back(step.act);
    }
    ASSERT_EQ(acts.size(), count);
    const std::vector expected{Act::probe, Act::probe, Act::probe, Act::announce, Act::announce};
    EXPECT_TRUE(std::ranges::all_of(acts, [&](const auto& own) { return own.second == expected; }));
    EXPECT_TRUE(course.claims.all_usable());
    EXPECT_EQ(course.claims.next_deadline(), never);
}

TEST(Claims, WhatIsLostOfManyIsLostAlone) {
    Course course{probed};
    static_cast<void>(course.until(course.now + 1s));
    for (std::uint32_t i = 0; i < count; i += 2) {
        EXPECT_TRUE(course.claims.contest(address(i)));
        EXPECT_FALSE(course.claims.contest(address(i))) << "it is theirs already";
    }
    for (const auto& [at, step] : course.until(course.now + 1h)) {
        EXPECT_EQ(step.address.bytes[3] % 2, 1) << step.address.to_string();
    }
    EXPECT_FALSE(course.claims.all_usable());
    for (std::uint32_t i = 0; i < count; ++i) {
        EXPECT_EQ(course.claims.usable(address(i)), i % 2 == 1) << i;
    }
    EXPECT_EQ(course.claims.state(address(count)), ClaimState::lost) << "never ours";
    EXPECT_EQ(course.claims.next_deadline(), never);
}

TEST(Claims, WhoDoesNotSpeakHearsHowTheyEnd) {
    Course course{probed, !speaks};
    EXPECT_EQ(course.claims.next_deadline(), never);
    for (std::uint32_t i = 0; i < count; ++i) {
        EXPECT_FALSE(course.claims.all_usable());
        course.claims.settle(address(i), ClaimState::settled);
    }
    EXPECT_TRUE(course.claims.all_usable());
    course.claims.settle(address(7), ClaimState::lost);
    EXPECT_FALSE(course.claims.all_usable());
}

TEST(Claims, ThoseThatAreDecidedAreToldOfInParts) {
    Course course{probed, !speaks};
    for (std::uint32_t i = 0; i < count; i += 4) {
        course.claims.settle(address(i), ClaimState::settled);
        course.claims.settle(address(i + 1), ClaimState::lost);
    }
    std::map<wire::Ipv4Addr, ClaimState> told;
    for (std::size_t first = 0; first < course.claims.size(); first += 100) {
        std::size_t number = 0;
        course.claims.for_each_decided(first, 100, [&](const auto& own, ClaimState state) {
            EXPECT_TRUE(told.emplace(own, state).second) << "once each";
            ++number;
        });
        EXPECT_LE(number, 50U);
    }
    ASSERT_EQ(told.size(), count / 2);
    for (const auto& [own, state] : told) {
        EXPECT_EQ(state, own.bytes[3] % 4 == 0 ? ClaimState::settled : ClaimState::lost);
    }
}

} // namespace
} // namespace millrace::stack
