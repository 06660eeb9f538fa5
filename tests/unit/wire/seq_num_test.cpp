#include "wire/seq_num.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <random>

namespace millrace::wire {
namespace {

constexpr SeqNum near_top{0xffff'fff0U};

static_assert(!std::three_way_comparable<SeqNum>, "modular order is not transitive");
static_assert(!std::convertible_to<std::uint32_t, SeqNum>);
static_assert(std::is_trivially_copyable_v<SeqNum> && sizeof(SeqNum) == 4);
static_assert(near_top + 0x20 == SeqNum{0x10}, "all of it works at compile time");

TEST(SeqNum, AdditionGoesRoundTheTop) {
    SeqNum seq = near_top;
    seq += 0x10;
    EXPECT_EQ(seq.value(), 0U);
    EXPECT_EQ((near_top + 0x11).value(), 1U);
    EXPECT_EQ((SeqNum{1} - 2U).value(), 0xffff'ffffU);
}

TEST(SeqNum, DistanceIsSignedAcrossTheWrap) {
    EXPECT_EQ(SeqNum{0x10} - near_top, 0x20);
    EXPECT_EQ(near_top - SeqNum{0x10}, -0x20);
    EXPECT_EQ(near_top - near_top, 0);
}

TEST(SeqNum, OrderHoldsAcrossTheWrap) {
    const SeqNum after = near_top + 0x20;
    EXPECT_TRUE(near_top < after);
    EXPECT_TRUE(near_top <= after);
    EXPECT_TRUE(after > near_top);
    EXPECT_TRUE(after >= near_top);
    EXPECT_FALSE(after < near_top);
    EXPECT_FALSE(after <= near_top);
    EXPECT_TRUE(after <= after);
    EXPECT_TRUE(after >= after);
    EXPECT_FALSE(after < after);
    EXPECT_FALSE(after > after);
}

TEST(SeqNum, AntipodesHaveNoOrder) {
    for (const std::uint32_t start : {0U, 1U, 0x7fff'ffffU, 0x8000'0000U, 0xffff'ffffU}) {
        const SeqNum a{start};
        const SeqNum b = a + 0x8000'0000U;
        EXPECT_FALSE(a < b || b < a || a > b || b > a) << start;
        EXPECT_FALSE(a <= b || b <= a || a >= b || b >= a) << start;
        EXPECT_TRUE(a != b);
        EXPECT_TRUE(a < b - 1U && b - 1U > a) << "one less has: " << start;
        EXPECT_TRUE(b + 1U < a && a > b + 1U) << "one more has, the other way: " << start;
    }
}

TEST(SeqNum, WindowHoldsItsFirstAndNotItsEnd) {
    EXPECT_TRUE(near_top.in_window(near_top, 1));
    EXPECT_FALSE(near_top.in_window(near_top, 0));
    EXPECT_TRUE((near_top + 0x1f).in_window(near_top, 0x20));
    EXPECT_FALSE((near_top + 0x20).in_window(near_top, 0x20));
    EXPECT_FALSE((near_top - 1U).in_window(near_top, 0x20));
    EXPECT_TRUE((near_top - 1U).in_window(near_top, UINT32_MAX) == false);
}

TEST(SeqNum, LaterAndEarlierAcrossTheWrap) {
    const SeqNum after{3};
    EXPECT_EQ(later(near_top, after), after);
    EXPECT_EQ(later(after, near_top), after);
    EXPECT_EQ(earlier(near_top, after), near_top);
    EXPECT_EQ(earlier(after, near_top), near_top);
    EXPECT_EQ(later(after, after), after);
}

TEST(SeqNum, OrderAgreesWithDistanceEverywhere) {
    constexpr std::uint64_t seed = 20;
    std::mt19937_64 random{seed};
    for (int i = 0; i < 100'000; ++i) {
        const SeqNum a{static_cast<std::uint32_t>(random())};
        const auto ahead = static_cast<std::uint32_t>(random() >> (32 + random() % 32));
        const SeqNum b = a + ahead;
        const bool before = ahead > 0 && ahead < 0x8000'0000U;
        ASSERT_EQ(a < b, before) << "seed " << seed << ": " << a.value() << " + " << ahead;
        ASSERT_EQ(b > a, before);
        ASSERT_EQ(a <= b, before || ahead == 0);
        ASSERT_EQ(b<a, ahead> 0x8000'0000U);
    }
}

} // namespace
} // namespace millrace::wire
