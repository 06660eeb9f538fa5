#include "base/time.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace millrace {
namespace {

static_assert(sizeof(Instant) == 8 && std::is_trivially_copyable_v<Instant>);
static_assert(std::is_same_v<Duration::period, std::nano>);

template <class Clock>
concept HasNow = requires {
    Clock::now();
};
static_assert(!HasNow<WorkerClock>, "nothing below runtime can read a clock");

TEST(Time, DurationsAreNanoseconds) {
    EXPECT_EQ(Duration{1ms}.count(), 1'000'000);
    EXPECT_EQ(Duration{60s} / Duration{1us}, 60'000'000);
}

TEST(Time, InstantsAddAndCompare) {
    const Instant start{5s};
    EXPECT_EQ((start + 250ms) - start, 250ms);
    EXPECT_LT(start, start + Duration{1});
}

TEST(Time, NeverComesAfterEverything) {
    constexpr Instant in_two_centuries{Duration{24h} * 365 * 200};
    EXPECT_LT(in_two_centuries, never);
    EXPECT_EQ(never, Instant::max());
}

} // namespace
} // namespace millrace
