#include <gtest/gtest.h>

#include "load/rate_search.hpp"

namespace millrace::load {
namespace {

TEST(RateSearch, DoublesThenHalvesTheRest) {
    RateSearch search{100, 1e6};
    int trials = 0;
    while (!search.is_over() && ++trials < 100) {
        search.tried(search.rate() <= 5000);
    }
    EXPECT_LE(search.best(), 5000);
    EXPECT_GE(search.best(), 5000 / 1.02);
    EXPECT_LT(trials, 20);
}

TEST(RateSearch, EndsAtTheMost) {
    RateSearch search{100, 300};
    search.tried(true);
    search.tried(true);
    EXPECT_FALSE(search.is_over());
    EXPECT_EQ(search.rate(), 300);
    search.tried(true);
    EXPECT_TRUE(search.is_over());
    EXPECT_EQ(search.best(), 300);
}

TEST(RateSearch, SaysThatNothingWasGood) {
    RateSearch search{100, 1e6};
    int trials = 0;
    while (!search.is_over() && ++trials < 100) {
        search.tried(false);
    }
    EXPECT_EQ(search.best(), 0);
    EXPECT_LT(trials, 20);
}

TEST(RateSearch, BeginsNoHigherThanTheMost) {
    EXPECT_EQ(RateSearch(5000, 1000).rate(), 1000);
}

} // namespace
} // namespace millrace::load
