// D2: flow control, of the data that we send and of the data that we get.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

// --------------------------------------------------------------------------- the peer's window

class SendWindowTest : public EngineTest {};

TEST_F(SendWindowTest, D2_no_more_is_sent_than_the_window_takes) {
    ends.window = 2500;
    established();
    EXPECT_SENT(user_sends(5000), {.length = 1000}, {.seq = 1001, .length = 1000});
    // The rest of the window is less than a segment, and something is in flight: it waits.
    EXPECT_SENT(arrive({.ack = 1001}).out, {.seq = 2001, .length = 1000});
    EXPECT_SENT(arrive({.ack = 3001}).out, {.seq = 3001, .length = 1000},
                {.seq = 4001, .flags = PA, .length = 1000});
}

TEST_F(SendWindowTest, D2_half_of_the_largest_window_is_worth_a_segment) {
    ends.window = 700;
    established();
    EXPECT_SENT(user_sends(2000), {.length = 700});
    EXPECT_SENT_NOTHING(arrive({.ack = 351, .window = 350 - 1}).out);
    EXPECT_SENT(arrive({.ack = 701, .window = 350}).out, {.seq = 701, .length = 350});
}

TEST_F(SendWindowTest, D2_a_window_smaller_than_any_segment_is_used_after_a_while) {
    ends.window = 10'000;
    established();
    arrive({.window = 10});
    EXPECT_SENT_NOTHING(user_sends(100));
    EXPECT_EQ(fire(), 1s);
    EXPECT_SENT(sent, {.length = 10});
    EXPECT_SENT_NOTHING(arrive({.ack = 11, .window = 10}).out);
    fire();
    EXPECT_SENT(sent, {.seq = 11, .length = 10});
    EXPECT_SENT(arrive({.ack = 21, .window = 1000}).out, {.seq = 21, .flags = PA, .length = 80});
}

TEST_F(SendWindowTest, D2_a_closed_window_is_probed) {
    ends.window = 0;
    established();
    EXPECT_SENT_NOTHING(user_sends(100));
    Duration expected = 1s;
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(fire(), expected);
        EXPECT_SENT(sent, {.seq = 0, .ack = 1});
        expected = std::min<Duration>(2 * expected, 120s);
    }
}

