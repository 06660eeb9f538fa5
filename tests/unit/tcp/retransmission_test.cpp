// D3: the retransmission timer, what it measures, and what it does when it fires.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

// --------------------------------------------------------------------------------- the estimator

class RttTest : public testing::Test {
  protected:
    Config config;
    RttEstimator rtt;
};

TEST_F(RttTest, D3_before_any_measurement_one_second) {
    EXPECT_EQ(rtt.rto(), 1s);
    rtt.restore(config);
    EXPECT_EQ(rtt.rto(), 1s);
}

TEST_F(RttTest, D3_the_first_measurement) {
    rtt.sample(100ms, config);
    EXPECT_EQ(rtt.srtt_us, 100'000U);
    EXPECT_EQ(rtt.rttvar_us, 50'000U);
    EXPECT_EQ(rtt.rto(), 300ms); // SRTT + 4 * RTTVAR
}

TEST_F(RttTest, D3_those_that_follow) {
    rtt.sample(100ms, config);
    rtt.sample(200ms, config);
    // RTTVAR = 3/4 * 50 + 1/4 * |100 - 200|, then SRTT = 7/8 * 100 + 1/8 * 200 (RFC 6298 §2.3).
    EXPECT_EQ(rtt.rttvar_us, 62'500U);
    EXPECT_EQ(rtt.srtt_us, 112'500U);
    EXPECT_EQ(rtt.rto(), 362'500us);
}

TEST_F(RttTest, D3_the_minimum_stands_above_the_round_trip_time) {
    for (int i = 0; i < 100; ++i) {
        rtt.sample(190ms, config);
    }
    EXPECT_GT(rtt.rto(), 389ms);
    EXPECT_LT(rtt.rto(), 391ms);
    config.rto_min = 1s;
    rtt.restore(config);
    EXPECT_GT(rtt.rto(), 1189ms);
}

TEST_F(RttTest, D3_the_shortest_and_the_longest) {
    for (int i = 0; i < 100; ++i) {
        rtt.sample(0ns, config);
    }
    EXPECT_EQ(rtt.rto(), 200'001us);
    for (int i = 0; i < 100; ++i) {
        rtt.sample(std::chrono::hours{i % 2 == 0 ? 10'000 : 0}, config);
        EXPECT_LE(rtt.rto(), 120s);
        EXPECT_GE(rtt.rto(), 200ms);
    }
}

TEST_F(RttTest, D3_back_off_doubles_up_to_the_maximum) {
    for (const Duration expected : {2s, 4s, 8s, 16s, 32s, 64s, 120s, 120s}) {
        rtt.back_off(config);
        EXPECT_EQ(rtt.rto(), expected);
        EXPECT_TRUE(rtt.backed_off(config));
    }
    rtt.restore(config);
    EXPECT_EQ(rtt.rto(), 1s);
    EXPECT_FALSE(rtt.backed_off(config));
}

TEST_F(RttTest, D3_a_maximum_without_measure_does_not_wrap) {
    config.rto_max = std::chrono::hours{100};
    for (int i = 0; i < 100; ++i) {
        rtt.back_off(config);
    }
    EXPECT_GE(rtt.rto(), 1000s);
}

// -------------------------------------------------------------------------------------- the timer

class RetransmissionTest : public EngineTest {};

TEST_F(RetransmissionTest, D3_what_is_not_acknowledged_is_sent_again) {
    established();
    EXPECT_SENT(user_sends(100), {.flags = PA, .length = 100});
    EXPECT_EQ(fire(), 1s);
    EXPECT_SENT(sent, {.flags = PA, .length = 100});
    EXPECT_EQ(fire(), 2s);
    EXPECT_SENT(sent, {.flags = PA, .length = 100});
    EXPECT_SENT_NOTHING(arrive({.ack = 101}).out);
    EXPECT_EQ(tcb.next_deadline(), never);
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 2U);
    EXPECT_EQ(counters[Counter::retransmitted_segments], 2U);
}

TEST_F(RetransmissionTest, D3_fifteen_times_and_then_no_more) {
    established();
    user_sends(100);
    Duration waited{};
    int repeated = 0;
    while (tcb.state != State::closed) {
        waited += fire();
        repeated += static_cast<int>(sent.size());
    }
    EXPECT_EQ(repeated, 15);
    EXPECT_EQ(events, event::timed_out);
    EXPECT_EQ(waited, 127s + 9 * 120s); // Above R2's 100 s (RFC 9293 §3.8.3).
    EXPECT_EQ(counters[Counter::gave_up], 1U);
}

TEST_F(RetransmissionTest, D3_new_data_does_not_restart_the_timer) {
    established();
    user_sends(1000);
    now += 900ms;
    user_sends(1000);
    EXPECT_EQ(fire(), 100ms);
}

TEST_F(RetransmissionTest, D3_an_ack_of_new_data_does) {
    established();
    user_sends(2000);
    now += 100ms;
    arrive({.ack = 1001}); // SRTT 100 ms, RTO 300 ms
    now += 299ms;
    EXPECT_EQ(fire(), 1ms);
    EXPECT_SENT(sent, {.seq = 1001, .flags = PA, .length = 1000});
}

TEST_F(RetransmissionTest, D3_an_old_ack_does_not) {
    established();
    user_sends(2000);
    now += 900ms;
    arrive({.ack = 1});
    arrive({.ack = 0});
    EXPECT_EQ(fire(), 100ms);
}

// D5.slow_start
TEST_F(RetransmissionTest, D5_a_time_out_starts_again_from_one_segment) {
    established();
    EXPECT_EQ(user_sends(10'000).size(), 10U); // Nothing new waits that F-RTO could send.
    fire();
    EXPECT_SENT(sent, {.length = 1000});
    EXPECT_EQ(tcb.congestion.cwnd, 1000U);
    EXPECT_EQ(tcb.congestion.ssthresh, 5000U);
    EXPECT_SENT(arrive({.ack = 1001}).out, {.seq = 1001, .length = 1000},
                {.seq = 2001, .length = 1000});
    EXPECT_SENT(arrive({.ack = 2001}).out, {.seq = 3001, .length = 1000},
                {.seq = 4001, .length = 1000});
    EXPECT_SENT(arrive({.ack = 3001}).out, {.seq = 5001, .length = 1000},
                {.seq = 6001, .length = 1000});
}

TEST_F(RetransmissionTest, D5_a_repeated_time_out_keeps_the_threshold) {
    established();
    user_sends(20'000);
    fire();
    fire();
    fire();
    EXPECT_EQ(tcb.congestion.cwnd, 1000U);
    EXPECT_EQ(tcb.congestion.ssthresh, 5000U);
}

TEST_F(RetransmissionTest, D1_segments_are_cut_anew_when_they_are_sent_again) {
    established();
    tcb.no_delay = true;
    for (const std::uint32_t length : {100U, 200U, 300U, 900U}) {
        user_sends(length);
    }
    fire();
    EXPECT_SENT(sent, {.length = 1000});
    EXPECT_SENT(arrive({.ack = 1001}).out, {.seq = 1001, .flags = PA, .length = 500});
    arrive({.ack = 1501});
    EXPECT_EQ(tcb.queue.length, 0U);
}

TEST_F(RetransmissionTest, D1_a_short_segment_that_is_repeated_takes_more_with_it) {
    established();
    user_sends(100);
    queue(5000);
    fire();
    EXPECT_SENT(sent, {.length = 100});
    // cwnd has grown by the 100 bytes acknowledged; 100 more would be a crumb.
    EXPECT_SENT(arrive({.ack = 101}).out, {.seq = 101, .length = 1000});
}

TEST_F(RetransmissionTest, D2_no_crumbs_are_sent_when_the_congestion_window_is_no_multiple) {
    established();
    user_sends(10'000);
    fire();
    arrive({.ack = 1001});
    tcb.congestion.cwnd = 3700;
    EXPECT_SENT(arrive({.ack = 2001}).out, {.seq = 3001, .length = 1000},
                {.seq = 4001, .length = 1000}, {.seq = 5001, .length = 1000});
    EXPECT_SENT(arrive({.ack = 3001}).out, {.seq = 6001, .length = 1000},
                {.seq = 7001, .length = 1000});
}

TEST_F(RetransmissionTest, D3_karn_a_repeated_segment_is_not_measured) {
    established();
    user_sends(100);
    fire();
    now += 5ms;
    arrive({.ack = 101});
    EXPECT_EQ(tcb.rtt.srtt_us, 0U);
    EXPECT_EQ(tcb.rtt.rto(), 2s) << "the back-off stays until something is measured";
    user_sends(100);
    now += 50ms;
    arrive({.ack = 201});
    EXPECT_EQ(tcb.rtt.srtt_us, 50'000U);
    EXPECT_EQ(tcb.rtt.rto(), 250ms);
}

TEST_F(RetransmissionTest, D3_karn_nor_is_one_behind_it) {
    established();
    user_sends(1000);
    now += 10ms;
    arrive({.ack = 1001});
    user_sends(3000); // The first of these is timed.
    fire();
    now += 300ms;
    arrive({.ack = 4001});
    EXPECT_EQ(tcb.rtt.srtt_us, 10'000U);
}

TEST_F(RetransmissionTest, D3_one_segment_at_a_time_is_measured) {
    established();
    user_sends(1000);
    now += 30ms;
    user_sends(1000);
    now += 30ms;
    arrive({.ack = 1001});
    EXPECT_EQ(tcb.rtt.srtt_us, 60'000U);
    now += 30ms;
    arrive({.ack = 2001}); // Was not timed: the first was, when it was sent.
    EXPECT_EQ(tcb.rtt.srtt_us, 60'000U);
}

TEST_F(RetransmissionTest, D3_a_measurement_goes_on_through_the_clocks_wrap) {
    now = Instant{std::chrono::microseconds{(std::int64_t{1} << 32) - 10'000}};
    established();
    user_sends(100);
    now += 20ms;
    arrive({.ack = 101});
    EXPECT_EQ(tcb.rtt.srtt_us, 20'000U);
}

// D3.rttm
TEST_F(RetransmissionTest, D3_timestamps_measure_what_was_repeated) {
    ends.timestamps = true;
    established();
    tcb.rtt = {};
    user_sends(100);
    fire();
    now += 70ms;
    arrive({.ack = 101}); // Echoes the repetition's timestamp.
    EXPECT_EQ(tcb.rtt.srtt_us, 70'000U);
    EXPECT_FALSE(tcb.rtt.backed_off(config));
}

TEST_F(RetransmissionTest, D3_an_echo_of_the_future_or_of_long_ago_is_not_believed) {
    ends.timestamps = true;
    established();
    for (const std::uint32_t off : {1U, 0x7FFF'FFFFU, 0x8000'0000U, 0U - 600'000U}) {
        tcb.rtt = {};
        user_sends(100);
        fire();
        arrive({.ack = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss),
                .ts_ecr = timestamp_clock(now) + ts_offset + off});
        EXPECT_EQ(tcb.rtt.srtt_us, 0U) << off;
    }
}

TEST_F(RetransmissionTest, D3_the_timestamps_option_is_on_every_segment) {
    ends.timestamps = true;
    established();
    EXPECT_SENT(user_sends(2000), {.length = 988, .ts_val = timestamp_clock(now) + ts_offset},
                {.seq = 989, .length = 988, .ts_ecr = peer_clock()});
    now += 3s;
    arrive({.ack = 1977});
    EXPECT_SENT(sent, {.seq = 1977,
                       .flags = PA,
                       .length = 24,
                       .ts_val = timestamp_clock(now) + ts_offset,
                       .ts_ecr = peer_clock()});
}

TEST_F(RetransmissionTest, D3_data_and_fin_time_out_together) {
    established();
    queue(1500);
    EXPECT_SENT(user_shuts_down(), {.length = 1000}, {.seq = 1001, .flags = FPA, .length = 500});
    fire();
    EXPECT_SENT(sent, {.length = 1000});
    EXPECT_SENT(arrive({.ack = 1001}).out, {.seq = 1001, .flags = FPA, .length = 500});
    fire();
    EXPECT_SENT(sent, {.seq = 1001, .flags = FPA, .length = 500});
    EXPECT_SENT_NOTHING(arrive({.ack = 1502}).out);
    EXPECT_EQ(tcb.state, State::fin_wait_2);
}

TEST_F(RetransmissionTest, D3_a_time_out_while_the_user_adds_data_and_closes) {
    established();
    user_sends(500);
    fire();
    queue(700);
    EXPECT_SENT_NOTHING(user_shuts_down()); // cwnd is one segment, and 500 bytes are out.
    EXPECT_SENT(arrive({.ack = 501}).out, {.seq = 501, .flags = FPA, .length = 700});
    arrive({.ack = 1202});
    EXPECT_EQ(tcb.state, State::fin_wait_2);
}

TEST_F(RetransmissionTest, D3_a_late_acknowledgement_after_a_time_out_ends_it) {
    established();
    user_sends(8000);
    fire();
    EXPECT_SENT_NOTHING(arrive({.ack = 8001}).out);
    EXPECT_EQ(tcb.next_deadline(), never);
    EXPECT_SENT(user_sends(1000), {.seq = 8001, .flags = PA, .length = 1000});
}

TEST_F(RetransmissionTest, D3_a_time_out_and_an_acknowledgement_in_one_burst) {
    established();
    user_sends(3000);
    now += 1s;
    ASSERT_EQ(deadline_passed(tcb, now, context), 0);
    // Before anything is sent again, everything is acknowledged.
    EXPECT_SENT_NOTHING(arrive({.ack = 3001}).out);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(RetransmissionTest, B10_a_user_deadline_is_told_once) {
    established();
    tcb.user_deadline = now + 5s;
    EXPECT_EQ(fire(), 5s);
    EXPECT_EQ(events, event::user_deadline);
    EXPECT_EQ(tcb.next_deadline(), never);
}

} // namespace
} // namespace millrace::tcp
