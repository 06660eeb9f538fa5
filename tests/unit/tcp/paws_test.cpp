// D3: protection against wrapped sequence numbers (RFC 7323 §5), and what TS.Recent is.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

class PawsTest : public EngineTest {
  protected:
    void SetUp() override { ends.timestamps = true; }
};

TEST_F(PawsTest, D3_an_older_timestamp_is_refused) {
    established();
    arrive({.length = 10, .ts_val = 5000 + peer_clock()});
    const Step step = arrive({.seq = 11, .length = 10, .ts_val = 4999 + peer_clock()});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_paws);
    EXPECT_SENT(step.out, {.ack = 11, .ts_ecr = 5000 + peer_clock()});
    EXPECT_EQ(delivered, 10U);
    arrive({.seq = 11, .length = 10, .ts_val = 5000 + peer_clock()});
    EXPECT_EQ(delivered, 20U);
}

TEST_F(PawsTest, D3_an_old_acknowledgement_is_answered_seldom) {
    established();
    arrive({.length = 10, .ts_val = 5000 + peer_clock()});
    fire();
    std::size_t answers = 0;
    for (int i = 0; i < 100; ++i) {
        answers += arrive({.seq = 11, .ts_val = peer_clock()}).out.size();
    }
    EXPECT_EQ(answers, 1U);
}

TEST_F(PawsTest, D3_the_timestamps_wrap) {
    established();
    tcb.ts_recent = 0xFFFF'FFFF;
    arrive({.length = 10, .ts_val = 5});
    EXPECT_EQ(delivered, 10U);
    EXPECT_EQ(tcb.ts_recent, 5U);
    EXPECT_EQ(arrive({.seq = 11, .length = 10, .ts_val = 0xFFFF'FFFF}).arrival.drop,
              Drop::tcp_paws);
}

TEST_F(PawsTest, D3_a_segment_without_timestamps_is_dropped) {
    established();
    const Step step = arrive({.length = 10, .without_timestamps = true});
    EXPECT_EQ(step.arrival.drop, Drop::tcp_no_timestamp);
    EXPECT_SENT_NOTHING(step.out);
    EXPECT_EQ(delivered, 0U);
}

TEST_F(PawsTest, D3_timestamps_that_were_not_agreed_on_are_ignored) {
    ends.timestamps = false;
    established();
    arrive({.length = 10, .ts_val = 1000});
    arrive({.seq = 11, .length = 10, .ts_val = 1});
    EXPECT_EQ(delivered, 20U);
}

TEST_F(PawsTest, D3_after_24_days_of_silence_ts_recent_means_nothing) {
    established();
    const std::uint32_t recent = tcb.ts_recent;
    now += std::chrono::hours{24 * 24} + 1s;
    arrive({.length = 10, .ts_val = recent - 1});
    EXPECT_EQ(delivered, 10U);
    EXPECT_EQ(tcb.ts_recent, recent - 1);
}

TEST_F(PawsTest, D3_after_23_days_it_still_does) {
    established();
    const std::uint32_t recent = tcb.ts_recent;
    now += std::chrono::hours{23 * 24};
    EXPECT_EQ(arrive({.length = 10, .ts_val = recent - 1}).arrival.drop, Drop::tcp_paws);
}

TEST_F(PawsTest, D3_from_the_first_segment_on_whatever_our_clock_says) {
    now = Instant{std::chrono::hours{24 * 40}}; // The 1 ms clock is past 2^31.
    established();
    tcb.ts_recent += 0; // As the handshake left it.
    EXPECT_EQ(arrive({.length = 10, .ts_val = tcb.ts_recent - 1}).arrival.drop, Drop::tcp_paws);
}

TEST_F(PawsTest, D3_ts_recent_is_from_the_segment_that_the_next_ack_answers) {
    established();
    arrive({.length = 10, .ts_val = peer_clock() + 100});
    // Not acknowledged yet, so the second does not count (RFC 7323 §4.2, delayed ACKs).
    arrive({.seq = 11, .length = 10, .ts_val = peer_clock() + 200});
    fire();
    EXPECT_SENT(sent, {.ack = 21, .ts_ecr = peer_clock() - 40 + 100});
}

TEST_F(PawsTest, D3_a_segment_beyond_a_gap_does_not_set_it) {
    established();
    const std::uint32_t recent = tcb.ts_recent;
    EXPECT_SENT(arrive({.seq = 1001, .length = 10, .ts_val = recent + 100}).out,
                {.ts_ecr = recent});
    // What fills the gap does.
    EXPECT_SENT(arrive({.length = 1000, .ts_val = recent + 150}).out,
                {.ack = 1011, .ts_ecr = recent + 150});
}

TEST_F(PawsTest, E1_a_segment_whose_ack_is_not_good_does_not_set_it) {
    established();
    const std::uint32_t recent = tcb.ts_recent;
    arrive({.ack = 5000, .length = 10, .ts_val = recent + 0x7000'0000});
    arrive({.ack = 0x8000'0000, .length = 10, .ts_val = recent + 0x7000'0000});
    arrive({.flags = 0, .length = 10, .ts_val = recent + 0x7000'0000});
    arrive({.flags = S, .ts_val = recent + 0x7000'0000});
    EXPECT_EQ(tcb.ts_recent, recent);
}

TEST_F(PawsTest, D1_a_wrapped_segment_of_the_same_number_is_refused) {
    established();
    arrive({.length = 1000, .ts_val = peer_clock()});
    // The same numbers, four gibibytes ago.
    now += 10s;
    arrive({.seq = 1001, .length = 1000});
    arrive({.seq = 2001, .length = 1000});
    EXPECT_EQ(arrive({.seq = 3001, .length = 1000, .ts_val = peer_clock() - 9000}).arrival.drop,
              Drop::tcp_paws);
    EXPECT_EQ(delivered, 3000U);
}

} // namespace
} // namespace millrace::tcp
