// D7: when acknowledgements go out.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

class DelayedAckTest : public EngineTest {};

TEST_F(DelayedAckTest, D7_one_segment_waits_for_forty_milliseconds) {
    established();
    arrive({.length = 1000}); // Largest so far; from now on a full segment has 1000 bytes.
    EXPECT_SENT_NOTHING(sent);
    EXPECT_EQ(fire(), 40ms);
    EXPECT_SENT(sent, {.ack = 1001});
    EXPECT_EQ(tcb.next_deadline(), never);
    EXPECT_EQ(counters[Counter::delayed_acks], 1U);
}

TEST_F(DelayedAckTest, D7_the_delay_counts_from_the_first_segment) {
    established();
    arrive({.length = 1000});
    now += 30ms;
    arrive({.seq = 1001, .length = 10});
    EXPECT_SENT_NOTHING(sent);
    EXPECT_EQ(fire(), 10ms);
    EXPECT_SENT(sent, {.ack = 1011});
}

TEST_F(DelayedAckTest, D7_the_second_full_segment_is_acknowledged_at_once) {
    established();
    EXPECT_SENT_NOTHING(arrive({.length = 1000}).out);
    EXPECT_SENT(arrive({.seq = 1001, .length = 1000}).out, {.ack = 2001});
    EXPECT_SENT_NOTHING(arrive({.seq = 2001, .length = 1000}).out);
    EXPECT_SENT(arrive({.seq = 3001, .length = 1000}).out, {.ack = 4001});
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(DelayedAckTest, D7_two_full_segments_inside_a_burst) {
    established();
    arrive_together(train(1, 2, 1000));
    // Of eight that come together every second one is acknowledged, the last at the end.
    EXPECT_SENT(arrive_together(train(2001, 8, 1000)), {.ack = 4001}, {.ack = 6001}, {.ack = 8001},
                {.ack = 10'001});
    EXPECT_SENT(arrive_together(train(10'001, 3, 1000)), {.ack = 12'001});
    EXPECT_EQ(fire(), 40ms);
    EXPECT_SENT(sent, {.ack = 13'001});
}

TEST_F(DelayedAckTest, D7_also_for_what_the_user_leaves) {
    user_takes = 0;
    established();
    EXPECT_SENT(arrive_together(train(1, 4, 1200)), {.ack = 2401}, {.ack = 4801});
}

TEST_F(DelayedAckTest, D7_small_segments_share_one_until_they_make_two_full_ones) {
    established();
    arrive({.length = 1000});
    fire();
    for (std::uint32_t i = 0; i < 19; ++i) {
        EXPECT_SENT_NOTHING(arrive({.seq = 1001 + 100 * i, .length = 100}).out);
    }
    EXPECT_SENT(arrive({.seq = 2901, .length = 100}).out, {.ack = 3001});
}

TEST_F(DelayedAckTest, D7_data_carries_the_acknowledgement) {
    established();
    user_does = [this] { queue(10); };
    EXPECT_SENT(arrive({.length = 1000}).out, {.ack = 1001, .flags = PA, .length = 10});
    EXPECT_EQ(tcb.ack_deadline, never);
}

TEST_F(DelayedAckTest, D7_data_sent_meanwhile_carries_it) {
    established();
    arrive({.length = 1000});
    now += 10ms;
    EXPECT_SENT(user_sends(10), {.ack = 1001, .flags = PA, .length = 10});
    EXPECT_EQ(tcb.ack_deadline, never);
}

TEST_F(DelayedAckTest, D7_out_of_order_each_at_once) {
    established();
    EXPECT_SENT(arrive_together({{.seq = 1001, .length = 1000},
                                 {.seq = 2001, .length = 1000},
                                 {.seq = 4001, .length = 1000},
                                 {.seq = 5001, .length = 1}}),
                {.ack = 1}, {.ack = 1}, {.ack = 1}, {.ack = 1});
    EXPECT_EQ(counters[Counter::duplicate_acks_sent], 4U);
}

TEST_F(DelayedAckTest, D7_a_repeated_segment_out_of_order_too) {
    established();
    arrive({.seq = 1001, .length = 1000});
    const Step step = arrive({.seq = 1001, .length = 1000});
    EXPECT_SENT(step.out, {.ack = 1});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_old_duplicate);
}

TEST_F(DelayedAckTest, D7_filling_a_gap_in_part_or_whole_is_told_at_once) {
    established();
    arrive({.seq = 2001, .length = 1000});
    EXPECT_SENT(arrive({.length = 500}).out, {.ack = 501});
    EXPECT_SENT(arrive({.seq = 501, .length = 1500}).out, {.ack = 3001});
    EXPECT_SENT_NOTHING(arrive({.seq = 3001, .length = 10}).out);
}

TEST_F(DelayedAckTest, D7_an_old_segment_is_acknowledged_at_once_however_often) {
    established();
    arrive({.length = 1000});
    for (int i = 0; i < 10; ++i) {
        EXPECT_SENT(arrive({.length = 1000}).out, {.ack = 1001});
    }
}

TEST_F(DelayedAckTest, D7_a_fin_is_acknowledged_at_once) {
    established();
    EXPECT_SENT(arrive({.flags = FPA, .length = 10}).out, {.ack = 12});
}

TEST_F(DelayedAckTest, D7_a_pure_acknowledgement_is_never_acknowledged) {
    established();
    user_sends(1000);
    EXPECT_SENT_NOTHING(arrive({.ack = 1001}).out);
    EXPECT_SENT_NOTHING(arrive({.ack = 1001}).out);
    EXPECT_SENT_NOTHING(arrive({.ack = 1}).out);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(DelayedAckTest, D7_a_keep_alive_is_answered) {
    established();
    arrive({.length = 10});
    fire();
    EXPECT_SENT(arrive({.seq = 10}).out, {.ack = 11}); // Without a byte
    now += 1s;
    EXPECT_SENT(arrive({.seq = 10, .length = 1}).out, {.ack = 11}); // and with one that is old.
}

TEST_F(DelayedAckTest, D7_a_closed_connection_owes_nothing) {
    established();
    arrive({.length = 10});
    user_aborts();
    EXPECT_EQ(tcb.next_deadline(), never);
}

} // namespace
} // namespace millrace::tcp
