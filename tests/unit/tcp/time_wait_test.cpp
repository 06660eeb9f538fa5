// C1, C2 and C3: what is left of a connection that we closed first.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;
using Verdict = TimeWaitVerdict;

class TimeWaitTest : public EngineTest {
  protected:
    TimeWait entry;

    /// The entry of a connection in which both sides sent a FIN and nothing else.
    void enter(ReusePolicy policy = ReusePolicy::timestamps) {
        time_wait();
        entry = time_wait_of(tcb, policy);
        release(tcb, context);
        tcb = Tcb{};
    }

    TimeWaitResult arrive_late(const Seg& seg) {
        sent.clear();
        const std::vector<std::byte> bytes(seg.length);
        wire::TcpSegment segment = incoming(seg);
        segment.payload = bytes;
        const TimeWaitResult result = segment_arrives(entry, segment, config, now, context);
        collect_output();
        return result;
    }
};

TEST_F(TimeWaitTest, C1_a_repeated_fin_is_acknowledged_and_the_wait_begins_anew) {
    enter();
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(arrive_late({.seq = 1, .ack = 2, .flags = FA}).verdict, Verdict::restart);
        EXPECT_SENT(sent, {.seq = 2, .ack = 2});
    }
}

TEST_F(TimeWaitTest, C1_a_fin_repeated_with_its_data) {
    fin_wait_2();
    arrive({.ack = 2, .flags = FPA, .length = 100});
    entry = time_wait_of(tcb, ReusePolicy::timestamps);
    EXPECT_EQ(arrive_late({.ack = 2, .flags = FPA, .length = 100}).verdict, Verdict::restart);
    EXPECT_SENT(sent, {.seq = 2, .ack = 102});
    EXPECT_EQ(arrive_late({.seq = 51, .ack = 2, .flags = FPA, .length = 50}).verdict,
              Verdict::restart);
}

TEST_F(TimeWaitTest, C1_with_timestamps) {
    ends.timestamps = true;
    enter();
    now += 5s;
    EXPECT_EQ(arrive_late({.ack = 2, .flags = FA}).verdict, Verdict::restart);
    EXPECT_SENT(
        sent,
        {.seq = 2, .ack = 2, .ts_val = timestamp_clock(now) + ts_offset, .ts_ecr = peer_clock()});
    // An old duplicate of it does not prolong the wait.
    EXPECT_EQ(arrive_late({.ack = 2, .flags = FA, .ts_val = peer_clock() - 1}).verdict,
              Verdict::stay);
}

TEST_F(TimeWaitTest, C1_the_fin_that_fin_wait_2_did_not_wait_for) {
    established();
    user_closes();
    arrive({.ack = 2});
    fire();
    ASSERT_EQ(tcb.state, State::time_wait);
    entry = time_wait_of(tcb, ReusePolicy::timestamps);
    // Nothing but that FIN is one.
    EXPECT_EQ(arrive_late({.seq = 0, .ack = 2, .flags = FA}).verdict, Verdict::stay);
    EXPECT_EQ(arrive_late({.seq = 2, .ack = 2, .flags = FA}).verdict, Verdict::stay);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(arrive_late({.seq = 1, .ack = 2, .flags = FA}).verdict, Verdict::restart);
        EXPECT_SENT(sent, {.seq = 2, .ack = 2});
    }
    EXPECT_EQ(arrive_late({.seq = 2, .ack = 2, .flags = FA}).verdict, Verdict::stay);
}

TEST_F(TimeWaitTest, C3_a_reset_is_ignored) {
    enter();
    for (const std::uint32_t seq : {1U, 2U, 3U}) {
        const TimeWaitResult result = arrive_late({.seq = seq, .ack = 2, .flags = RA});
        EXPECT_EQ(result.verdict, Verdict::stay);
        EXPECT_EQ(result.drop, Drop::tcp_time_wait_rst);
        EXPECT_SENT_NOTHING(sent);
    }
}

TEST_F(TimeWaitTest, C3_also_before_the_entry_is_made) {
    time_wait();
    EXPECT_EQ(arrive({.seq = 2, .ack = 2, .flags = RA}).arrival.drop, Drop::tcp_time_wait_rst);
    EXPECT_EQ(tcb.state, State::time_wait);
}