TEST_F(SendWindowTest, D2_probing_never_ends_while_the_peer_answers) {
    ends.window = 0;
    established();
    user_sends(100);
    for (int i = 0; i < 100; ++i) {
        fire();
        arrive({});
        ASSERT_EQ(tcb.state, State::established);
    }
    EXPECT_SENT(arrive({.window = 50'000}).out, {.flags = PA, .length = 100});
}

TEST_F(SendWindowTest, D2_probing_ends_when_nobody_answers) {
    ends.window = 0;
    established();
    user_sends(100);
    advance(120min);
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(events, event::timed_out);
    EXPECT_EQ(counters[Counter::zero_window_probes], 15U);
}

// E3.zero_window
TEST_F(SendWindowTest, E3_a_closed_window_does_not_keep_what_its_user_has_left) {
    ends.window = 0;
    established();
    queue(100);
    user_closes();
    for (int i = 0; i < config.orphan_retries; ++i) {
        fire();
        arrive({});
    }
    EXPECT_NE(tcb.state, State::closed);
    fire();
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(SendWindowTest, D2_after_probing_the_time_out_is_the_paths) {
    ends.window = 0;
    established();
    user_sends(100);
    for (int i = 0; i < 8; ++i) {
        fire();
        arrive({});
    }
    now += 100s; // Of 256 until the next probe.
    EXPECT_SENT(arrive({.window = 50'000}).out, {.flags = PA, .length = 100});
    EXPECT_EQ(fire(), 1s);
    EXPECT_SENT(sent, {.flags = PA, .length = 100});
}

TEST_F(SendWindowTest, D2_the_probes_deadline_is_not_the_datas) {
    ends.window = 0;
    established();
    user_sends(100);
    now += 999ms;
    arrive({.window = 50'000});
    EXPECT_EQ(fire(), 1s);
}

/// A port that is behind lets timers pass between two parts of a flush.
TEST_F(SendWindowTest, D2_a_flush_cut_short_ends_the_probing) {
    ends.window = 0;
    established();
    tcb.congestion.cwnd = 100'000;
    tcb.no_delay = true;
    user_sends(28'500);
    in_burst({.window = 65'000});
    ASSERT_FALSE(flush_part());
    ASSERT_EQ(tcb.flight(), 28'000U);
    sent.clear();
    pass_deadline();
    EXPECT_SENT_NOTHING(sent);
    flush_all();
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 1U);
}

TEST_F(SendWindowTest, D2_a_short_segment_in_flight_is_not_probed_for) {
    established();
    arrive({.window = 1000});
    arrive({.window = 60});
    EXPECT_SENT_NOTHING(user_sends(100));
    sent.clear();
    pass_deadline();
    pass_deadline();
    EXPECT_SENT(sent, {.length = 60});
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 1U);
}

TEST_F(SendWindowTest, D2_data_in_flight_when_the_window_closes) {
    established();
    user_sends(3000);
    now += 50ms;
    arrive({.ack = 1001, .window = 0});
    // As long as the peer answers, what is in flight may be repeated for ever.
    for (int i = 0; i < 50; ++i) {
        fire();
        EXPECT_SENT(sent, {.seq = 1001, .length = 1000});
        arrive({.ack = 1001, .window = 0});
        ASSERT_EQ(tcb.state, State::established);
    }
    // And when it opens, nobody waits for a time-out that has grown to two minutes.
    EXPECT_SENT(arrive({.ack = 1001, .window = 50'000}).out, {.seq = 1001, .length = 1000});
    EXPECT_EQ(fire(), 250ms);
}

TEST_F(SendWindowTest, D2_data_in_flight_into_a_closed_window_without_an_answer) {
    established();
    user_sends(3000);
    arrive({.ack = 1001, .window = 0});
    advance(120min);
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(SendWindowTest, D2_a_window_that_shrinks) {
    established();
    EXPECT_EQ(user_sends(8000).size(), 8U);
    EXPECT_SENT_NOTHING(arrive({.ack = 1001, .window = 2000}).out);
    EXPECT_SENT_NOTHING(arrive({.ack = 5001, .window = 2000}).out);
    queue(3000);
    EXPECT_SENT_NOTHING(arrive({.ack = 7001, .window = 1000}).out);
    EXPECT_SENT(arrive({.ack = 8001, .window = 2000}).out, {.seq = 8001, .length = 1000},
                {.seq = 9001, .length = 1000});
}

// D2.scaling
TEST_F(SendWindowTest, D2_the_largest_windows) {
    ends.scale = 14;
    ends.window = 65535;
    established();
    EXPECT_EQ(tcb.snd.wnd, 65535U << 14);
    const std::vector<std::byte> document(1U << 20);
    tcb.congestion.cwnd = 1U << 30;
    for (int i = 0; i < 1500; ++i) {
        ASSERT_TRUE(send(tcb, {document.data(), 1U << 20, OwnerKind::nobody, 0}, context));
    }
    tcb.no_delay = true;
    // The bytes are not the test's stream, so they are not collected here.
    std::uint64_t segments = 0;
    while (!flush(tcb, now, context)) {
        segments += output.segments().size();
        output.clear();
    }
    segments += output.segments().size();
    output.clear();
    EXPECT_EQ(tcb.flight(), std::min(65535U << 14, 1U << 30) / 1000 * 1000);
    EXPECT_EQ(segments, tcb.flight() / 1000);
    const std::uint32_t acked = tcb.flight();
    wire::TcpSegment segment = incoming({.ack = acked + 1});
    EXPECT_EQ(segment_arrives(tcb, segment, {}, now, context).drop, Drop::none);
    EXPECT_EQ(tcb.flight(), 0U);
    expect_sound(tcb, context);
}

TEST_F(SendWindowTest, D2_a_queue_is_never_longer_than_half_the_sequence_space) {
    established();
    const std::byte byte{};
    const Slice half{&byte, 1U << 30, OwnerKind::nobody, 0};
    EXPECT_TRUE(send(tcb, half, context));
    EXPECT_TRUE(send(tcb, half, context));
    EXPECT_FALSE(send(tcb, half.first(1), context));
    release(tcb, context);
    tcb = Tcb{};
}

// --------------------------------------------------------------------------------- our own window

class ReceiveWindowTest : public EngineTest {
  protected:
    void SetUp() override {
        config.receive_buffer_bytes = 20'000;
        user_takes = 0;
    }
};

TEST_F(ReceiveWindowTest, D2_what_is_unread_narrows_the_window) {
    established();
    EXPECT_SENT(arrive_together(train(1, 2, 1000)), {.ack = 2001, .window = 18'000});
    EXPECT_EQ(unread(tcb, context).length, 2000U);
}

TEST_F(ReceiveWindowTest, D2_what_is_used_at_once_does_not) {
    user_takes = UINT32_MAX;
    established();
    EXPECT_SENT(arrive_together(train(1, 2, 1000)), {.ack = 2001, .window = 20'000});
}

TEST_F(ReceiveWindowTest, D2_a_full_buffer_closes_the_window) {
    established();
    for (std::uint32_t i = 0; i < 20; ++i) {
        arrive({.seq = 1 + i * 1000, .length = 1000});
    }
    EXPECT_EQ(tcb.rcv_wnd(), 0U);
    const Step step = arrive({.seq = 20'001, .length = 1});
    EXPECT_SENT(step.out, {.ack = 20'001, .window = 0});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_zero_window);
    EXPECT_EQ(tcb.unread.length, 20'000U);
}

TEST_F(ReceiveWindowTest, D2_an_ack_is_believed_through_our_closed_window) {
    established();
    user_sends(100);
    arrive_together(train(1, 20, 1000));
    ASSERT_EQ(tcb.rcv_wnd(), 0U);
    arrive({.seq = 20'001, .ack = 101});
    EXPECT_EQ(tcb.queue.length, 0U);
    user_sends(100);
    arrive({.seq = 20'001, .ack = 201, .length = 1}); // Even on text that is not.
    EXPECT_EQ(tcb.queue.length, 0U);
}

TEST_F(ReceiveWindowTest, D2_reading_opens_the_window_by_steps_worth_a_segment) {
    established();
    arrive_together(train(1, 20, 1000));
    EXPECT_SENT_NOTHING(user_reads(1000));
    EXPECT_SENT_NOTHING(user_reads(999));
    EXPECT_SENT(user_reads(1), {.ack = 20'001, .window = 2000});
    EXPECT_SENT_NOTHING(user_reads(1));
    EXPECT_SENT(user_reads(20'000), {.ack = 20'001, .window = 20'000});
    EXPECT_EQ(delivered, 20'000U);
}

TEST_F(ReceiveWindowTest, D2_a_probe_hears_of_a_window_whose_update_was_lost) {
    established();
    arrive_together(train(1, 20, 1000));
    user_reads(20'000);
    EXPECT_SENT(arrive({.seq = 20'000}).out, {.ack = 20'001, .window = 20'000});
}

TEST_F(ReceiveWindowTest, D2_no_silly_window_is_offered) {
    established();
    arrive_together(train(1, 20, 1000));
    tcb.no_delay = true;
    // Small reads do not open it even when there is something to acknowledge with.
    user_reads(999);
    user_sends(10);
    EXPECT_EQ(sent[0].window, 0);
    user_reads(1);
    user_sends(10);
    EXPECT_EQ(sent[0].window, 1000);
}

TEST_F(ReceiveWindowTest, D2_the_window_never_shrinks) {
    established();
    const wire::SeqNum edge = tcb.rcv.edge;
    // Small segments out of order pin more memory than their bytes, so less room is left than was
    // promised; the promise stands.
    for (std::uint32_t i = 0; i < 8; ++i) {
        arrive({.seq = 2001 + 200 * i, .length = 100});
    }
    EXPECT_EQ(tcb.rcv.edge, edge);
    arrive({.length = 1000});
    EXPECT_EQ(tcb.rcv.edge, edge);
    EXPECT_EQ(sent.at(0).window, 19'000);
}

// D2.scaling
TEST_F(ReceiveWindowTest, D2_scaled_windows_do_not_shrink_by_rounding) {
    config.receive_buffer_bytes = 1 << 20;
    ends.scale = 5;
    established();
    tcb.no_delay = true;
    std::uint32_t seq = 1;
    for (std::uint32_t length = 1; length < 400; ++length) {
        arrive({.seq = seq, .length = length}); // The fixture sees the edge move left.
        seq += length;
        const Seg ack = user_sends(1).at(0);
        EXPECT_GE(tcb.rcv.nxt + (std::uint32_t{*ack.window} << 5), tcb.rcv.edge);
    }
}

TEST_F(ReceiveWindowTest, D2_text_beyond_the_window_is_cut_off) {
    established();
    arrive({.seq = 19'001, .flags = FPA, .length = 2000});
    EXPECT_EQ(tcb.state, State::established);
    user_takes = UINT32_MAX;
    arrive_together(train(1, 19, 1000));
    user_reads(20'000);
    EXPECT_EQ(delivered, 20'000U);
    EXPECT_EQ(tcb.rcv.nxt, ends.irs + 20'001);
    EXPECT_EQ(tcb.state, State::established); // The FIN was beyond it too.
}

TEST_F(ReceiveWindowTest, D2_text_received_before_is_cut_off) {
    user_takes = UINT32_MAX;
    established();
    arrive({.length = 1000});
    arrive({.seq = 501, .length = 1000});
    EXPECT_EQ(delivered, 1500U);
    const Step old = arrive({.seq = 501, .length = 1000});
    EXPECT_SENT(old.out, {.ack = 1501});
    EXPECT_EQ(old.arrival.drop, Drop::tcp_old_duplicate);
}

// ------------------------------------------------------------------------- memory behind the
// window

TEST_F(ReceiveWindowTest, E3_small_segments_are_copied_together) {
    established();
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const Step step = arrive({.seq = 1 + i * 10, .length = 10});
        EXPECT_EQ(step.arrival.references, 0U);
    }
    EXPECT_EQ(buffers.chunks().in_use(), 5U);
    EXPECT_EQ(tcb.receive_charge, 5 * sizeof(Chunk));
    user_reads(10'000);
    EXPECT_EQ(delivered, 10'000U);
    EXPECT_EQ(tcb.receive_charge, 0U);
}

TEST_F(ReceiveWindowTest, E3_large_segments_are_kept_in_place) {
    established();
    EXPECT_EQ(arrive({.length = 1200}).arrival.references, 1U);
    EXPECT_EQ(tcb.receive_charge, 2304U);
}

TEST_F(ReceiveWindowTest, E3_what_does_not_fit_is_not_received) {
    config.receive_buffer_bytes = 4000; // So 10,000 bytes of memory for data in order.
    established();
    // Alternating, so that neither copying nor keeping suits both.
    arrive({.length = 1200});              // 2304
    arrive({.seq = 1201, .length = 1});    // 4352
    arrive({.seq = 1202, .length = 1200}); // 6656
    arrive({.seq = 2402, .length = 1});    // 8704
    const Step step = arrive({.seq = 2403, .flags = FPA, .length = 1200});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_receive_budget);
    EXPECT_SENT(step.out, {.ack = 2403});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_LE(tcb.receive_charge, 10'000U);
    user_reads(5000);
    arrive({.seq = 2403, .flags = FPA, .length = 1200});
    user_reads(5000);
    EXPECT_EQ(delivered, 3602U);
    EXPECT_EQ(tcb.state, State::close_wait);
}

TEST_F(ReceiveWindowTest, E6_without_chunks_small_segments_are_kept_in_place) {
    std::vector<std::uint32_t> taken;
    Rope all;
    std::uint32_t charged = 0;
    const std::vector<std::byte> bytes(Chunk::capacity * 1024);
    ASSERT_EQ(buffers.append_copy(all, bytes, charged), bytes.size());
    established();
    EXPECT_EQ(arrive({.length = 10}).arrival.references, 1U);
    EXPECT_EQ(tcb.unread.length, 10U);
    buffers.clear(all);
}

TEST_F(ReceiveWindowTest, E3_what_is_out_of_order_cannot_keep_out_what_it_waits_for) {
    config.receive_buffer_bytes = 8000;
    established();
    for (std::uint32_t i = 0; i < 100; ++i) {
        arrive({.seq = 101 + 20 * i, .length = 10}); // Each pins a packet.
    }
    EXPECT_GT(counters[Counter::out_of_order_segments], 3U);
    EXPECT_EQ(arrive({.length = 100}).arrival.drop, Drop::none);
    EXPECT_EQ(tcb.unread.length, 110U);
}

TEST_F(ReceiveWindowTest, D1_text_that_is_kept_in_part_joins_what_was_out_of_order) {
    config.receive_buffer_bytes = 4000;
    established();
    arrive({.seq = 1501, .length = 1200});
    arrive({.length = 1200});             // 4608 with what is out of order
    arrive({.seq = 1201, .length = 1});   // 6656
    arrive({.seq = 1202, .length = 299}); // fits behind it
    user_reads(10'000);
    EXPECT_EQ(delivered, 2700U);
}

} // namespace
} // namespace millrace::tcp
