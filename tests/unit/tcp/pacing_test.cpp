// D10.rate: segments leave at a rate made of cwnd and the round-trip time, in small bursts.

#include "tcp/pacing.hpp"

#include "recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

TEST(PacingTimeTest, D10_rate_a_fifth_more_than_cwnd_in_a_round_trip) {
    const CongestionState state{.cwnd = 100'000, .ssthresh = 100'000};
    EXPECT_EQ(pacing_time(state, 0, 120'000, 1000), 1ms);
    EXPECT_EQ(pacing_time(state, 0, 120'000, 100'000), 100ms);
}

TEST(PacingTimeTest, D10_rate_twice_as_much_in_slow_start) {
    EXPECT_EQ(pacing_time({.cwnd = 100'000}, 0, 100'000, 1000), 500us);
    const CongestionState at_its_end{.cwnd = 100'000, .ssthresh = 200'000};
    EXPECT_EQ(pacing_time(at_its_end, 0, 120'000, 1000), 1ms);
}

TEST(PacingTimeTest, D10_rate_what_is_in_flight_counts_when_it_is_more_than_cwnd) {
    const CongestionState state{.cwnd = 1000, .ssthresh = 2000};
    EXPECT_EQ(pacing_time(state, 100'000, 120'000, 1000), 1ms);
}

TEST(PacingTimeTest, D10_rate_the_extremes_fit) {
    const CongestionState fast{.cwnd = cwnd_max, .ssthresh = cwnd_max};
    EXPECT_EQ(pacing_time(fast, 0, 1, 1460), Duration::zero());
    const CongestionState slow{.cwnd = 128 * 1024, .ssthresh = 1};
    EXPECT_EQ(pacing_time(slow, 0, 600'000'000, 128 * 1024), 500s);
}

/// 100 segments of 1000 bytes in a round trip of 100 ms: one takes 833 us, and two may go at once.
class PacedTest : public RecoveryTest {
  protected:
    void paced(std::uint32_t bytes) {
        config.pacing = true;
        measured_path();
        tcb.congestion.cwnd = tcb.congestion.ssthresh = 100'000;
        tcb.snd.wnd = 1'000'000;
        first_burst = user_sends(bytes).size();
    }

    std::size_t first_burst = 0;
};

TEST_F(PacedTest, D10_rate_the_initial_window_goes_at_once_and_the_rest_follows) {
    paced(100'000);
    EXPECT_GE(first_burst, 10U);
    EXPECT_LE(first_burst, 14U);
    EXPECT_EQ(tcb.timer, RetransmitTimer::pacing);
    EXPECT_LE(tcb.next_deadline(), now + 3ms);
}

TEST_F(PacedTest, D10_rate_all_has_left_well_before_the_round_trip_is_over) {
    paced(100'000);
    std::size_t segments = first_burst;
    std::size_t largest = 0;
    const Instant began = now;
    while (segments < 100) {
        ASSERT_EQ(tcb.timer, RetransmitTimer::pacing);
        fire();
        largest = std::max(largest, sent.size());
        segments += sent.size();
    }
    EXPECT_LE(largest, 3U);
    EXPECT_GT(now - began, 60ms);
    EXPECT_LT(now - began, 90ms);
    EXPECT_NE(tcb.timer, RetransmitTimer::pacing) << "nothing waits any more";
}

TEST_F(PacedTest, D10_rate_off_unless_configured) {
    measured_path();
    tcb.congestion.cwnd = tcb.congestion.ssthresh = 100'000;
    tcb.snd.wnd = 1'000'000;
    EXPECT_EQ(user_sends(100'000).size(), 100U);
}

} // namespace
} // namespace millrace::tcp