TEST_F(TimeWaitTest, C3_an_old_segment_gets_one_acknowledgement) {
    enter();
    now += 1s;
    std::size_t answers = 0;
    for (int i = 0; i < 100; ++i) {
        const TimeWaitResult result = arrive_late({.ack = 1, .length = 10});
        EXPECT_EQ(result.drop, Drop::tcp_time_wait_old_duplicate);
        answers += sent.size();
    }
    EXPECT_EQ(answers, 1U);
    now += 500ms;
    static_cast<void>(arrive_late({.seq = 50'000, .ack = 1}));
    EXPECT_SENT(sent, {.seq = 2, .ack = 2});
}

TEST_F(TimeWaitTest, C3_our_own_acknowledgement_coming_back_is_not_answered) {
    enter();
    EXPECT_EQ(arrive_late({.seq = 2, .ack = 2}).verdict, Verdict::stay);
    EXPECT_SENT_NOTHING(sent);
}

// ------------------------------------------------------------------------------------------ reuse

TEST_F(TimeWaitTest, C2_strict_a_syn_beyond_the_last_number_reopens) {
    enter(ReusePolicy::strict);
    EXPECT_EQ(arrive_late({.seq = 2, .flags = S}).verdict, Verdict::reopen);
    EXPECT_EQ(arrive_late({.seq = 0x7000'0000, .flags = S}).verdict, Verdict::reopen);
    EXPECT_SENT_NOTHING(sent);
    for (const std::uint32_t seq : {1U, 0U, 0x8000'0002U, 0x9000'0000U}) {
        const TimeWaitResult result = arrive_late({.seq = seq, .flags = S});
        EXPECT_EQ(result.verdict, Verdict::stay) << seq;
        EXPECT_EQ(result.drop, Drop::tcp_time_wait_syn_refused);
    }
    EXPECT_EQ(arrive_late({.seq = 2, .flags = S}).reuse, Reuse::by_sequence);
}

TEST_F(TimeWaitTest, C2_strict_heeds_no_timestamp) {
    ends.timestamps = true;
    enter(ReusePolicy::strict);
    now += 1s;
    EXPECT_EQ(arrive_late({.seq = 1, .flags = S}).verdict, Verdict::stay);
}

TEST_F(TimeWaitTest, C2_timestamps_a_later_one_reopens_whatever_the_number) {
    ends.timestamps = true;
    enter();
    now += 1s;
    for (const std::uint32_t seq : {1U, 2U, 0U, 0x9000'0000U}) {
        const TimeWaitResult result = arrive_late({.seq = seq, .flags = S});
        EXPECT_EQ(result.verdict, Verdict::reopen);
        EXPECT_EQ(result.reuse, Reuse::by_timestamp);
    }
}

TEST_F(TimeWaitTest, C2_timestamps_the_same_one_reopens_beyond_the_last_number) {
    ends.timestamps = true;
    enter();
    EXPECT_EQ(arrive_late({.seq = 2, .flags = S}).verdict, Verdict::reopen);
    EXPECT_EQ(arrive_late({.seq = 1, .flags = S}).verdict, Verdict::stay);
}

TEST_F(TimeWaitTest, C2_timestamps_an_earlier_one_never_does) {
    ends.timestamps = true;
    enter();
    EXPECT_EQ(arrive_late({.seq = 5000, .flags = S, .ts_val = peer_clock() - 1}).verdict,
              Verdict::stay);
    EXPECT_SENT(sent, {.seq = 2, .ack = 2}); // The old connection's ACK; the client resets.
}

TEST_F(TimeWaitTest, C2_timestamps_without_them_the_number_decides) {
    ends.timestamps = true;
    enter();
    EXPECT_EQ(arrive_late({.seq = 5000, .flags = S, .without_timestamps = true}).verdict,
              Verdict::reopen);
    EXPECT_EQ(arrive_late({.seq = 1, .flags = S, .without_timestamps = true}).verdict,
              Verdict::stay);
}

TEST_F(TimeWaitTest, C2_timestamps_new_ones_reopen_a_connection_that_had_none) {
    enter();
    EXPECT_EQ(arrive_late({.seq = 1, .flags = S, .ts_val = 5}).verdict, Verdict::reopen);
    EXPECT_EQ(arrive_late({.seq = 1, .flags = S}).verdict, Verdict::stay);
    EXPECT_EQ(arrive_late({.seq = 2, .flags = S}).verdict, Verdict::reopen);
}

TEST_F(TimeWaitTest, C2_off_nobody_reopens) {
    ends.timestamps = true;
    enter(ReusePolicy::off);
    now += 10s;
    EXPECT_EQ(arrive_late({.seq = 5000, .flags = S}).verdict, Verdict::stay);
    EXPECT_SENT(sent, {.seq = 2, .ack = 2});
}

TEST_F(TimeWaitTest, C2_a_syn_ack_never_reopens) {
    enter();
    EXPECT_EQ(arrive_late({.seq = 5000, .ack = 2, .flags = SA}).verdict, Verdict::stay);
}

TEST_F(TimeWaitTest, C2_the_new_numbers_lie_beyond_the_old_ones) {
    enter();
    const wire::SeqNum least = ends.iss + 2 + 65'537;
    EXPECT_EQ(reopen_iss(entry, ends.iss), least);
    EXPECT_EQ(reopen_iss(entry, ends.iss + 2 + 65'536), least);
    EXPECT_EQ(reopen_iss(entry, least), least);
    EXPECT_EQ(reopen_iss(entry, least + 1), least + 1);
    EXPECT_EQ(reopen_iss(entry, least + 0x7000'0000), least + 0x7000'0000);
    EXPECT_EQ(reopen_iss(entry, least + 0x8000'0000), least);
}

TEST_F(TimeWaitTest, C2_a_connection_closed_and_opened_again) {
    ends.timestamps = true;
    enter();
    now += 1s;
    ASSERT_EQ(arrive_late({.seq = 2000, .flags = S}).verdict, Verdict::reopen);
    const wire::SeqNum iss = reopen_iss(entry, ends.iss);
    ends.irs += 2000;
    ends.iss = iss;
    established();
    user_sends(100);
    arrive({.ack = 101, .length = 100});
    EXPECT_EQ(delivered, 100U);
}

} // namespace
} // namespace millrace::tcp
