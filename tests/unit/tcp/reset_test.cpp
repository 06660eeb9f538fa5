// B5 and E1: resets given and taken, and the challenges that strangers get.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

class ResetTest : public EngineTest {};

TEST_F(ResetTest, B5_an_abort_resets) {
    established();
    user_sends(2500); // The last 500 wait for an acknowledgement (Nagle).
    EXPECT_SENT(user_aborts(), {.seq = 2001, .flags = RA});
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(ResetTest, B5_an_abort_in_every_state) {
    const auto after = [this](void (ResetTest::*make)(), const std::vector<Seg>& expected) {
        (this->*make)();
        const State state = tcb.state;
        EXPECT_TRUE(were_sent(expected, user_aborts())) << name(state);
        EXPECT_EQ(tcb.state, State::closed);
        release(tcb, context);
    };
    after(&ResetTest::syn_sent, {});
    after(&ResetTest::syn_received, {{.flags = RA}});
    after(&ResetTest::established, {{.flags = RA}});
    after(&ResetTest::fin_wait_1, {{.seq = 2, .flags = RA}});
    after(&ResetTest::fin_wait_2, {{.seq = 2, .flags = RA}});
    after(&ResetTest::closing, {{.seq = 2, .ack = 2, .flags = RA}});
    after(&ResetTest::close_wait, {{.ack = 2, .flags = RA}});
    after(&ResetTest::last_ack, {{.seq = 2, .ack = 2, .flags = RA}});
    after(&ResetTest::time_wait, {});
}

TEST_F(ResetTest, B5_a_reset_at_rcv_nxt_ends_the_connection) {
    established();
    user_sends(100);
    const Step step = arrive({.flags = R});
    EXPECT_SENT_NOTHING(step.out);
    EXPECT_EQ(step.arrival.drop, Drop::none);
    EXPECT_EQ(tcb.state, State::closed);
    EXPECT_EQ(events, event::reset);
}

TEST_F(ResetTest, E1_a_reset_elsewhere_in_the_window_is_challenged) {
    established();
    const Step step = arrive({.seq = 2, .flags = R});
    EXPECT_SENT(step.out, {.seq = 1, .ack = 1});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_rst_not_exact);
    EXPECT_EQ(tcb.state, State::established);
    now += 1s;
    EXPECT_SENT(arrive({.seq = 65535, .flags = RA}).out, {.seq = 1, .ack = 1});
}

TEST_F(ResetTest, E1_a_reset_outside_the_window_is_ignored) {
    established();
    for (const std::uint32_t seq : {0U, 65536U, 0x8000'0001U}) {
        const Step step = arrive({.seq = seq, .flags = R});
        EXPECT_SENT_NOTHING(step.out);
        EXPECT_EQ(step.arrival.drop, Drop::tcp_rst_outside_window);
    }
    EXPECT_EQ(tcb.state, State::established);
}

TEST_F(ResetTest, B5_a_reset_is_believed_through_a_closed_window) {
    config.receive_buffer_bytes = 4000;
    user_takes = 0;
    established();
    arrive_together(train(1, 4, 1000));
    ASSERT_EQ(tcb.rcv_wnd(), 0U);
    EXPECT_EQ(arrive({.seq = 4002, .flags = R}).arrival.drop, Drop::tcp_rst_outside_window);
    arrive({.seq = 4001, .flags = R, .length = 20}); // Some tell why in the text.
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(ResetTest, D3_a_reset_is_believed_without_timestamps) {
    ends.timestamps = true;
    established();
    arrive({.flags = R, .without_timestamps = true});
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(ResetTest, E1_a_syn_is_challenged_wherever_it_lies) {
    established();
    for (const std::uint32_t seq : {1U, 0U, 5000U, 0x8000'0001U, 0x9000'0000U}) {
        for (const std::uint8_t flags : {S, SA}) {
            const Step step = arrive({.seq = seq, .flags = flags});
            EXPECT_SENT(step.out, {.seq = 1, .ack = 1});
            EXPECT_NE(step.arrival.drop, Drop::none);
            EXPECT_EQ(tcb.state, State::established);
            now += 1s;
        }
    }
}

TEST_F(ResetTest, E1_a_syn_is_challenged_whatever_its_timestamps) {
    ends.timestamps = true;
    established();
    EXPECT_SENT(arrive({.seq = 77, .flags = S, .without_timestamps = true}).out, {});
    now += 1s;
    EXPECT_SENT(arrive({.seq = 77, .flags = S, .ts_val = peer_clock() - 5000}).out, {});
}

TEST_F(ResetTest, E1_challenges_are_limited) {
    established();
    std::size_t challenges = 0;
    for (int i = 0; i < 1000; ++i) {
        now += 1ms;
        challenges += arrive({.seq = 3, .flags = R}).out.size();
        challenges += arrive({.seq = 3, .flags = S}).out.size();
        challenges += arrive({.ack = 500}).out.size();
        challenges += arrive({.seq = 700'000}).out.size();
    }
    EXPECT_EQ(challenges, 2U);
    EXPECT_EQ(counters[Counter::challenge_acks], 2U);
}

TEST_F(ResetTest, E1_the_limit_holds_from_the_clocks_first_millisecond) {
    now = Instant{};
    established();
    EXPECT_EQ(arrive({.seq = 3, .flags = R}).out.size(), 1U);
    EXPECT_EQ(arrive({.seq = 3, .flags = R}).out.size(), 0U);
}

TEST_F(ResetTest, B5_without_a_connection) {
    const auto answer = [this](const wire::TcpSegment& segment) {
        answer_without_connection(segment, context);
        const auto segments = output.segments();
        const wire::TcpSegment header = segments.empty() ? wire::TcpSegment{} : segments[0].header;
        output.clear();
        return header;
    };
    wire::TcpSegment segment;
    segment.seq = wire::SeqNum{1000};
    segment.ack = wire::SeqNum{0xFFFF'FFFE};
    const std::vector<std::byte> bytes(10);
    segment.payload = bytes;

    segment.flags = A;
    EXPECT_EQ(answer(segment).flags, R);
    EXPECT_EQ(answer(segment).seq, wire::SeqNum{0xFFFF'FFFE});
    segment.flags = S;
    EXPECT_EQ(answer(segment).flags, RA);
    EXPECT_EQ(answer(segment).seq, wire::SeqNum{0});
    EXPECT_EQ(answer(segment).ack, wire::SeqNum{1011});
    segment.flags = wire::tcp_flag::fin;
    EXPECT_EQ(answer(segment).ack, wire::SeqNum{1011});
    segment.flags = RA;
    EXPECT_EQ(answer(segment).flags, 0);
}

} // namespace
} // namespace millrace::tcp
