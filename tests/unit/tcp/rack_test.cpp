// D4.rack: losses found by time (RFC 8985 §6).

#include "recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

class RackTest : public RecoveryTest {};

TEST_F(RackTest, D4_rack_waits_a_quarter_of_the_round_trip_for_what_is_overtaken) {
    ten_in_flight();
    EXPECT_SENT_NOTHING(arrive(sacking(1, 2)).out);
    EXPECT_EQ(repair(), Repair::disorder);
    EXPECT_EQ(tcb.timer, RetransmitTimer::reordering);
    EXPECT_EQ(fire(), 25ms);
    EXPECT_SENT(sent, {.seq = first, .length = 1000});
    EXPECT_EQ(repair(), Repair::recovery);
}

TEST_F(RackTest, D4_rack_what_comes_late_but_in_time_is_not_lost) {
    ten_in_flight();
    arrive(sacking(1, 2));
    now += 20ms;
    EXPECT_SENT_NOTHING(arrive({.ack = at(2)}).out);
    EXPECT_TRUE(tcb.reordering_seen);
    EXPECT_EQ(repair(), Repair::open);
    EXPECT_EQ(counters[Counter::retransmitted_segments], 0U);
}

TEST_F(RackTest, D4_rack_three_overtakings_do_for_a_path_that_keeps_order) {
    ten_in_flight();
    EXPECT_SENT(arrive_together({sacking(1, 2), sacking(1, 3), sacking(1, 4)}),
                {.seq = first, .length = 1000});
}

TEST_F(RackTest, D4_rack_but_not_for_one_that_has_reordered) {
    ten_in_flight();
    tcb.reordering_seen = true;
    EXPECT_SENT_NOTHING(arrive_together({sacking(1, 2), sacking(1, 3), sacking(1, 4)}));
    EXPECT_EQ(tcb.timer, RetransmitTimer::reordering);
}

TEST_F(RackTest, D4_rack_a_lost_retransmission_is_repaired_without_a_time_out) {
    ten_in_flight(10'000);
    arrive_together({sacking(1, 2), sacking(1, 3), sacking(1, 4)}); // The first goes again.
    arrive_together({sacking(1, 5), sacking(1, 6), sacking(1, 7), sacking(1, 10)});
    const auto new_data = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss);
    ASSERT_GT(new_data, at(10)) << "recovery lets new data go";
    // New data, sent after the repair, arrives; the repair has not.
    now += rtt + 30ms;
    EXPECT_FALSE(arrive({.ack = first, .sack = {{at(1), new_data}}}).out.empty());
    EXPECT_EQ(sent.front().seq, first);
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 0U);
}

TEST_F(RackTest, D4_rack_a_report_of_duplicates_widens_the_window_once_a_round_trip) {
    ten_in_flight();
    arrive({.ack = first, .sack = {{first - 1000, first}}});
    arrive({.ack = first, .sack = {{first - 1000, first}}});
    EXPECT_EQ(tcb.reordering_multiplier, 2U);
    arrive(sacking(1, 2));
    EXPECT_EQ(fire(), 50ms);
}

TEST_F(RackTest, D4_rack_a_segment_of_an_hour_ago_makes_nothing_seem_overtaken) {
    ten_in_flight();
    now += std::chrono::minutes{40}; // A window that was closed, say; the peer has answered.
    arrive({.ack = at(1), .sack = {{at(2), at(3)}}});
    const std::uint64_t again = counters[Counter::retransmitted_segments];
    for (int i = 0; i < 20; ++i) {
        now += 1ms;
        arrive({.ack = at(1)});
    }
    EXPECT_LE(counters[Counter::retransmitted_segments], again + 10);
}

} // namespace
} // namespace millrace::tcp
