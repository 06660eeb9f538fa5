// D4.sack, D4.dsack: selective acknowledgements as a sender takes them (RFC 2018, 2883, 6675).

#include "recovery_fixture.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace millrace::tcp {
namespace {

class SackTest : public RecoveryTest {};

TEST_F(SackTest, D4_sack_three_losses_are_repaired_in_one_round_trip) {
    ten_in_flight();
    // The 1st, 4th and 7th are lost.
    std::vector<Seg> again;
    const auto take = [&](const Seg& seg) {
        arrive(seg);
        again.insert(again.end(), sent.begin(), sent.end());
    };
    take({.ack = first, .sack = {{at(1), at(2)}}});
    take({.ack = first, .sack = {{at(1), at(3)}}});
    take({.ack = first, .sack = {{at(4), at(5)}, {at(1), at(3)}}});
    take({.ack = first, .sack = {{at(4), at(6)}, {at(1), at(3)}}});
    take({.ack = first, .sack = {{at(7), at(8)}, {at(4), at(6)}, {at(1), at(3)}}});
    take({.ack = first, .sack = {{at(7), at(9)}, {at(4), at(6)}, {at(1), at(3)}}});
    take({.ack = first, .sack = {{at(7), at(10)}, {at(4), at(6)}, {at(1), at(3)}}});
    EXPECT_SENT(again, {.seq = at(0), .length = 1000}, {.seq = at(3), .length = 1000},
                {.seq = at(6), .length = 1000});
    EXPECT_EQ(counters[Counter::fast_retransmits], 1U);
    now += rtt;
    EXPECT_SENT_NOTHING(arrive({.ack = at(10)}).out);
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 0U);
    EXPECT_EQ(tcb.congestion.ssthresh, 5000U);
}

TEST_F(SackTest, D4_sack_a_block_that_cuts_a_segment_leaves_the_rest_to_be_repaired) {
    ten_in_flight();
    EXPECT_SENT(arrive({.ack = first, .sack = {{at(1) + 300, at(8)}}}).out,
                {.seq = first, .length = 1000}, {.seq = at(1), .length = 300});
    EXPECT_EQ(flight().lost, 1300U);
    EXPECT_EQ(flight().sacked, 6700U);
}

TEST_F(SackTest, E3_sack_blocks_of_what_is_not_in_flight_count_for_nothing) {
    ten_in_flight();
    EXPECT_SENT_NOTHING(arrive({.ack = first,
                                .sack = {{at(9), at(12)},  // Beyond SND.NXT
                                         {at(5), at(4)},   // Inverted
                                         {at(3), at(3)}}}) // Empty
                            .out);
    EXPECT_EQ(flight().sacked, 0U);
    EXPECT_EQ(repair(), Repair::open);
}

TEST_F(SackTest, D4_sack_what_is_said_again_says_nothing_new) {
    ten_in_flight();
    for (int i = 0; i < 20; ++i) {
        arrive(sacking(2, 3));
    }
    EXPECT_EQ(flight().sacked, 1000U);
    EXPECT_EQ(flight().prr_delivered, 0U);
}

