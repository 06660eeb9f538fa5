// D4.frto: time-outs that were spurious (RFC 5682).

#include "recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

class ForwardRtoTest : public RecoveryTest {
  protected:
    /// Ten in flight, data behind them, and the time-out has come.
    void timed_out(std::uint32_t behind = 20'000) {
        ten_in_flight(behind);
        while (counters[Counter::retransmission_timeouts] == 0) {
            fire();
        }
        ASSERT_EQ(sent.size(), 1U);
    }
};

TEST_F(ForwardRtoTest, D4_frto_what_was_only_late_takes_the_time_out_back) {
    timed_out();
    EXPECT_EQ(tcb.congestion.cwnd, 1000U);
    now += 10ms;
    arrive({.ack = at(2)}); // Two of the originals: the second was never sent again.
    EXPECT_EQ(tcb.congestion.ssthresh, UINT32_MAX);
    EXPECT_GE(tcb.congestion.cwnd, 10'000U);
    EXPECT_EQ(counters[Counter::recoveries_undone], 1U);
    for (const Seg& seg : sent) {
        EXPECT_GE(seg.seq, at(10)) << "nothing is sent again";
    }
}

TEST_F(ForwardRtoTest, D4_frto_sends_new_data_before_it_believes_in_losses) {
    timed_out();
    now += 10ms;
    EXPECT_FALSE(arrive({.ack = at(1)}).out.empty()); // The repair, or the late original?
    for (const Seg& seg : sent) {
        EXPECT_GT(seg.seq, at(10)) << "step 2b";
    }
    arrive({.ack = at(2)}); // An original.
    EXPECT_EQ(counters[Counter::recoveries_undone], 1U);
}

TEST_F(ForwardRtoTest, D4_frto_a_gap_says_that_the_losses_are_real) {
    timed_out();
    now += 10ms;
    arrive({.ack = at(1)});
    const auto new_data = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss) - 1000;
    now += rtt;
    arrive({.ack = at(1), .sack = {{new_data, new_data + 1000}}});
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent.front().seq, at(1));
    EXPECT_EQ(counters[Counter::recoveries_undone], 0U);
    EXPECT_LE(tcb.congestion.ssthresh, 6000U);
}

TEST_F(ForwardRtoTest, D4_frto_without_sack_a_repair_may_have_freed_what_had_arrived) {
    established();
    user_sends(30'000);
    while (counters[Counter::retransmission_timeouts] == 0) {
        fire();
    }
    arrive({.ack = 5001}); // The first was lost, the next four had arrived.
    EXPECT_EQ(counters[Counter::recoveries_undone], 0U);
}

} // namespace
} // namespace millrace::tcp
