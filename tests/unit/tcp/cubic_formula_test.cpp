// D5.cubic: CUBIC's integers against the formulas of RFC 9438 in long double.

#include "cubic_sender.hpp"

#include "tcp/cubic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
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

TEST(CubicFormulaTest, D5_the_cube_root_is_exact) {
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

TEST(CubicFormulaTest, D5_k_is_the_formula_rounded_up_to_a_millisecond) {
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

TEST(CubicFormulaTest, D5_the_window_is_the_formula_to_a_byte) {
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
    CubicSender sender;
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

TEST(CubicFormulaTest, D5_cwnd_follows_the_formulas_within_one_percent) {
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

} // namespace
} // namespace millrace::tcp
