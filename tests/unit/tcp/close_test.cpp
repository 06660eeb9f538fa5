// B4: how connections end in order.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

class CloseTest : public EngineTest {};

// ------------------------------------------------------------------------------- we close first

TEST_F(CloseTest, B4_we_close_first) {
    established();
    EXPECT_SENT(user_shuts_down(), {.flags = FA});
    EXPECT_EQ(tcb.state, State::fin_wait_1);
    EXPECT_SENT_NOTHING(arrive({.ack = 2}).out);
    EXPECT_EQ(tcb.state, State::fin_wait_2);
    EXPECT_EQ(tcb.next_deadline(), never);
    EXPECT_SENT(arrive({.ack = 2, .flags = FA}).out, {.seq = 2, .ack = 2});
    EXPECT_EQ(tcb.state, State::time_wait);
    EXPECT_EQ(events, event::acknowledged | event::end_of_stream);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(CloseTest, B4_the_fin_rides_on_the_last_data) {
    established();
    queue(500);
    EXPECT_SENT(user_shuts_down(), {.flags = FPA, .length = 500});
}

TEST_F(CloseTest, B4_the_fin_follows_data_that_waits_for_the_window) {
    ends.window = 1500;
    established();
    queue(2500);
    EXPECT_SENT(user_shuts_down(), {.length = 1000});
    EXPECT_SENT(arrive({.ack = 1001, .window = 1000}).out, {.seq = 1001, .length = 1000});
    EXPECT_SENT(arrive({.ack = 2001}).out, {.seq = 2001, .flags = FPA, .length = 500});
    EXPECT_EQ(queue(1), 0U);
}

TEST_F(CloseTest, B4_nothing_more_is_queued_after_a_shutdown) {
    fin_wait_1();
    EXPECT_EQ(send_space(tcb, context), 0U);
    EXPECT_EQ(queue(10), 0U);
    EXPECT_FALSE(send(tcb, Slice{nullptr, 1, OwnerKind::nobody, 0}, context));
    EXPECT_SENT_NOTHING(user_shuts_down());
}

TEST_F(CloseTest, B4_data_flows_on_towards_a_half_closed_end) {
    fin_wait_2();
    for (std::uint32_t i = 0; i < 10; ++i) {
        arrive({.seq = 1 + 1000 * i, .ack = 2, .length = 1000});
    }
    EXPECT_EQ(delivered, 10'000U);
    advance(10min);
    EXPECT_EQ(tcb.state, State::fin_wait_2);
    EXPECT_SENT(arrive({.seq = 10'001, .ack = 2, .flags = FA, .length = 10}).out,
                {.seq = 2, .ack = 10'012});
    EXPECT_EQ(delivered, 10'010U);
    EXPECT_EQ(tcb.state, State::time_wait);
}

TEST_F(CloseTest, B4_data_and_fin_that_acknowledge_our_fin) {
    fin_wait_1();
    EXPECT_SENT(arrive({.ack = 2, .flags = FPA, .length = 100}).out, {.seq = 2, .ack = 102});
    EXPECT_EQ(tcb.state, State::time_wait);
    EXPECT_EQ(delivered, 100U);
}

TEST_F(CloseTest, B4_our_fin_is_sent_again) {
    fin_wait_1();
    EXPECT_EQ(fire(), 1s);
    EXPECT_SENT(sent, {.flags = FA});
    EXPECT_EQ(fire(), 2s);
    EXPECT_SENT(sent, {.flags = FA});
    arrive({.ack = 2});
    EXPECT_EQ(tcb.state, State::fin_wait_2);
}

TEST_F(CloseTest, B4_a_fin_lost_with_its_data_is_sent_again_with_it) {
    established();
    queue(1500);
    user_shuts_down();
    fire();
    EXPECT_SENT(sent, {.length = 1000});
    EXPECT_SENT(arrive({.ack = 1001}).out, {.seq = 1001, .flags = FPA, .length = 500});
    arrive({.ack = 1502});
    EXPECT_EQ(tcb.state, State::fin_wait_2);
}

TEST_F(CloseTest, B4_an_ack_of_the_data_alone_leaves_the_fin) {
    established();
    queue(500);
    user_shuts_down();
    arrive({.ack = 501});
    EXPECT_EQ(tcb.state, State::fin_wait_1);
    fire();
    EXPECT_SENT(sent, {.seq = 501, .flags = FA});
    arrive({.ack = 502});
    EXPECT_EQ(tcb.state, State::fin_wait_2);
}

// ---------------------------------------------------------------------------- the peer closes
// first

TEST_F(CloseTest, B4_the_peer_closes_first) {
    established();
    EXPECT_SENT(arrive({.flags = FA}).out, {.ack = 2});
    EXPECT_EQ(tcb.state, State::close_wait);
    EXPECT_EQ(events, event::end_of_stream);
    EXPECT_SENT(user_sends(100), {.ack = 2, .flags = PA, .length = 100});
    arrive({.seq = 2, .ack = 101});
    EXPECT_SENT(user_shuts_down(), {.seq = 101, .ack = 2, .flags = FA});
    EXPECT_EQ(tcb.state, State::last_ack);
    events = 0;
    EXPECT_SENT_NOTHING(arrive({.seq = 2, .ack = 102}).out);
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(events, event::acknowledged);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(CloseTest, B4_end_of_stream_comes_after_all_data) {
    established();
    arrive({.seq = 1001, .flags = FPA, .length = 500});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(events & event::end_of_stream, 0);
    EXPECT_SENT(arrive({.length = 1000}).out, {.ack = 1502});
    EXPECT_EQ(tcb.state, State::close_wait);
    EXPECT_NE(events & event::end_of_stream, 0);
    user_reads(10'000);
    EXPECT_EQ(delivered, 1500U);
}

TEST_F(CloseTest, B4_a_fin_alone_that_comes_early) {
    established();
    EXPECT_SENT(arrive({.seq = 1001, .flags = FA}).out, {.ack = 1});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_SENT(arrive({.length = 1000}).out, {.ack = 1002});
    EXPECT_EQ(tcb.state, State::close_wait);
}

TEST_F(CloseTest, B4_a_fin_that_contradicts_the_data_is_forgotten) {
    established();
    arrive({.seq = 501, .flags = FA});
    arrive({.length = 1000});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(tcb.reassembly, Pool<Reassembly>::none);
    EXPECT_EQ(delivered, 1000U);
}

TEST_F(CloseTest, B4_a_repeated_fin_is_acknowledged_again) {
    close_wait();
    EXPECT_SENT(arrive({.flags = FA}).out, {.ack = 2});
    EXPECT_EQ(tcb.state, State::close_wait);
}

TEST_F(CloseTest, B4_data_after_the_fin_is_not_taken) {
    close_wait();
    EXPECT_EQ(arrive({.seq = 2, .length = 10}).arrival.drop, Drop::tcp_after_fin);
    EXPECT_EQ(delivered, 0U);
    EXPECT_EQ(tcb.rcv.nxt, ends.irs + 2);
}

TEST_F(CloseTest, B4_what_came_out_of_order_behind_the_fin_is_dropped) {
    established();
    arrive({.seq = 2001, .length = 1000});
    EXPECT_SENT(arrive({.flags = FA, .length = 100}).out, {.ack = 102});
    EXPECT_EQ(tcb.state, State::close_wait);
    EXPECT_EQ(reassemblies.in_use(), 0U);
}

TEST_F(CloseTest, B4_a_fin_ends_the_stream_whatever_came_before_it) {
    established();
    arrive({.seq = 51, .length = 100});
    EXPECT_SENT(arrive({.flags = FA, .length = 60}).out, {.ack = 62});
    EXPECT_EQ(tcb.state, State::close_wait);
    user_reads(1000);
    EXPECT_EQ(delivered, 60U);
}

TEST_F(CloseTest, B4_last_ack_lasts_until_all_is_read) {
    user_takes = 0;
    established();
    arrive({.flags = FPA, .length = 100});
    user_shuts_down();
    arrive({.seq = 102, .ack = 2});
    EXPECT_EQ(tcb.state, State::last_ack);
    EXPECT_FALSE(has_ended(tcb));
    EXPECT_EQ(tcb.next_deadline(), never);
    EXPECT_SENT_NOTHING(user_reads(50));
    EXPECT_FALSE(has_ended(tcb));
    EXPECT_SENT_NOTHING(user_reads(50));
    EXPECT_TRUE(has_ended(tcb));
    EXPECT_EQ(delivered, 100U);
}

// B10.orphans
TEST_F(CloseTest, B4_last_ack_gives_up) {
    last_ack();
    advance(60min);
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(events & event::timed_out, event::timed_out);
}

// --------------------------------------------------------------------------------- both at once

TEST_F(CloseTest, B4_simultaneous_close) {
    fin_wait_1();
    EXPECT_SENT(arrive({.flags = FA}).out, {.seq = 2, .ack = 2});
    EXPECT_EQ(tcb.state, State::closing);
    EXPECT_SENT_NOTHING(arrive({.seq = 2, .ack = 2}).out);
    EXPECT_EQ(tcb.state, State::time_wait);
}

TEST_F(CloseTest, B4_simultaneous_close_with_data_both_ways) {
    established();
    queue(700);
    EXPECT_SENT(user_shuts_down(), {.flags = FPA, .length = 700});
    EXPECT_SENT(arrive({.flags = FPA, .length = 300}).out, {.seq = 702, .ack = 302});
    EXPECT_EQ(tcb.state, State::closing);
    EXPECT_EQ(delivered, 300U);
    arrive({.seq = 302, .ack = 701});
    EXPECT_EQ(tcb.state, State::closing);
    fire();
    EXPECT_SENT(sent, {.seq = 701, .ack = 302, .flags = FA});
    arrive({.seq = 302, .ack = 702});
    EXPECT_EQ(tcb.state, State::time_wait);
}

// ------------------------------------------------------------------------------ the user is gone

TEST_F(CloseTest, B4_data_for_a_user_who_is_gone_is_reset) {
    for (const bool acknowledged : {false, true}) {
        established();
        user_closes();
        arrive({.ack = acknowledged ? 2U : 1U});
        events = 0;
        const Step step = arrive({.ack = acknowledged ? 2U : 1U, .length = 100});
        EXPECT_SENT(step.out, {.seq = 2, .ack = 1, .flags = RA});
        EXPECT_EQ(step.arrival.drop, Drop::tcp_data_after_close);
        EXPECT_EQ(tcb.state, State::closed);
        EXPECT_EQ(events, event::aborted);
        release(tcb, context);
    }
}

TEST_F(CloseTest, B4_data_out_of_order_for_a_user_who_is_gone_is_reset) {
    established();
    user_closes();
    EXPECT_SENT(arrive({.seq = 5001, .length = 100}).out, {.seq = 2, .ack = 1, .flags = RA});
}

TEST_F(CloseTest, B4_old_data_does_not_reset_a_closed_connection) {
    established();
    arrive({.length = 100});
    user_closes();
    EXPECT_SENT(arrive({.length = 100}).out, {.seq = 2, .ack = 101});
    EXPECT_EQ(tcb.state, State::fin_wait_1);
}

TEST_F(CloseTest, B4_a_close_with_data_unread_resets) {
    established();
    user_takes = 0;
    arrive({.length = 100});
    EXPECT_SENT(user_closes(), {.ack = 101, .flags = RA});
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(CloseTest, B4_a_close_while_looking_at_text_that_is_all_used) {
    established();
    user_does = [this] { static_cast<void>(close(tcb, now, context)); };
    EXPECT_SENT(arrive({.length = 100}).out, {.ack = 101, .flags = FA});
    EXPECT_EQ(tcb.state, State::fin_wait_1);
}

TEST_F(CloseTest, B4_a_close_while_looking_at_text_that_is_left) {
    established();
    user_takes = 60;
    user_does = [this] { static_cast<void>(close(tcb, now, context)); };
    EXPECT_SENT(arrive({.length = 100}).out, {.ack = 1, .flags = RA});
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(events, event::aborted);
}

TEST_F(CloseTest, B5_an_abort_while_looking_at_text) {
    established();
    user_takes = 0;
    user_does = [this] { abort(tcb, context); };
    EXPECT_SENT(arrive({.flags = FPA, .length = 100}).out, {.ack = 1, .flags = RA});
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(tcb.unread.length, 0U);
}

TEST_F(CloseTest, B4_a_close_while_looking_at_text_with_a_fin) {
    established();
    user_does = [this] { static_cast<void>(close(tcb, now, context)); };
    EXPECT_SENT(arrive({.flags = FPA, .length = 100}).out, {.ack = 102, .flags = FA});
    EXPECT_EQ(tcb.state, State::closing);
    arrive({.seq = 102, .ack = 2});
    EXPECT_EQ(tcb.state, State::time_wait);
}

TEST_F(CloseTest, B4_a_reply_and_a_shutdown_while_looking_at_text) {
    established();
    user_does = [this] {
        queue(10);
        shutdown(tcb);
    };
    EXPECT_SENT(arrive({.length = 100}).out, {.ack = 101, .flags = FPA, .length = 10});
}

TEST_F(CloseTest, B10_fin_wait_2_ends_for_a_user_who_is_gone) {
    established();
    user_closes();
    arrive({.ack = 2});
    ASSERT_EQ(tcb.state, State::fin_wait_2);
    EXPECT_EQ(fire(), 60s);
    EXPECT_SENT_NOTHING(sent);
    EXPECT_EQ(tcb.state, State::time_wait);
}

TEST_F(CloseTest, B10_fin_wait_2_ends_when_the_user_goes_later) {
    fin_wait_2();
    user_closes();
    EXPECT_EQ(fire(), 60s);
    EXPECT_EQ(tcb.state, State::time_wait);
}

TEST_F(CloseTest, B4_closing_a_closed_connection_does_nothing) {
    established();
    user_aborts();
    EXPECT_TRUE(close(tcb, now, context));
    EXPECT_EQ(tcb.state, State::closed);
    shutdown(tcb);
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_SENT_NOTHING(user_aborts());
}

// --------------------------------------------------------------------------------- closed windows

TEST_F(CloseTest, B4_a_fin_goes_into_a_closed_window) {
    ends.window = 0;
    established();
    EXPECT_SENT(user_shuts_down(), {.flags = FA});
}

TEST_F(CloseTest, B4_a_fin_is_taken_when_our_window_is_closed) {
    config.receive_buffer_bytes = 4096;
    user_takes = 0;
    established();
    arrive_together(train(1, 4, 1000));
    arrive({.seq = 4001, .length = 96});
    ASSERT_EQ(tcb.rcv_wnd(), 0U);
    EXPECT_SENT(arrive({.seq = 4097, .flags = FA}).out, {.ack = 4098, .window = 0});
    EXPECT_EQ(tcb.state, State::close_wait);
    user_reads(10'000);
    EXPECT_EQ(delivered, 4096U);
}

} // namespace
} // namespace millrace::tcp
