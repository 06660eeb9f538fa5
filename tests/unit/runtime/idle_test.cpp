#include "runtime/idle.hpp"

#include <gtest/gtest.h>

namespace millrace::runtime {
namespace {

constexpr Instant start{1s};

TEST(IdlePolicy, PollsThenPausesThenSleeps) {
    IdlePolicy policy{IdleMode::adaptive, 100us};
    EXPECT_EQ(policy.after_poll(start, 3), IdleStep::poll);
    EXPECT_EQ(policy.after_poll(start + 49us, 0), IdleStep::poll);
    EXPECT_EQ(policy.after_poll(start + 50us, 0), IdleStep::pause);
    EXPECT_EQ(policy.after_poll(start + 99us, 0), IdleStep::pause);
    EXPECT_EQ(policy.after_poll(start + 100us, 0), IdleStep::sleep);
    EXPECT_EQ(policy.after_poll(start + 1h, 0), IdleStep::sleep);
}

TEST(IdlePolicy, WorkStartsItAnew) {
    IdlePolicy policy{IdleMode::adaptive, 100us};
    ASSERT_EQ(policy.after_poll(start, 0), IdleStep::poll);
    ASSERT_EQ(policy.after_poll(start + 100us, 0), IdleStep::sleep);
    EXPECT_EQ(policy.after_poll(start + 200us, 1), IdleStep::poll);
    EXPECT_EQ(policy.after_poll(start + 210us, 0), IdleStep::poll);
}

TEST(IdlePolicy, AWorkerThatNeverWorkedPollsFirst) {
    IdlePolicy policy{IdleMode::adaptive, 100us};
    EXPECT_EQ(policy.after_poll(start + 1h, 0), IdleStep::poll);
    EXPECT_EQ(policy.after_poll(start + 1h + 100us, 0), IdleStep::sleep);
}

TEST(IdlePolicy, PollModeNeverRests) {
    IdlePolicy policy{IdleMode::poll, 100us};
    ASSERT_EQ(policy.after_poll(start, 1), IdleStep::poll);
    EXPECT_EQ(policy.after_poll(start + 1h, 0), IdleStep::poll);
}

TEST(IdlePolicy, StaysAwakeNoLongerThanALongLatencyAsks) {
    IdlePolicy policy{IdleMode::adaptive, 10ms};
    ASSERT_EQ(policy.after_poll(start, 1), IdleStep::poll);
    EXPECT_EQ(policy.after_poll(start + 99us, 0), IdleStep::pause);
    EXPECT_EQ(policy.after_poll(start + 100us, 0), IdleStep::sleep);
}

class IdleSleep : public testing::Test {
  protected:
    IdleSleep() { (void)policy.after_poll(start, 1); }
    IdlePolicy policy{IdleMode::adaptive, 1ms};
};

TEST_F(IdleSleep, GrowsWithTheSilenceUpToTheLatency) {
    EXPECT_EQ(policy.sleep_length(start + 100us, never), 25us);
    EXPECT_EQ(policy.sleep_length(start + 400us, never), 100us);
    EXPECT_EQ(policy.sleep_length(start + 4ms, never), 1ms);
    EXPECT_EQ(policy.sleep_length(start + 1h, never), 1ms);
}

TEST_F(IdleSleep, EndsAtTheNextDeadline) {
    const Instant now = start + 1h;
    EXPECT_EQ(policy.sleep_length(now, now + 2ms), 1ms);
    EXPECT_EQ(policy.sleep_length(now, now + 300us), 300us);
}

TEST_F(IdleSleep, IsLeftOutBeforeADeadlineThatIsNear) {
    const Instant now = start + 1h;
    EXPECT_EQ(policy.sleep_length(now, now + IdlePolicy::sleep_min), IdlePolicy::sleep_min);
    EXPECT_EQ(policy.sleep_length(now, now + IdlePolicy::sleep_min - 1ns), 0ns);
    EXPECT_EQ(policy.sleep_length(now, now), 0ns);
    EXPECT_EQ(policy.sleep_length(now, now - 1s), 0ns);
}

} // namespace
} // namespace millrace::runtime