TEST_F(SackTest, D4_sack_a_peer_that_takes_back_what_it_had_gets_it_again) {
    ten_in_flight();
    arrive(sacking(0, 10)); // All, and SND.UNA does not move: no honest peer does this.
    EXPECT_EQ(flight().sacked, 10'000U);
    fire();
    EXPECT_EQ(counters[Counter::sack_reneging], 1U);
    EXPECT_SENT(sent, {.seq = first, .length = 1000});
    EXPECT_EQ(flight().sacked, 0U);
}

TEST_F(SackTest, D4_dsack_a_repair_that_was_not_needed_is_taken_back) {
    ten_in_flight();
    const std::uint32_t cwnd = tcb.congestion.cwnd;
    arrive_together({sacking(1, 2), sacking(1, 3), sacking(1, 4)});
    ASSERT_EQ(repair(), Repair::recovery);
    EXPECT_LT(tcb.congestion.cwnd, cwnd);
    // The first was late only; then its repetition arrives too.
    arrive({.ack = at(4)});
    arrive({.ack = at(4), .sack = {{at(0), at(1)}}});
    EXPECT_GE(tcb.congestion.cwnd, cwnd);
    EXPECT_EQ(tcb.congestion.ssthresh, UINT32_MAX);
    EXPECT_EQ(counters[Counter::recoveries_undone], 1U);
    EXPECT_EQ(counters[Counter::duplicates_reported], 1U);
}

TEST_F(SackTest, E4_dsack_reports_of_what_was_not_repaired_take_nothing_back) {
    ten_in_flight();
    arrive_together({sacking(1, 2), sacking(1, 3), sacking(1, 4)});
    arrive({.ack = at(4)});
    // More than there is: below what was out, and beyond the recovery.
    arrive({.ack = at(4), .sack = {{first - 1000, first}}});
    EXPECT_EQ(counters[Counter::recoveries_undone], 0U);
}

TEST_F(SackTest, D4_dsack_on_the_acknowledgement_of_everything_counts) {
    ten_in_flight();
    arrive({.ack = first, .sack = {{at(1), at(4)}}});
    ASSERT_EQ(repair(), Repair::recovery);
    arrive({.ack = at(10), .sack = {{at(0), at(1)}}});
    EXPECT_EQ(counters[Counter::recoveries_undone], 1U);
}

TEST_F(SackTest, D4_sack_blocks_out_of_order_are_no_reordering) {
    ten_in_flight();
    arrive({.ack = first, .sack = {{at(6), at(7)}, {at(2), at(3)}}}); // An ACK between was lost.
    EXPECT_FALSE(tcb.reordering_seen);
}

TEST_F(SackTest, B10_forged_dsacks_keep_no_connection_whose_user_is_gone) {
    measured_path();
    ASSERT_EQ(queue(2000), 2000U);
    user_closes();
    for (int i = 0; i < 100 && tcb.state != State::closed; ++i) {
        fire();
        if (repair() == Repair::loss) {
            arrive({.ack = first, .sack = {{first, first + 1000}, {first - 5, first + 1000}}});
        }
    }
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(SackTest, D4_dsack_what_comes_twice_is_reported) {
    measured_path();
    arrive({.seq = 1, .ack = first, .length = 500});
    EXPECT_EQ(arrive({.seq = 1, .ack = first, .length = 500}).out.front().sack,
              (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 501}}));
    arrive({.seq = 1001, .ack = first, .length = 500});
    EXPECT_EQ(arrive({.seq = 1001, .ack = first, .length = 500}).out.front().sack,
              (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1001, 1501}, {1001, 1501}}));
    EXPECT_EQ(arrive({.seq = 1, .ack = first, .length = 500}).out.front().sack,
              (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 501}, {1001, 1501}}));
}

TEST_F(SackTest, D4_dsack_is_said_once_and_only_with_sack) {
    established();
    arrive({.length = 500});
    EXPECT_TRUE(arrive({.length = 500}).out.front().sack.empty());
    release(tcb, context);
    measured_path();
    delivered = 0;
    arrive({.seq = 1, .ack = first, .length = 500});
    arrive({.seq = 1, .ack = first, .length = 500});
    EXPECT_TRUE(user_sends(10).front().sack.empty());
}

TEST_F(SackTest, D4_sack_blocks_in_any_order_leave_what_they_say) {
    std::mt19937 random{1}; // NOLINT(cert-msc51-cpp): the same in every run.
    const auto drawn = [&random](std::uint32_t from, std::uint32_t to) {
        return from + static_cast<std::uint32_t>(random() % (to - from));
    };
    ends.window = 65'535;
    measured_path();
    tcb.congestion.cwnd = 60'000;
    ASSERT_EQ(user_sends(60'000).size(), 60U);
    std::vector<bool> told_of(60);
    std::uint32_t acked = 0;
    for (int i = 0; i < 200; ++i) {
        if (i % 10 == 9 && acked < 50) {
            acked += drawn(0, 3);
        }
        const std::uint32_t from = drawn(acked, 60);
        const std::uint32_t to = drawn(from + 1, std::min(from + 6, 60U) + 1);
        std::fill(told_of.begin() + from, told_of.begin() + to, true);
        arrive({.ack = at(acked), .sack = {{at(from), at(to)}}});
        const auto expected = std::count(told_of.begin() + acked, told_of.end(), true);
        ASSERT_EQ(flight().sacked, expected * 1000) << i;
    }
}

TEST_F(SackTest, E3_sack_a_block_that_is_far_from_all_others_is_not_followed) {
    measured_path();
    tcb.no_delay = true;
    for (int i = 0; i < 1200; ++i) {
        user_sends(1);
    }
    ASSERT_EQ(flight().records, 1200U);
    const auto told_of = [&](std::uint32_t nth) {
        arrive({.ack = first, .sack = {{first + nth, first + nth + 1}}});
        return flight().sacked;
    };
    EXPECT_EQ(told_of(1199), 0U);
    EXPECT_EQ(told_of(100), 1U);
    EXPECT_EQ(told_of(1199), 1U) << "still too far";
    EXPECT_EQ(told_of(300), 2U);
    EXPECT_EQ(told_of(1199), 3U);
}

TEST_F(SackTest, D4_sack_a_repair_that_is_not_needed_any_more_lets_no_other_pass) {
    ten_in_flight();
    tcb.reordering_seen = true;
    now += 50ms;
    // The same burst tells of a loss, and that it was none.
    arrive_together({sacking(1, 4), {.ack = at(4)}});
    EXPECT_FALSE(flight().must_repair);
}

} // namespace
} // namespace millrace::tcp
