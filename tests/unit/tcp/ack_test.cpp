// B1 and E4: which acknowledgements are believed, and what they say of the window.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

class AckTest : public EngineTest {};

TEST_F(AckTest, D1_data_is_kept_until_it_is_acknowledged) {
    established();
    user_sends(3000);
    EXPECT_EQ(tcb.queue.length, 3000U);
    arrive({.ack = 1001});
    EXPECT_EQ(tcb.queue.length, 2000U);
    arrive({.ack = 1234}); // Not where a segment ended.
    EXPECT_EQ(tcb.queue.length, 1767U);
    EXPECT_EQ(events, event::acknowledged);
    arrive({.ack = 3001});
    EXPECT_EQ(tcb.queue.length, 0U);
    EXPECT_EQ(tcb.next_deadline(), never);
}

// E4.optimistic
TEST_F(AckTest, E4_an_ack_of_what_was_never_sent) {
    established();
    user_sends(100);
    for (const std::uint32_t ack : {102U, 5000U, 0x7FFF'FFFFU}) {
        const Step step = arrive({.ack = ack});
        EXPECT_EQ(step.arrival.drop, Drop::tcp_ack_of_unsent);
        EXPECT_SENT(step.out, {.seq = 101, .ack = 1});
        EXPECT_EQ(tcb.queue.length, 100U);
        now += 501ms;
    }
}

// E4.optimistic
TEST_F(AckTest, E4_text_with_an_ack_of_what_was_never_sent_is_not_taken) {
    established();
    arrive({.ack = 2, .length = 100});
    EXPECT_EQ(delivered, 0U);
    EXPECT_EQ(tcb.rcv.nxt, ends.irs + 1);
}

TEST_F(AckTest, E1_an_ack_older_than_the_largest_window) {
    ends.window = 5000;
    established();
    user_sends(1);
    arrive({.ack = 2});
    const Step old = arrive({.ack = 2U - 5000U, .length = 10});
    EXPECT_EQ(old.arrival.drop, Drop::none); // The oldest that is let through.
    EXPECT_EQ(delivered, 10U);
    const Step older = arrive({.seq = 11, .ack = 2U - 5001U, .length = 10});
    EXPECT_EQ(older.arrival.drop, Drop::tcp_old_ack);
    EXPECT_SENT(older.out, {.seq = 2, .ack = 11});
    EXPECT_EQ(delivered, 10U);
}

TEST_F(AckTest, E1_the_antipode_is_no_acknowledgement) {
    established();
    user_sends(100);
    EXPECT_NE(arrive({.ack = 101U + 0x8000'0000U, .length = 5}).arrival.drop, Drop::none);
    EXPECT_NE(arrive({.ack = 1U + 0x8000'0000U, .length = 5}).arrival.drop, Drop::none);
    EXPECT_EQ(tcb.snd.una, ends.iss + 1);
}

TEST_F(AckTest, B1_a_segment_without_ack_is_ignored) {
    established();
    const Step step = arrive({.flags = 0, .length = 10});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_no_ack);
    EXPECT_SENT_NOTHING(step.out);
    EXPECT_EQ(delivered, 0U);
}

TEST_F(AckTest, D2_the_window_is_the_newest_segments) {
    established();
    user_sends(10);
    arrive({.seq = 1, .ack = 1, .length = 10, .window = 5000});
    EXPECT_EQ(tcb.snd.wnd, 5000U);
    arrive({.seq = 11, .ack = 11, .window = 7000});
    EXPECT_EQ(tcb.snd.wnd, 7000U);
    // Older than what was taken last: by its sequence number, then by its acknowledgement.
    arrive({.seq = 1, .ack = 1, .length = 11, .window = 100});
    EXPECT_EQ(tcb.snd.wnd, 7000U);
    user_sends(10);
    arrive({.seq = 12, .ack = 21, .window = 8000});
    arrive({.seq = 12, .ack = 11, .window = 100});
    EXPECT_EQ(tcb.snd.wnd, 8000U);
    arrive({.seq = 12, .ack = 21, .window = 9000});
    EXPECT_EQ(tcb.snd.wnd, 9000U);
}

TEST_F(AckTest, D1_an_ack_beyond_where_a_time_out_has_gone_back_to) {
    established();
    user_sends(5000);
    fire();
    EXPECT_SENT(sent, {.length = 1000});
    arrive({.ack = 4001});
    EXPECT_SENT(sent, {.seq = 4001, .flags = PA, .length = 1000});
    EXPECT_EQ(tcb.queue.length, 1000U);
}

TEST_F(AckTest, D1_queues_of_many_slices_are_acknowledged_piecemeal) {
    established();
    std::uint32_t acked = 1;
    for (std::uint32_t i = 1; i < 60; ++i) {
        const Slice slice = packets.make(ours, queued, 37 * i);
        ASSERT_TRUE(send(tcb, slice, context));
        queued += 37 * i;
        sent.clear();
        flush_all();
        acked += 31 * i;
        arrive({.ack = std::min(acked, static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss))});
    }
    while (tcb.flight() > 0) {
        arrive({.ack = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss)});
    }
    EXPECT_EQ(tcb.queue.length, 0U);
    EXPECT_EQ(tcb.send_charge, 0U);
}

} // namespace
} // namespace millrace::tcp
