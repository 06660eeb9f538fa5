#include <gtest/gtest.h>

#include "load/schedule.hpp"

namespace millrace::load {
namespace {

TEST(Schedule, OfAClosedLoopIsAlwaysDue) {
    const Schedule schedule;
    EXPECT_FALSE(schedule.is_open());
    EXPECT_EQ(schedule.due(1'000'000), Instant::min());
}

TEST(Schedule, OfAConstantRateIsEven) {
    const Instant start{5s};
    const Schedule schedule{start, 1000};
    EXPECT_TRUE(schedule.is_open());
    EXPECT_EQ(schedule.due(0), start);
    EXPECT_EQ(schedule.due(1), start + 1ms);
    EXPECT_EQ(schedule.due(3'600'000), start + 3600s);
    EXPECT_EQ(schedule.count_before(start), 0U);
    EXPECT_EQ(schedule.count_before(start + 1ns), 1U);
    EXPECT_EQ(schedule.count_before(start + 10s), 10'000U);
}

TEST(Schedule, OfARampHasTheMeanOfBothRatesThenTheLast) {
    const Instant start{5s};
    const Schedule schedule{start, 1000, 3000, 10s};
    EXPECT_EQ(schedule.count_before(start + 10s), 20'000U);
    EXPECT_NEAR(static_cast<double>(schedule.count_before(start + 1s)), 1100, 1);
    EXPECT_NEAR(static_cast<double>(schedule.count_before(start + 11s)), 23'000, 1);
}

TEST(Schedule, OfARampMayFallAndMayBeginAtNothing) {
    const Instant start{5s};
    EXPECT_NEAR(static_cast<double>(Schedule{start, 3000, 1000, 10s}.count_before(start + 5s)),
                12'500, 1);
    EXPECT_NEAR(static_cast<double>(Schedule{start, 0, 1000, 10s}.count_before(start + 10s)), 5000,
                1);
}

TEST(Schedule, NeverGoesBack) {
    const Schedule schedule{Instant{}, 7, 7'000'000, 3s};
    Instant before = Instant::min();
    for (std::uint64_t number = 0; number < 30'000'000; number += 999) {
        const Instant due = schedule.due(number);
        ASSERT_LE(before, due) << number;
        before = due;
    }
}

} // namespace
} // namespace millrace::load
