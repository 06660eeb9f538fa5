// D1.wrap: the scenarios that matter, where the sequence numbers wrap and where their sign changes.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

struct Numbers {
    std::uint32_t iss;
    std::uint32_t irs;
};

void PrintTo(const Numbers& numbers, std::ostream* out) {
    *out << "ISS " << numbers.iss << " IRS " << numbers.irs;
}

class WrapTest : public EngineTest, public testing::WithParamInterface<Numbers> {
  protected:
    void SetUp() override {
        ends.iss = wire::SeqNum{GetParam().iss};
        ends.irs = wire::SeqNum{GetParam().irs};
        ends.timestamps = ends.sack = true;
        ends.mss = 1012; // 1000 bytes and the timestamps.
    }
};

TEST_P(WrapTest, D1_both_handshakes) {
    established();
    release(tcb, context);
    established_actively();
    release(tcb, context);
    syn_received();
    arrive({.seq = 0, .ack = 1, .flags = SA});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(user_sends(10).size(), 1U);
}

TEST_P(WrapTest, D1_a_stream_in) {
    established();
    for (std::uint32_t i = 0; i < 20; ++i) {
        arrive({.seq = 1 + 1000 * i, .length = 1000});
    }
    EXPECT_EQ(delivered, 20'000U);
}

TEST_P(WrapTest, D1_a_stream_in_backwards) {
    established();
    for (std::uint32_t i = 19; i > 0; --i) {
        EXPECT_SENT(arrive({.seq = 1 + 1000 * i, .length = 1000}).out,
                    {.sack = {{1 + 1000 * i, 20'001}}});
    }
    EXPECT_SENT(arrive({.length = 1000}).out, {.ack = 20'001});
    user_reads(20'000);
    EXPECT_EQ(delivered, 20'000U);
}

TEST_P(WrapTest, D1_a_stream_in_with_repetitions_and_overlaps) {
    established();
    for (std::uint32_t i = 0; i < 20; ++i) {
        const std::uint32_t seq = 1 + 1000 * i;
        arrive({.seq = seq + 500, .length = 1000});
        arrive({.seq = seq, .length = 1000});
        arrive({.seq = seq, .length = 700});
    }
    user_reads(30'000);
    EXPECT_EQ(delivered, 20'500U);
}

TEST_P(WrapTest, D1_a_stream_out) {
    established();
    EXPECT_EQ(queue(30'000), 30'000U);
    flush_all();
    for (std::uint32_t acked = 1; acked < 30'001; acked += 500) {
        arrive({.ack = acked});
    }
    arrive({.ack = 30'001});
    EXPECT_EQ(tcb.queue.length, 0U);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_P(WrapTest, D1_a_stream_out_with_a_fast_retransmission) {
    established();
    queue(30'000);
    flush_all();
    EXPECT_SENT(arrive_together(
                    {{.sack = {{1001, 2001}}}, {.sack = {{1001, 3001}}}, {.sack = {{1001, 4001}}}}),
                {.length = 1000});
    EXPECT_EQ(repair(), Repair::recovery);
    arrive({.ack = 10'001});
    EXPECT_NE(repair(), Repair::recovery);
    EXPECT_EQ(tcb.snd.una, ends.iss + 10'001);
}

TEST_P(WrapTest, D1_a_stream_out_with_time_outs) {
    ends.sack = false; // Or a tail loss probe would come first.
    established();
    queue(10'000);
    flush_all();
    std::uint32_t acked = 1;
    while (acked < 10'001) {
        fire();
        EXPECT_SENT(sent, {.seq = acked, .flags = acked == 9001 ? PA : A, .length = 1000});
        acked += 1000;
        arrive({.ack = acked});
    }
    EXPECT_EQ(tcb.queue.length, 0U);
}

TEST_P(WrapTest, D2_a_window_that_closes_and_opens) {
    user_takes = 0;
    config.receive_buffer_bytes = 8000;
    established();
    for (std::uint32_t i = 0; i < 8; ++i) {
        arrive({.seq = 1 + 1000 * i, .length = 1000});
    }
    EXPECT_EQ(sent.at(0).window, 0);
    EXPECT_SENT(user_reads(8000), {.ack = 8001, .window = 8000});
    user_sends(10);
    arrive({.seq = 8001, .ack = 11, .window = 0});
    EXPECT_SENT_NOTHING(user_sends(2000));
    fire();
    EXPECT_SENT(sent, {.seq = 10, .ack = 8001});
    arrive({.seq = 8001, .ack = 11, .window = 5000});
    EXPECT_SENT(sent, {.seq = 11, .ack = 8001, .length = 1000},
                {.seq = 1011, .ack = 8001, .flags = PA, .length = 1000});
}

TEST_P(WrapTest, E1_resets_and_challenges) {
    established();
    EXPECT_SENT_NOTHING(arrive({.seq = 0, .flags = R}).out);
    EXPECT_SENT(arrive({.seq = 2, .flags = R}).out, {});
    now += 1s;
    EXPECT_SENT(arrive({.ack = 2}).out, {});
    arrive({.flags = R});
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_P(WrapTest, B4_all_ways_to_close) {
    time_wait();
    release(tcb, context);
    closing();
    arrive({.seq = 2, .ack = 2});
    EXPECT_EQ(tcb.state, State::time_wait);
    release(tcb, context);
    last_ack();
    arrive({.seq = 2, .ack = 2});
    EXPECT_EQ(tcb.state, State::closed);
}

INSTANTIATE_TEST_SUITE_P(Places, WrapTest,
                         testing::Values(Numbers{0, 0}, Numbers{0xFFFF'FFFF, 0xFFFF'FFFF},
                                         Numbers{0xFFFF'FFFE, 0xFFFF'FFFE},
                                         Numbers{0xFFFF'FFFF - 5000, 0xFFFF'FFFF - 7500},
                                         Numbers{0x7FFF'FFFF, 0x7FFF'FFFF},
                                         Numbers{0x7FFF'FFFE, 0x7FFF'FFFE},
                                         Numbers{0x7FFF'FFFF - 5000, 0x7FFF'FFFF - 7500},
                                         Numbers{0x8000'0000, 0}));

} // namespace
} // namespace millrace::tcp
