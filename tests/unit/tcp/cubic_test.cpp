// D5: CUBIC (RFC 9438), against its formulas in long double.

#include "tcp/cubic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace millrace::tcp {
namespace {

using Real = long double;

constexpr Real c = 0.4L;
constexpr Real beta = 0.7L;

/// The RFC as it stands: segments, seconds, and a cwnd that waits where W_est would take it back.
struct Formula {
    Real limit = 0; ///< `cwnd_max`
    Real cwnd = 0;
    Real cwnd_prior = 0;
    Real w_max = 0;
    Real w_est = 0;
    Real k = 0;
    Real t = 0;

    void lose() {
        w_max = cwnd < w_max ? cwnd * (1 + beta) / 2 : cwnd;
        cwnd_prior = cwnd;
        cwnd *= beta;
    }

    void begin_stage() {
        w_max = std::max(w_max, cwnd);
        k = std::cbrt((w_max - cwnd) / c);
        w_est = cwnd;
        t = 0;
    }

    [[nodiscard]] Real w_cubic(Real at) const { return c * (at - k) * (at - k) * (at - k) + w_max; }

    void ack(Real segments, Real rtt) {
        const Real alpha = w_est < cwnd_prior ? 3 * (1 - beta) / (1 + beta) : 1;
        w_est = std::min(limit, w_est + alpha * segments / cwnd);
        if (w_cubic(t) < w_est) {
            cwnd = std::max(cwnd, w_est);
        } else {
            const Real target = std::clamp(std::min(limit, w_cubic(t + rtt)), cwnd, 1.5L * cwnd);
            cwnd += (target - cwnd) / cwnd * segments;
        }
    }
};

/// A sender whose every flight fills cwnd, seen by Cubic alone.
struct Sender {
    CongestionState state{};
    CongestionEpoch epoch{};
    std::uint32_t mss = 1000;
    std::uint32_t rtt_us = 100'000;
    std::uint32_t now_us = 0;
    bool cwnd_limited = true;

    void ack(std::uint32_t bytes) {
        Cubic::on_ack(state, epoch,
                      {.acked_bytes = bytes,
                       .mss = mss,
                       .srtt_us = rtt_us,
                       .now_us = now_us,
                       .cwnd_limited = cwnd_limited});
    }

    /// A round trip, with `acks` acknowledgements evenly in it.
    void round_trip(std::uint32_t acks = 10) {
        const std::uint32_t bytes = state.cwnd / acks;
        for (std::uint32_t i = 0; i < acks; ++i) {
            now_us += rtt_us / acks;
            ack(bytes);
        }
    }

    void round_trips(int count) {
        for (int i = 0; i < count; ++i) {
            round_trip();
        }
    }

    /// A loss, found and repaired at once.
    void lose() {
        Cubic::on_loss(state, epoch, state.cwnd, mss);
        state.cwnd = state.ssthresh;
    }

    void time_out() { Cubic::on_timeout(state, epoch, state.cwnd, mss); }

