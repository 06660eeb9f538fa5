// D5.cubic: CUBIC (RFC 9438): its regions, what ends a stage, which time counts, and what is
// undone.

#include "cubic_sender.hpp"

#include "tcp/cubic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>

namespace millrace::tcp {
namespace {

/// In congestion avoidance, with a loss behind it at `segments`.
CubicSender reduced_from(std::uint32_t segments, std::uint32_t rtt_us = 100'000) {
    CubicSender sender;
    sender.rtt_us = rtt_us;
    sender.state.cwnd = segments * sender.mss;
    sender.lose();
    return sender;
}

TEST(CubicTest, D5_concave_up_to_w_max_then_convex) {
    CubicSender sender = reduced_from(1000); // K = (300 / 0.4)^(1/3) = 9.09 s
    sender.round_trip();
    EXPECT_EQ(sender.state.w_max, 1'000'000U);
    std::uint32_t growth = UINT32_MAX;
    for (int second = 0; second < 9; ++second) {
        const std::uint32_t before = sender.state.cwnd;
        sender.round_trips(10);
        EXPECT_LE(sender.state.cwnd - before, growth) << "less and less, in second " << second;
        growth = sender.state.cwnd - before;
    }
    EXPECT_NEAR(sender.state.cwnd, 1'000'000, 1000);
    for (int second = 0; second < 20; ++second) {
        const std::uint32_t before = sender.state.cwnd;
        sender.round_trips(10);
        EXPECT_GT(sender.state.cwnd - before, growth) << "more and more, in second " << second;
        growth = sender.state.cwnd - before;
    }
    // W_cubic(29.1 s) = 1000 + 0.4 * 20^3
    EXPECT_NEAR(sender.segments(), 4200, 50);
}

TEST(CubicTest, D5_reno_friendly_by_alpha_until_cwnd_prior_then_by_a_segment) {
    CubicSender sender = reduced_from(100, 1000);
    std::uint32_t before = sender.state.cwnd;
    sender.ack(0);
    for (int trip = 0; trip < 50; ++trip) {
        sender.now_us += sender.rtt_us;
        sender.ack(sender.state.cwnd);
    }
    EXPECT_NEAR(sender.state.cwnd, before + 50 * 9 * 1000 / 17, 1);
    while (sender.state.cwnd < 100'000) {
        sender.now_us += sender.rtt_us;
        sender.ack(sender.state.cwnd);
    }
    before = sender.state.cwnd;
    for (int trip = 0; trip < 50; ++trip) {
        sender.now_us += sender.rtt_us;
        sender.ack(sender.state.cwnd);
    }
    EXPECT_EQ(sender.state.cwnd, before + 50 * 1000);
}

TEST(CubicTest, D5_reno_friendly_has_no_use_for_acknowledgements_cut_small) {
    CubicSender whole = reduced_from(100, 1000);
    CubicSender cut = whole;
    whole.ack(0);
    cut.ack(0);
    for (int i = 0; i < 100; ++i) {
        whole.ack(70'000);
        for (int j = 0; j < 70'000; j += 10) {
            cut.ack(10);
        }
    }
    EXPECT_GT(whole.state.cwnd, 110'000U);
    // cwnd grows within a window, so that its later acknowledgements count for less.
    EXPECT_NEAR(cut.state.cwnd, whole.state.cwnd, 500);
}

TEST(CubicTest, D5_what_division_leaves_is_not_lost) {
    CubicSender sender = reduced_from(100'000);
    sender.round_trip();
    CubicSender cut = sender;
    sender.now_us += 1000;
    cut.now_us += 1000;
    const std::uint32_t before = sender.state.cwnd;
    sender.ack(50'000);
    for (int i = 0; i < 5000; ++i) {
        cut.ack(10);
    }
    EXPECT_GT(sender.state.cwnd, before + 10);
    EXPECT_NEAR(cut.state.cwnd, sender.state.cwnd, 1);
}

TEST(CubicTest, D5_not_faster_than_half_of_cwnd_in_a_round_trip) {
    CubicSender sender = reduced_from(10);
    sender.round_trip();
    sender.rtt_us = 10'000'000;
    sender.now_us += 100'000'000; // 0.4 * 100^3 = 400,000 segments
    const std::uint32_t before = sender.state.cwnd;
    sender.ack(before);
    EXPECT_EQ(sender.state.cwnd, before + before / 2);
    sender.ack(UINT32_MAX); // No more than cwnd can have been under way.
    EXPECT_EQ(sender.state.cwnd, before * 9 / 4);
}

TEST(CubicTest, D5_the_target_is_one_round_trip_ahead) {
    CubicSender sender = reduced_from(1000, 1'000'000);
    sender.ack(0);
    sender.now_us += 2'000'000;
    sender.ack(sender.state.cwnd);
    // K = 9.086 s; W_cubic(3 s) = 1000 - 0.4 * 6.086^3
    EXPECT_NEAR(sender.state.cwnd, 909'800, 200);
}

TEST(CubicTest, D5_a_loss_reduces_to_seven_tenths_of_the_flight) {
    CubicSender sender = reduced_from(100);
    EXPECT_EQ(sender.state.ssthresh, 70'000U);
    Cubic::on_loss(sender.state, sender.epoch, 50'000, 1000);
    EXPECT_EQ(sender.state.ssthresh, 35'000U);
    Cubic::on_loss(sender.state, sender.epoch, 2000, 1000);
    EXPECT_EQ(sender.state.ssthresh, 2000U);
    Cubic::on_loss(sender.state, sender.epoch, UINT32_MAX, 1000);
    EXPECT_EQ(sender.state.ssthresh, 3'006'477'106U);
}

TEST(CubicTest, D5_fast_convergence_below_w_max) {
    CubicSender sender = reduced_from(1000);
    EXPECT_EQ(sender.state.w_max, 1'000'000U);
    sender.round_trips(10);
    ASSERT_LT(sender.state.cwnd, 1'000'000U);
    const std::uint32_t cwnd = sender.state.cwnd;
    sender.lose();
    EXPECT_EQ(sender.state.w_max, cwnd * 17 / 20);
    sender.round_trips(300);
    ASSERT_GT(sender.state.cwnd, sender.state.w_max);
    sender.lose();
    EXPECT_EQ(sender.state.cwnd, static_cast<std::uint32_t>(sender.state.w_max * 7ULL / 10));
    sender.state.cwnd = sender.state.w_max;
    sender.lose();
    EXPECT_EQ(sender.state.w_max * 7ULL / 10, sender.state.cwnd) << "at W_max is not below it";
}

TEST(CubicTest, D5_alpha_stays_small_past_a_w_max_that_fast_convergence_has_lowered) {
    CubicSender sender = reduced_from(1000, 1000);
    sender.lose(); // At 700: W_max = 595, cwnd_prior = 700.
    ASSERT_EQ(sender.state.w_max, 595'000U);
    while (sender.state.cwnd < 650'000) {
        sender.round_trip(1);
    }
    const std::uint32_t before = sender.state.cwnd;
    sender.round_trip(1);
    EXPECT_NEAR(sender.state.cwnd, before + 529, 1);
}

TEST(CubicTest, D5_after_a_timeout_slow_start_then_a_stage_with_k_0) {
    CubicSender sender = reduced_from(100);
    sender.round_trips(20);
    sender.state.cwnd = 90'000;
    sender.time_out();
    EXPECT_EQ(sender.state.cwnd, 1000U);
    EXPECT_EQ(sender.state.ssthresh, 63'000U);
    while (sender.state.in_slow_start()) {
        const std::uint32_t before = sender.state.cwnd;
        sender.ack(5000);
        ASSERT_EQ(sender.state.cwnd, before + 2000);
    }
    const std::uint32_t cwnd = sender.state.cwnd;
    sender.ack(1000);
    EXPECT_EQ(sender.epoch.phase_ms, 0);
    EXPECT_EQ(sender.state.w_max, cwnd);
    // alpha is 9 / 17 until cwnd_prior.
    EXPECT_NEAR(sender.epoch.w_est, cwnd + 1'000'000 * 9 / 17 / cwnd, 1);
}

TEST(CubicTest, D5_a_loss_in_slow_start_after_a_timeout_is_one_below_w_max) {
    CubicSender sender = reduced_from(100);
    sender.time_out();
    sender.state.cwnd = 10'000;
    sender.lose();
    EXPECT_EQ(sender.state.w_max, 8500U);
}

TEST(CubicTest, D5_slow_start_that_ended_without_a_loss) {
    CubicSender sender;
    sender.rtt_us = 1000;
    sender.state.cwnd = 50'000;
    sender.state.ssthresh = 50'000;
    sender.ack(0);
    EXPECT_EQ(sender.state.w_max, 50'000U);
    EXPECT_EQ(sender.epoch.phase_ms, 0);
    sender.ack(50'000);
    EXPECT_EQ(sender.state.cwnd, 51'000U) << "cwnd_prior is cwnd, alpha 1";
}

TEST(CubicTest, D5_slow_start_leaves_no_stage_behind) {
    CubicSender sender = reduced_from(100);
    sender.round_trips(50);
    sender.state.cwnd = 10'000; // As after an idle time.
    sender.ack(1000);
    sender.state.cwnd = 70'000;
    sender.now_us += 1;
    sender.ack(0);
    EXPECT_EQ(sender.epoch.phase_ms, -Cubic::k_ms(100'000, 70'000, 1000));
    EXPECT_EQ(sender.epoch.w_est, 70'000U);
}

TEST(CubicTest, D5_cwnd_never_falls_between_losses) {
    std::mt19937 random{9438};
    const auto below = [&random](std::uint32_t limit) {
        return static_cast<std::uint32_t>(random() % limit);
    };
    for (int run = 0; run < 300; ++run) {
        CubicSender sender;
        sender.mss = 1 + below(UINT16_MAX);
        sender.state.cwnd = sender.mss + below(cwnd_max - sender.mss);
        sender.now_us = below(UINT32_MAX);
        for (int i = 0; i < 300; ++i) {
            if (below(100) == 0) {
                sender.lose();
            } else if (below(200) == 0) {
                sender.time_out();
            }
            sender.rtt_us = 1 + below(10'000'000);
            sender.cwnd_limited = below(4) != 0;
            sender.now_us += below(below(8) == 0 ? UINT32_MAX : 1'000'000);
            const std::uint32_t before = sender.state.cwnd;
            sender.ack(below(below(8) == 0 ? UINT32_MAX : 100'000));
            ASSERT_GE(sender.state.cwnd, before) << "run " << run;
            ASSERT_LE(sender.state.cwnd, cwnd_max) << "run " << run;
            ASSERT_LE(sender.state.cwnd - before, std::max(before / 2 + 1, 2 * sender.mss));
        }
    }
}

TEST(CubicTest, D5_the_clock_may_wrap) {
    CubicSender here = reduced_from(1000);
    CubicSender there = here;
    there.now_us = UINT32_MAX - 4'999'950; // Wraps inside a millisecond that is being counted.
    for (int trip = 0; trip < 300; ++trip) {
        here.round_trip(7);
        there.round_trip(7);
        ASSERT_EQ(here.state.cwnd, there.state.cwnd) << trip;
        ASSERT_EQ(here.epoch.phase_ms, there.epoch.phase_ms) << trip;
    }
    EXPECT_LT(there.now_us, here.now_us);
}

TEST(CubicTest, D5_a_stage_may_last_for_hours) {
    CubicSender sender = reduced_from(1000);
    sender.ack(0);
    const std::int32_t k_ms = -sender.epoch.phase_ms;
    for (int minute = 1; minute <= 40; ++minute) {
        sender.now_us += 60'000'000;
        sender.ack(0);
        ASSERT_EQ(sender.epoch.phase_ms + k_ms, minute * 60'000);
    }
    for (int minute = 0; minute < 600; ++minute) { // The clock wraps every 71.6 minutes.
        const std::int32_t before_ms = sender.epoch.phase_ms;
        sender.now_us += 60'000'000;
        sender.ack(100);
        ASSERT_GE(sender.epoch.phase_ms, before_ms);
    }
    EXPECT_EQ(Cubic::window(sender.state.w_max, sender.mss, sender.epoch.phase_ms), cwnd_max);
    EXPECT_EQ(sender.epoch.phase_ms, 2'642'245) << "or it would wrap in weeks";
}

TEST(CubicTest, D5_time_in_short_intervals_adds_up) {
    CubicSender sender = reduced_from(1000);
    sender.ack(0);
    const std::int32_t begin_ms = sender.epoch.phase_ms;
    for (int i = 0; i < 100'000; ++i) {
        sender.now_us += 37;
        sender.ack(0);
    }
    EXPECT_EQ(sender.epoch.phase_ms - begin_ms, 3700);
}

TEST(CubicTest, D5_time_in_which_cwnd_is_not_the_limit_does_not_count) {
    CubicSender steady = reduced_from(1000);
    CubicSender pausing = steady;
    for (int trip = 0; trip < 150; ++trip) {
        steady.round_trip();
        pausing.round_trip();
        if (trip % 10 == 5) {
            pausing.cwnd_limited = false;
            const std::uint32_t before = pausing.state.cwnd;
            pausing.round_trips(40);
            EXPECT_EQ(pausing.state.cwnd, before);
            pausing.cwnd_limited = true;
        }
        ASSERT_EQ(pausing.state.cwnd, steady.state.cwnd) << trip;
    }
}

TEST(CubicTest, D5_a_stage_waits_for_cwnd_to_be_the_limit) {
    CubicSender sender = reduced_from(1000);
    sender.cwnd_limited = false;
    sender.round_trips(10);
    EXPECT_EQ(sender.epoch.w_est, 0U);
    sender.state.cwnd = 10'000;
    sender.round_trip(); // Nor does slow start grow.
    EXPECT_EQ(sender.state.cwnd, 10'000U);
}

TEST(CubicTest, D5_a_flight_that_begins_below_w_max_climbs_on_along_the_same_curve) {
    CubicSender steady = reduced_from(1000);
    steady.round_trips(30);
    CubicSender resumed = steady;
    resumed.now_us += 300'000'000;
    resumed.epoch = CongestionEpoch{};
    while (steady.state.cwnd < 990'000) {
        steady.round_trip();
        resumed.round_trip();
        ASSERT_NEAR(resumed.state.cwnd, steady.state.cwnd, 0.02 * steady.state.cwnd);
    }
}

TEST(CubicTest, D5_a_flight_that_begins_above_w_max_begins_a_plateau) {
    CubicSender sender = reduced_from(1000);
    sender.state.cwnd = 1'500'000;
    sender.round_trip();
    EXPECT_EQ(sender.state.w_max, 1'500'000U);
    EXPECT_LT(sender.state.cwnd, 1'502'000U);
}

// D5.undo
TEST(CubicTest, D5_a_loss_that_was_none_is_undone) {
    CubicSender sender = reduced_from(1000);
    sender.round_trips(120);
    CubicSender unharmed = sender;
    const CongestionUndo saved = save(sender.state, sender.epoch);
    sender.lose();
    sender.round_trips(5);
    sender.now_us += 700'000; // A recovery, in which nothing is shown.
    undo(sender.state, sender.epoch, saved, sender.now_us);
    EXPECT_EQ(sender.state.ssthresh, unharmed.state.ssthresh);
    EXPECT_EQ(sender.state.w_max, unharmed.state.w_max);
    for (int trip = 0; trip < 100; ++trip) {
        sender.round_trip();
        unharmed.round_trip();
        ASSERT_NEAR(sender.state.cwnd, unharmed.state.cwnd, 2) << trip;
        ASSERT_NEAR(sender.epoch.w_est, unharmed.epoch.w_est, 2) << trip;
    }
}

// D5.undo
TEST(CubicTest, D5_a_timeout_that_was_none_is_undone) {
    CubicSender sender;
    sender.state.cwnd = 50'000;
    sender.state.ssthresh = 50'000;
    sender.round_trips(5);
    const CongestionUndo saved = save(sender.state, sender.epoch);
    sender.time_out();
    sender.state.cwnd = sender.state.ssthresh;
    sender.ack(1000);
    ASSERT_FALSE(sender.epoch.reno_rate);
    undo(sender.state, sender.epoch, saved, sender.now_us);
    EXPECT_EQ(sender.state.ssthresh, 50'000U);
    EXPECT_EQ(sender.state.cwnd, saved.state.cwnd);
    EXPECT_TRUE(sender.epoch.reno_rate);
}

TEST(CubicTest, D5_nothing_is_undone_once_cwnd_has_grown_past_it) {
    CubicSender sender = reduced_from(100);
    const CongestionUndo saved = save(sender.state, sender.epoch);
    sender.lose();
    sender.state.cwnd = saved.state.cwnd;
    undo(sender.state, sender.epoch, saved, sender.now_us);
    EXPECT_EQ(sender.state.ssthresh, 49'000U);
}

TEST(CubicTest, D5_nothing_overflows_at_the_limits) {
    CubicSender sender;
    sender.mss = UINT16_MAX;
    sender.rtt_us = 10'000'000;
    sender.state.cwnd = cwnd_max;
    sender.lose();
    sender.round_trips(100);
    EXPECT_EQ(sender.state.cwnd, cwnd_max);
    sender.state.ssthresh = UINT32_MAX;
    sender.ack(UINT32_MAX);
    EXPECT_EQ(sender.state.cwnd, cwnd_max);
    sender.state = {.cwnd = cwnd_max - 10, .ssthresh = cwnd_max - 10};
    sender.ack(cwnd_max); // The Reno-friendly region
    EXPECT_EQ(sender.state.cwnd, cwnd_max);
}

} // namespace
} // namespace millrace::tcp
