#include "base/range_set.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <set>

namespace millrace {
namespace {

TEST(RangeSet, IsEmptyAtFirst) {
    const RangeSet<std::uint32_t> set;
    EXPECT_FALSE(set.contains(0));
    EXPECT_EQ(set.at_or_after(0), std::nullopt);
    EXPECT_EQ(set.ranges(), 0U);
}

TEST(RangeSet, NumbersThatFollowEachOtherAreOneRange) {
    RangeSet<std::uint32_t> set;
    for (const std::uint32_t number : {7U, 5U, 9U}) {
        set.insert(number);
    }
    EXPECT_EQ(set.ranges(), 3U);
    set.insert(6);
    EXPECT_EQ(set.ranges(), 2U) << "the gap between two has closed";
    set.insert(10);
    set.insert(4);
    EXPECT_EQ(set.ranges(), 2U) << "each has grown";
    set.insert(8);
    set.insert(8);
    EXPECT_EQ(set.ranges(), 1U);
    EXPECT_FALSE(set.contains(3));
    EXPECT_TRUE(set.contains(4));
    EXPECT_TRUE(set.contains(10));
    EXPECT_FALSE(set.contains(11));
}

TEST(RangeSet, TheEndsOfTheNumbersAreNoNeighbours) {
    RangeSet<std::uint8_t> set;
    set.insert(255);
    set.insert(0);
    EXPECT_EQ(set.ranges(), 2U);
    EXPECT_TRUE(set.contains(255));
    EXPECT_EQ(set.at_or_after(1), 255);
}

TEST(RangeSet, AgreesWithASetOfNumbers) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random{seed};
        RangeSet<std::uint8_t> set;
        std::set<std::uint8_t> expected;
        for (int i = 0; i < 200; ++i) {
            const auto number = static_cast<std::uint8_t>(random());
            set.insert(number);
            expected.insert(number);
        }
        for (unsigned number = 0; number < 256; ++number) {
            const auto at = static_cast<std::uint8_t>(number);
            const auto next = expected.lower_bound(at);
            EXPECT_EQ(set.contains(at), expected.contains(at)) << seed << ": " << number;
            EXPECT_EQ(set.at_or_after(at),
                      next == expected.end() ? std::nullopt : std::optional{*next})
                << seed << ": " << number;
        }
    }
}

} // namespace
} // namespace millrace