    [[nodiscard]] std::uint32_t segments() const { return state.cwnd / mss; }
};

/// In congestion avoidance, with a loss behind it at `segments`.
Sender reduced_from(std::uint32_t segments, std::uint32_t rtt_us = 100'000) {
    Sender sender;
    sender.rtt_us = rtt_us;
    sender.state.cwnd = segments * sender.mss;
    sender.lose();
    return sender;
}

TEST(CubicTest, D5_the_cube_root_is_exact) {
    constexpr std::uint64_t largest = 2'642'245;
    for (std::uint64_t root = 1; root <= largest; root += 1 + root / 1000) {
        const std::uint64_t cube = root * root * root;
        ASSERT_EQ(cube_root(cube - 1), root - 1);
        ASSERT_EQ(cube_root(cube), root);
        ASSERT_EQ(cube_root(cube + 1), root);
    }
    EXPECT_EQ(cube_root(0), 0U);
    EXPECT_EQ(cube_root(largest * largest * largest - 1), largest - 1);
    EXPECT_EQ(cube_root(largest * largest * largest), largest);
    EXPECT_EQ(cube_root(UINT64_MAX), largest);
}

constexpr std::uint32_t segment_sizes[] = {1, 64, 536, 1220, 1460, 8960, 65'535};

std::vector<std::uint32_t> windows() {
    std::vector<std::uint32_t> result;
    for (std::uint64_t w = 1; w <= cwnd_max; w += 1 + w / 7) {
        result.push_back(static_cast<std::uint32_t>(w));
    }
    result.push_back(cwnd_max);
    return result;
}

TEST(CubicTest, D5_k_is_the_formula_rounded_up_to_a_millisecond) {
    for (const std::uint32_t mss : segment_sizes) {
        for (const std::uint32_t w_max : windows()) {
            for (std::uint32_t tenths = 0; tenths <= 10; ++tenths) {
                const auto cwnd = static_cast<std::uint32_t>(std::uint64_t{w_max} * tenths / 10);
                const Real exact_ms = 1000 * std::cbrt(static_cast<Real>(w_max - cwnd) / mss / c);
                const auto k_ms = static_cast<Real>(Cubic::k_ms(w_max, cwnd, mss));
                ASSERT_GE(k_ms, exact_ms - 1e-9L) << w_max << ' ' << cwnd << ' ' << mss;
                ASSERT_LT(k_ms, exact_ms + 1) << w_max << ' ' << cwnd << ' ' << mss;
            }
        }
    }
    EXPECT_EQ(Cubic::k_ms(1000, 1001, 1), 0);
}

TEST(CubicTest, D5_the_window_is_the_formula_to_a_byte) {
    for (const std::uint32_t mss : segment_sizes) {
        for (const std::uint32_t w_max : windows()) {
            for (std::int64_t phase_ms = 1; phase_ms < 100'000'000; phase_ms += 1 + phase_ms / 5) {
                const auto seconds = static_cast<Real>(phase_ms) / 1000;
                const Real height = c * mss * seconds * seconds * seconds;
                const Real above = std::min<Real>(w_max + height, cwnd_max);
                const Real below = std::max<Real>(w_max - height, 0);
                const auto after = static_cast<Real>(Cubic::window(w_max, mss, phase_ms));
                const auto before = static_cast<Real>(Cubic::window(w_max, mss, -phase_ms));
                ASSERT_LE(after, above + 1e-6L) << w_max << ' ' << mss << ' ' << phase_ms;
                ASSERT_GT(after, above - 1) << w_max << ' ' << mss << ' ' << phase_ms;
                ASSERT_GE(before, below - 1e-6L) << w_max << ' ' << mss << ' ' << phase_ms;
                ASSERT_LT(before, below + 1) << w_max << ' ' << mss << ' ' << phase_ms;
            }
        }
    }
    EXPECT_EQ(Cubic::window(5000, 1000, 0), 5000U);
    EXPECT_EQ(Cubic::window(cwnd_max, 1, INT64_MAX / 2), cwnd_max);
    EXPECT_EQ(Cubic::window(cwnd_max, 1000, -INT64_MAX / 2), 0U);
}

/// Four stages with a loss before each, the second and third so short that fast convergence has its
/// part. The greatest difference of cwnd to the formulas, as a part of cwnd.
Real greatest_error(std::uint32_t mss, std::uint32_t segments, std::uint32_t rtt_us) {
    Sender sender;
    sender.mss = mss;
    sender.rtt_us = rtt_us;
    sender.state.cwnd = segments * mss;
    Formula formula;
    formula.limit = static_cast<Real>(cwnd_max) / mss;
    formula.cwnd = segments;
    Real error = 0;
    for (const int acks : {4000, 100, 1000, 4000}) {
        sender.lose();
        formula.lose();
        formula.begin_stage();
        for (int i = 0; i < acks; ++i) {
            const std::uint32_t bytes =
                std::max(std::min(mss, sender.state.cwnd), sender.state.cwnd / 16);
            const auto interval_us =
                static_cast<std::uint32_t>(std::uint64_t{rtt_us} * bytes / sender.state.cwnd);
            sender.now_us += interval_us;
            formula.t += i == 0 ? 0 : static_cast<Real>(interval_us) / 1'000'000;
            sender.ack(bytes);
            formula.ack(static_cast<Real>(bytes) / mss, static_cast<Real>(rtt_us) / 1'000'000);
            const Real cwnd = static_cast<Real>(sender.state.cwnd) / mss;
            error = std::max(error, std::abs(cwnd - formula.cwnd) / formula.cwnd);
        }
    }
    return error;
}

TEST(CubicTest, D5_cwnd_follows_the_formulas_within_one_percent) {
    for (const std::uint32_t mss : {64U, 536U, 1460U, 8960U}) {
        for (const std::uint32_t segments :
             {4U, 10U, 30U, 100U, 1000U, 10'000U, 100'000U, 700'000U}) {
            for (const std::uint32_t rtt_us :
                 {100U, 1000U, 10'000U, 50'000U, 200'000U, 1'000'000U, 10'000'000U}) {
                if (std::uint64_t{segments} * mss <= cwnd_max) {
                    EXPECT_LT(greatest_error(mss, segments, rtt_us), 0.01L)
                        << "mss " << mss << ", segments " << segments << ", rtt " << rtt_us;
                }
            }
        }
    }
}

TEST(CubicTest, D5_concave_up_to_w_max_then_convex) {
    Sender sender = reduced_from(1000); // K = (300 / 0.4)^(1/3) = 9.09 s
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
    Sender sender = reduced_from(100, 1000);
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
    Sender whole = reduced_from(100, 1000);
    Sender cut = whole;
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
    Sender sender = reduced_from(100'000);
    sender.round_trip();
    Sender cut = sender;
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
    Sender sender = reduced_from(10);
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
    Sender sender = reduced_from(1000, 1'000'000);
    sender.ack(0);
    sender.now_us += 2'000'000;
    sender.ack(sender.state.cwnd);
    // K = 9.086 s; W_cubic(3 s) = 1000 - 0.4 * 6.086^3
    EXPECT_NEAR(sender.state.cwnd, 909'800, 200);
}

TEST(CubicTest, D5_a_loss_reduces_to_seven_tenths_of_the_flight) {
    Sender sender = reduced_from(100);
    EXPECT_EQ(sender.state.ssthresh, 70'000U);
    Cubic::on_loss(sender.state, sender.epoch, 50'000, 1000);
    EXPECT_EQ(sender.state.ssthresh, 35'000U);
    Cubic::on_loss(sender.state, sender.epoch, 2000, 1000);
    EXPECT_EQ(sender.state.ssthresh, 2000U);
    Cubic::on_loss(sender.state, sender.epoch, UINT32_MAX, 1000);
    EXPECT_EQ(sender.state.ssthresh, 3'006'477'106U);
}

TEST(CubicTest, D5_fast_convergence_below_w_max) {
    Sender sender = reduced_from(1000);
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
    Sender sender = reduced_from(1000, 1000);
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
    Sender sender = reduced_from(100);
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
    Sender sender = reduced_from(100);
    sender.time_out();
    sender.state.cwnd = 10'000;
    sender.lose();
    EXPECT_EQ(sender.state.w_max, 8500U);
}

TEST(CubicTest, D5_slow_start_that_ended_without_a_loss) {
    Sender sender;
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
    Sender sender = reduced_from(100);
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
        Sender sender;
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
    Sender here = reduced_from(1000);
    Sender there = here;
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
    Sender sender = reduced_from(1000);
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
    Sender sender = reduced_from(1000);
    sender.ack(0);
    const std::int32_t begin_ms = sender.epoch.phase_ms;
    for (int i = 0; i < 100'000; ++i) {
        sender.now_us += 37;
        sender.ack(0);
    }
    EXPECT_EQ(sender.epoch.phase_ms - begin_ms, 3700);
}

TEST(CubicTest, D5_time_in_which_cwnd_is_not_the_limit_does_not_count) {
    Sender steady = reduced_from(1000);
    Sender pausing = steady;
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
    Sender sender = reduced_from(1000);
    sender.cwnd_limited = false;
    sender.round_trips(10);
    EXPECT_EQ(sender.epoch.w_est, 0U);
    sender.state.cwnd = 10'000;
    sender.round_trip(); // Nor does slow start grow.
    EXPECT_EQ(sender.state.cwnd, 10'000U);
}

TEST(CubicTest, D5_idle_time_does_not_count_in_an_epoch_that_was_kept) {
    Sender steady = reduced_from(1000);
    steady.round_trips(30);
    Sender idle = steady;
    idle.now_us += 300'000'000;
    Cubic::on_restart(idle.state, idle.epoch, idle.now_us);
    for (int trip = 0; trip < 100; ++trip) {
        steady.round_trip();
        idle.round_trip();
        ASSERT_EQ(idle.state.cwnd, steady.state.cwnd) << trip;
    }
}

TEST(CubicTest, D5_a_flight_that_begins_below_w_max_climbs_on_along_the_same_curve) {
    Sender steady = reduced_from(1000);
    steady.round_trips(30);
    Sender resumed = steady;
    resumed.now_us += 300'000'000;
    resumed.epoch = CongestionEpoch{};
    Cubic::on_restart(resumed.state, resumed.epoch, resumed.now_us);
    while (steady.state.cwnd < 990'000) {
        steady.round_trip();
        resumed.round_trip();
        ASSERT_NEAR(resumed.state.cwnd, steady.state.cwnd, 0.02 * steady.state.cwnd);
    }
}

TEST(CubicTest, D5_a_flight_that_begins_above_w_max_begins_a_plateau) {
    Sender sender = reduced_from(1000);
    sender.state.cwnd = 1'500'000;
    sender.round_trip();
    EXPECT_EQ(sender.state.w_max, 1'500'000U);
    EXPECT_LT(sender.state.cwnd, 1'502'000U);
}

TEST(CubicTest, D5_a_loss_that_was_none_is_undone) {
    Sender sender = reduced_from(1000);
    sender.round_trips(120);
    Sender unharmed = sender;
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

TEST(CubicTest, D5_a_timeout_that_was_none_is_undone) {
    Sender sender;
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
    Sender sender = reduced_from(100);
    const CongestionUndo saved = save(sender.state, sender.epoch);
    sender.lose();
    sender.state.cwnd = saved.state.cwnd;
    undo(sender.state, sender.epoch, saved, sender.now_us);
    EXPECT_EQ(sender.state.ssthresh, 49'000U);
}

TEST(CubicTest, D5_nothing_overflows_at_the_limits) {
    Sender sender;
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
