// D4.tlp: tail loss probes (RFC 8985 §7).

#include "recovery_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

class TailLossProbeTest : public RecoveryTest {
  protected:
    /// Three segments, of which nothing is heard.
    void three_in_flight() {
        measured_path();
        ASSERT_EQ(user_sends(3000).size(), 3U);
    }
};

TEST_F(TailLossProbeTest, D4_tlp_after_two_round_trips_the_last_segment_goes_again) {
    three_in_flight();
    EXPECT_EQ(fire(), 2 * rtt);
    EXPECT_SENT(sent, {.seq = at(2), .flags = PA, .length = 1000});
    EXPECT_EQ(counters[Counter::tail_loss_probes], 1U);
    EXPECT_EQ(tcb.congestion.ssthresh, UINT32_MAX) << "a probe is no sign of congestion";
    EXPECT_EQ(tcb.timer, RetransmitTimer::retransmission) << "one probe, then the time-out";
    fire();
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 1U);
}

TEST_F(TailLossProbeTest, D4_tlp_a_single_segment_waits_for_a_delayed_acknowledgement) {
    measured_path();
    tcb.rtt.rto_us = 900'000;
    user_sends(1000);
    EXPECT_EQ(fire(), 2 * rtt + 200ms);
}

TEST_F(TailLossProbeTest, D4_tlp_takes_the_place_of_a_time_out_that_would_be_sooner) {
    measured_path();
    user_sends(1000);
    EXPECT_EQ(fire(), tcb.rtt.rto());
    EXPECT_EQ(counters[Counter::tail_loss_probes], 1U);
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 0U);
}

TEST_F(TailLossProbeTest, D4_tlp_new_data_is_the_better_probe) {
    measured_path();
    tcb.congestion.cwnd = 3000;
    ASSERT_EQ(user_sends(5000).size(), 3U);
    fire();
    EXPECT_SENT(sent, {.seq = at(3), .length = 1000});
}

TEST_F(TailLossProbeTest, D4_tlp_finds_the_loss_of_a_tail) {
    three_in_flight();
    now += rtt;
    arrive({.ack = at(1)}); // The second and third are lost.
    fire();
    EXPECT_SENT(sent, {.seq = at(2), .flags = PA, .length = 1000});
    now += rtt;
    EXPECT_SENT(arrive({.ack = at(1), .sack = {{at(2), at(3)}}}).out,
                {.seq = at(1), .length = 1000});
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 0U);
}

TEST_F(TailLossProbeTest, D4_tlp_finds_the_loss_of_a_whole_flight) {
    three_in_flight();
    fire();
    now += rtt;
    // The probe alone has arrived: the two before it are repaired, cut as segments.
    EXPECT_SENT(arrive({.ack = first, .sack = {{at(2), at(3)}}}).out,
                {.seq = at(0), .length = 1000});
    now += rtt;
    EXPECT_SENT(arrive({.ack = at(1), .sack = {{at(2), at(3)}}}).out,
                {.seq = at(1), .length = 1000});
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 0U);
}

TEST_F(TailLossProbeTest, D4_tlp_a_loss_that_the_probe_repaired_reduces_cwnd) {
    three_in_flight();
    fire();
    now += rtt;
    arrive({.ack = at(3)});
    const std::uint32_t cwnd = tcb.congestion.cwnd;
    user_sends(1000);
    now += rtt;
    arrive({.ack = at(4)}); // No D-SACK has come: the probe was the only copy.
    EXPECT_LT(tcb.congestion.cwnd, cwnd);
}

TEST_F(TailLossProbeTest, D4_tlp_a_probe_that_arrived_twice_does_not) {
    three_in_flight();
    fire();
    now += 10ms;
    arrive({.ack = at(3)});
    const std::uint32_t cwnd = tcb.congestion.cwnd;
    user_sends(1000);
    arrive({.ack = at(3), .sack = {{at(2), at(3)}}});
    now += rtt;
    arrive({.ack = at(4)});
    EXPECT_GE(tcb.congestion.cwnd, cwnd);
}

TEST_F(TailLossProbeTest, D4_tlp_nor_one_reported_while_nothing_is_in_flight) {
    three_in_flight();
    fire();
    now += 10ms;
    arrive({.ack = at(3)});
    const std::uint32_t cwnd = tcb.congestion.cwnd;
    now += rtt;
    arrive({.ack = at(3), .sack = {{at(2), at(3)}}});
    user_sends(1000);
    now += rtt;
    arrive({.ack = at(4)});
    EXPECT_GE(tcb.congestion.cwnd, cwnd);
}

TEST_F(TailLossProbeTest, D4_tlp_a_loss_repaired_by_the_probe_halves_cwnd) {
    measured_path();
    tcb.congestion.cwnd = tcb.congestion.ssthresh = 100'000;
    ASSERT_EQ(user_sends(10'000).size(), 10U);
    fire();
    now += rtt;
    user_sends(2000); // Behind the probe
    const std::uint32_t cwnd = tcb.congestion.cwnd;
    arrive({.ack = at(11)});
    EXPECT_EQ(tcb.congestion.cwnd, cwnd / 2);
}

TEST_F(TailLossProbeTest, D4_tlp_needs_sack) {
    established();
    user_sends(1000);
    now += rtt;
    arrive({.ack = 1001});
    user_sends(3000);
    fire();
    EXPECT_EQ(counters[Counter::tail_loss_probes], 0U);
    EXPECT_EQ(counters[Counter::retransmission_timeouts], 1U);
}

} // namespace
} // namespace millrace::tcp
