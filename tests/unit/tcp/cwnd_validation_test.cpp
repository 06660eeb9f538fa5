// D5.restart, D5.validation: a window that is not used says nothing of the path (RFC 2861, RFC
// 7661).

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

class CwndValidationTest : public EngineTest {
  protected:
    /// Sends `bytes` whenever an acknowledgement comes, which is every `interval`.
    void send_now_and_then(std::uint32_t bytes, Duration interval, int times) {
        for (int i = 0; i < times; ++i) {
            user_sends(bytes);
            now += interval;
            arrive({.ack = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss)});
        }
    }
};

TEST_F(CwndValidationTest, D5_restart_an_idle_connection_starts_slowly) {
    established();
    queue(60'000);
    flush_all();
    now += 50ms;
    std::uint32_t acked = 1;
    while (tcb.flight() > 0) {
        acked = static_cast<std::uint32_t>(tcb.snd.nxt - ends.iss);
        arrive({.ack = acked});
    }
    tcb.congestion.cwnd = 64'000;
    tcb.congestion.ssthresh = 40'000;
    const Duration rto = tcb.rtt.rto();
    now += rto - 100ms;
    EXPECT_EQ(user_sends(1000).size(), 1U);
    EXPECT_EQ(tcb.congestion.cwnd, 64'000U);
    arrive({.ack = acked + 1000});
    now += 2 * rto + 2ms; // Two time-outs over.
    user_sends(1000);
    EXPECT_EQ(tcb.congestion.cwnd, 16'000U);
    EXPECT_EQ(tcb.congestion.ssthresh, 48'000U);
    arrive({.ack = acked + 2000});
    now += std::chrono::hours{24};
    user_sends(1000);
    EXPECT_EQ(tcb.congestion.cwnd, 10'000U);
}

TEST_F(CwndValidationTest, D5_restart_idle_time_is_counted_once) {
    ends.window = 0;
    established();
    tcb.congestion.cwnd = 640'000;
    now += 2s + 1ms;
    user_sends(1000);
    EXPECT_EQ(tcb.congestion.cwnd, 160'000U);
    user_sends(1000);
    EXPECT_EQ(tcb.congestion.cwnd, 160'000U);
    now += 1s;
    user_sends(1000);
    EXPECT_EQ(tcb.congestion.cwnd, 80'000U);
}

TEST_F(CwndValidationTest, D5_restart_data_in_flight_is_not_idle) {
    established();
    tcb.congestion.cwnd = 64'000;
    user_sends(1000);
    now += 900ms;
    tcb.sent_ms -= 5000;
    user_sends(1000);
    EXPECT_EQ(tcb.congestion.cwnd, 64'000U);
}

TEST_F(CwndValidationTest, D5_validation_what_is_not_used_decays_by_half_each_time_out) {
    established();
    send_now_and_then(1000, 10ms, 20); // The time-out is the least of 200 ms.
    tcb.congestion.cwnd = 100'000;
    tcb.congestion.ssthresh = 60'000;
    tcb.no_delay = true;
    send_now_and_then(20'000, 50ms, 10);
    EXPECT_EQ(tcb.congestion.ssthresh, 75'000U) << "three quarters of cwnd, once";
    EXPECT_LT(tcb.congestion.cwnd, 61'000U);
    EXPECT_GT(tcb.congestion.cwnd, 35'000U);
    send_now_and_then(20'000, 50ms, 100);
    EXPECT_LE(tcb.congestion.cwnd, 48'000U);
    EXPECT_GE(tcb.congestion.cwnd, 35'000U) << "in slow start a window half used is used";
}

TEST_F(CwndValidationTest, D5_validation_never_below_the_initial_window) {
    established();
    tcb.congestion.cwnd = 100'000;
    send_now_and_then(1000, 60ms, 200);
    EXPECT_EQ(tcb.congestion.cwnd, 10'000U);
}

TEST_F(CwndValidationTest, D5_validation_a_window_that_is_full_now_and_then_stays) {
    established();
    send_now_and_then(1000, 10ms, 20);
    tcb.congestion.cwnd = 30'000;
    tcb.congestion.ssthresh = 20'000;
    for (int i = 0; i < 20; ++i) {
        send_now_and_then(30'000, 50ms, 1);
        send_now_and_then(1000, 50ms, 2);
    }
    EXPECT_GE(tcb.congestion.cwnd, 30'000U);
}

TEST_F(CwndValidationTest, D5_validation_growth_needs_a_window_that_is_full) {
    established();
    tcb.congestion.cwnd = 20'000;
    tcb.congestion.ssthresh = 20'000;
    send_now_and_then(15'000, 10ms, 10);
    EXPECT_EQ(tcb.congestion.cwnd, 20'000U);
    send_now_and_then(20'000, 10ms, 10);
    EXPECT_GT(tcb.congestion.cwnd, 20'000U);
}

TEST_F(CwndValidationTest, D5_validation_in_slow_start_more_than_half_is_enough) {
    established();
    tcb.congestion.cwnd = 20'000;
    send_now_and_then(10'000, 10ms, 3);
    EXPECT_EQ(tcb.congestion.cwnd, 20'000U);
    send_now_and_then(11'000, 10ms, 1);
    EXPECT_GT(tcb.congestion.cwnd, 20'000U);
}

TEST_F(CwndValidationTest, D5_validation_a_full_window_counts_until_it_is_acknowledged) {
    established();
    tcb.congestion.cwnd = 10'000;
    tcb.congestion.ssthresh = 10'000;
    user_sends(10'000);
    now += 10ms;
    arrive({.ack = 5001});
    user_sends(1000); // Less than there is room for: the window is still the one that was full.
    arrive({.ack = 10'001});
    EXPECT_EQ(tcb.congestion.cwnd, 11'000U);
}

} // namespace
} // namespace millrace::tcp
