// D4 and D5: losses found by duplicate acknowledgements, and repaired without SACK (RFC 5681, 6582,
// 3042).

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

class LossTest : public EngineTest {
  protected:
    /// Ten segments of 1000 bytes in flight, and more queued behind them.
    void ten_in_flight(std::uint32_t behind = 0) {
        established();
        ASSERT_EQ(user_sends(10'000 + behind).size(), 10U);
    }
};

TEST_F(LossTest, D5_the_third_duplicate_sends_the_segment_again) {
    ten_in_flight();
    EXPECT_SENT_NOTHING(arrive({}).out);
    EXPECT_SENT_NOTHING(arrive({}).out);
    EXPECT_SENT(arrive({}).out, {.length = 1000});
    EXPECT_EQ(tcb.congestion.ssthresh, 5000U);
    EXPECT_EQ(counters[Counter::fast_retransmits], 1U);
    EXPECT_EQ(fire(), 1s); // The timer starts with the repetition.
}

TEST_F(LossTest, D5_three_duplicates_in_one_burst) {
    ten_in_flight();
    EXPECT_SENT(arrive_together({{}, {}, {}}), {.length = 1000});
}

TEST_F(LossTest, D5_limited_transmit_sends_new_data_for_the_first_two) {
    ten_in_flight(10'000);
    EXPECT_SENT(arrive({}).out, {.seq = 10'001, .length = 1000});
    EXPECT_SENT(arrive({}).out, {.seq = 11'001, .length = 1000});
    EXPECT_SENT(arrive({}).out, {.length = 1000});
    EXPECT_EQ(tcb.congestion.ssthresh, 5000U) << "what was sent beyond cwnd is not flight";
}

TEST_F(LossTest, D5_limited_transmit_heeds_the_window) {
    ends.window = 10'500;
    ten_in_flight(10'000);
    EXPECT_SENT_NOTHING(arrive({}).out);
    EXPECT_SENT_NOTHING(arrive({}).out);
}

TEST_F(LossTest, D5_what_is_no_duplicate) {
    ten_in_flight();
    for (int i = 0; i < 10; ++i) {
        arrive({.window = static_cast<std::uint16_t>(50'000 + i)}); // Another window
        arrive({.seq = 1U + 10 * static_cast<std::uint32_t>(i),
                .length = 10,
                .window = static_cast<std::uint16_t>(50'000 + i)}); // with data
    }
    EXPECT_EQ(counters[Counter::duplicate_acks_received], 0U);
    arrive({.seq = 101, .ack = 10'001, .window = 50'000});
    for (int i = 0; i < 10; ++i) {
        arrive({.seq = 101, .ack = 10'001, .window = 50'000}); // Nothing is in flight
    }
    EXPECT_EQ(counters[Counter::duplicate_acks_received], 0U);
}

TEST_F(LossTest, D5_duplicates_in_recovery_let_new_data_go) {
    ten_in_flight(20'000);
    arrive_together({{}, {}, {}});
    // cwnd is 5 + 3; 10 + 2 are out. Four more duplicates make room for none, a fifth for one.
    for (int i = 0; i < 2; ++i) {
        EXPECT_SENT_NOTHING(arrive({}).out);
    }
    EXPECT_SENT(arrive({}).out, {.seq = 10'001, .length = 1000});
    EXPECT_SENT(arrive({}).out, {.seq = 11'001, .length = 1000});
}

TEST_F(LossTest, D5_a_full_acknowledgement_ends_recovery) {
    ten_in_flight(10'000);
    arrive_together({{}, {}, {}});
    EXPECT_EQ(arrive({.ack = 10'001}).out.size(), 5U);
    EXPECT_EQ(repair(), Repair::open);
    EXPECT_EQ(tcb.congestion.cwnd, 5000U) << "ssthresh";
}

TEST_F(LossTest, D4_several_losses_are_repaired_one_a_round_trip) {
    ten_in_flight();
    // The 1st, 4th and 7th are lost.
    EXPECT_SENT(arrive_together({{}, {}, {}, {}, {}, {}, {}}), {.length = 1000});
    EXPECT_SENT(arrive({.ack = 3001}).out, {.seq = 3001, .length = 1000});
    EXPECT_EQ(repair(), Repair::recovery);
    EXPECT_SENT(arrive({.ack = 6001}).out, {.seq = 6001, .length = 1000});
    EXPECT_SENT_NOTHING(arrive({.ack = 10'001}).out);
    EXPECT_NE(repair(), Repair::recovery);
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 0U);
    EXPECT_EQ(counters[Counter::retransmitted_segments], 3U);
    EXPECT_EQ(tcb.congestion.ssthresh, 5000U);
}

TEST_F(LossTest, D4_a_partial_and_a_full_acknowledgement_in_one_burst) {
    ten_in_flight();
    arrive_together({{}, {}, {}});
    EXPECT_SENT_NOTHING(arrive_together({{.ack = 3001}, {.ack = 10'001}}));
}

TEST_F(LossTest, D4_duplicates_of_a_time_outs_repetitions_are_no_loss) {
    ten_in_flight();
    fire();
    for (int i = 0; i < 5; ++i) {
        EXPECT_SENT_NOTHING(arrive({}).out);
    }
    EXPECT_NE(repair(), Repair::recovery);
    arrive({.ack = 5001});
    arrive_together({{.ack = 5001}, {.ack = 5001}, {.ack = 5001}});
    EXPECT_NE(repair(), Repair::recovery);
    // Everything repeated is acknowledged, and new data too: now duplicates count again.
    arrive({.ack = 10'001});
    tcb.congestion.cwnd = 10'000;
    user_sends(6000);
    arrive({.ack = 11'001});
    EXPECT_SENT(arrive_together({{.ack = 11'001}, {.ack = 11'001}, {.ack = 11'001}}),
                {.seq = 11'001, .length = 1000});
}

TEST_F(LossTest, D4_a_time_out_in_recovery) {
    ten_in_flight();
    arrive_together({{}, {}, {}});
    fire();
    EXPECT_SENT(sent, {.length = 1000});
    EXPECT_NE(repair(), Repair::recovery);
    EXPECT_EQ(tcb.congestion.cwnd, 1000U);
    EXPECT_SENT(arrive({.ack = 3001}).out, {.seq = 3001, .length = 1000},
                {.seq = 4001, .length = 1000});
}

TEST_F(LossTest, D4_a_lost_fin_is_found_by_a_time_out_and_data_before_it_by_duplicates) {
    established();
    queue(4000);
    EXPECT_EQ(user_shuts_down().size(), 4U);
    EXPECT_SENT(arrive_together({{}, {}, {}}), {.length = 1000});
    EXPECT_SENT(arrive({.ack = 3001}).out, {.seq = 3001, .flags = PA, .length = 1000});
    EXPECT_SENT(arrive({.ack = 4001}).out, {.seq = 4001, .flags = FA});
    arrive({.ack = 4002});
    EXPECT_EQ(tcb.state, State::fin_wait_2);
}

TEST_F(LossTest, D5_losses_are_still_found_after_four_gibibytes_without_one) {
    established();
    const std::vector<std::byte> document(8'000'000);
    ends.window = 65535;
    tcb.snd_scale = 14;
    arrive({});
    std::uint32_t at = 1;
    for (int i = 0; i < 600; ++i) {
        ASSERT_TRUE(send(tcb, {document.data(), 8'000'000, OwnerKind::nobody, 0}, context));
        tcb.congestion.cwnd = 10'000'000;
        while (!flush(tcb, now, context)) {
            output.clear();
        }
        output.clear();
        at += 8'000'000;
        wire::TcpSegment ack = incoming({.ack = at});
        ASSERT_EQ(segment_arrives(tcb, ack, {}, now, context).drop, wire::Drop::none);
    }
    queued = at - 1; // A whole stream further on; the pattern goes by the 32-bit number.
    tcb.congestion.cwnd = 10'000;
    ASSERT_EQ(user_sends(5000).size(), 5U);
    arrive_together({{.ack = at}, {.ack = at}, {.ack = at}});
    EXPECT_EQ(repair(), Repair::recovery);
}

TEST_F(LossTest, E4_duplicates_made_up_by_the_peer_gain_nothing) {
    ends.window = 65535;
    ten_in_flight(100'000);
    std::size_t segments = 0;
    for (int i = 0; i < 1000; ++i) {
        segments += arrive({}).out.size();
    }
    // Limited transmit, the repetition, and one for each that was in flight.
    EXPECT_LE(segments, 2U + 1U + 12U);
    EXPECT_LE(tcb.congestion.cwnd, 17'000U);
}

TEST_F(LossTest, E4_duplicates_where_the_loss_was_found_gain_nothing) {
    ten_in_flight(40'000);
    for (int i = 0; i < 9; ++i) {
        arrive({});
    }
    const auto recover = static_cast<std::uint32_t>(flights[tcb.flight_slot].recover - ends.iss);
    const std::uint64_t again = counters[Counter::retransmitted_segments];
    arrive({.ack = recover});
    EXPECT_EQ(counters[Counter::retransmitted_segments], again) << "what follows was never lost";
    for (int i = 0; i < 100; ++i) {
        arrive({.ack = recover});
    }
    EXPECT_LE(tcb.flight(), 15'000U);
}

// ---------------------------------------------------------------------------- congestion control

class CongestionTest : public EngineTest {};

TEST_F(CongestionTest, D5_the_initial_window) {
    const auto window = [this](std::uint16_t mss) {
        ends.mss = mss;
        established();
        const std::uint32_t cwnd = tcb.congestion.cwnd;
        release(tcb, context);
        return cwnd;
    };
    EXPECT_EQ(window(536), 5360U);
    EXPECT_EQ(window(1460), 14'600U);
    EXPECT_EQ(window(8960), 17'920U); // RFC 6928 §2
}

TEST_F(CongestionTest, D5_slow_start_doubles) {
    established();
    queue(100'000);
    flush_all();
    for (std::uint32_t i = 1; i <= 10; ++i) {
        arrive({.ack = 1 + i * 1000});
        EXPECT_EQ(sent.size(), 2U);
    }
    EXPECT_EQ(tcb.congestion.cwnd, 20'000U);
}

TEST_F(CongestionTest, D5_appropriate_byte_counting) {
    established();
    queue(100'000);
    flush_all();
    arrive({.ack = 501}); // Half a segment
    EXPECT_EQ(tcb.congestion.cwnd, 10'500U);
    arrive({.ack = 10'001}); // One for nine and a half, of which eight count (RFC 9406 §4.2)
    EXPECT_EQ(tcb.congestion.cwnd, 18'500U);
}

TEST_F(CongestionTest, E4_split_acknowledgements_gain_nothing) {
    established();
    queue(100'000);
    flush_all();
    for (std::uint32_t i = 1; i <= 1000; ++i) {
        arrive({.ack = 1 + i});
    }
    EXPECT_EQ(tcb.congestion.cwnd, 11'000U);
}

TEST_F(CongestionTest, D5_congestion_avoidance_adds_a_segment_a_round_trip) {
    established();
    tcb.congestion.ssthresh = 10'000;
    queue(200'000);
    flush_all();
    std::uint32_t acked = 1;
    for (std::uint32_t round = 0; round < 5; ++round) {
        const std::uint32_t cwnd = tcb.congestion.cwnd;
        EXPECT_EQ(cwnd, 10'000 + round * 1000);
        for (std::uint32_t i = 0; i < cwnd / 1000; ++i) {
            acked += 1000;
            arrive({.ack = acked});
        }
    }
}

TEST_F(CongestionTest, D5_a_window_that_is_not_used_does_not_grow) {
    established();
    for (std::uint32_t i = 0; i < 100; ++i) {
        user_sends(1000);
        arrive({.ack = 1 + (i + 1) * 1000});
    }
    EXPECT_EQ(tcb.congestion.cwnd, 10'000U);
}

TEST_F(CongestionTest, D5_a_window_that_was_filled_by_all_there_was_does) {
    established();
    user_sends(10'000);
    for (std::uint32_t i = 1; i <= 10; ++i) {
        arrive({.ack = 1 + i * 1000});
    }
    EXPECT_EQ(tcb.congestion.cwnd, 20'000U);
}

TEST_F(CongestionTest, D5_a_window_bounded_by_the_peers_does_not_grow) {
    ends.window = 4000;
    established();
    queue(100'000);
    flush_all();
    std::uint32_t acked = 1;
    for (int i = 0; i < 50; ++i) {
        acked += 1000;
        arrive({.ack = acked});
    }
    EXPECT_EQ(tcb.congestion.cwnd, 10'000U);
}

TEST_F(CongestionTest, D5_after_a_time_out_a_segment_counts_for_one) {
    established();
    user_sends(30'000);
    fire();
    arrive({.ack = 5001}); // Five that had arrived before.
    EXPECT_EQ(tcb.congestion.cwnd, 2000U);
}

} // namespace
} // namespace millrace::tcp
