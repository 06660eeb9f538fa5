// D4.prr: proportional rate reduction (RFC 6937).

#include "tcp/prr.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

constexpr RateReduction start{.ssthresh = 10'000,
                              .recover_fs = 20'000,
                              .prr_delivered = 0,
                              .prr_out = 0,
                              .delivered = 1000,
                              .pipe = 19'000,
                              .mss = 1000,
                              .progress = false};

TEST(PrrTest, D4_prr_above_ssthresh_one_goes_for_two_that_arrive) {
    RateReduction at = start;
    std::uint32_t sent = 0;
    for (std::uint32_t i = 1; i <= 10; ++i) {
        at.prr_delivered = i * 1000;
        at.prr_out = sent;
        sent += send_count(at);
        EXPECT_EQ(sent, i * 500);
    }
}

TEST(PrrTest, D4_prr_what_was_sent_too_much_is_made_up_for) {
    RateReduction at = start;
    at.prr_delivered = 4000;
    at.prr_out = 5000;
    EXPECT_EQ(send_count(at), 0U);
}

TEST(PrrTest, D4_prr_below_ssthresh_one_goes_for_one) {
    RateReduction at = start;
    at.pipe = 4000;
    at.prr_delivered = 8000;
    at.prr_out = 8000;
    EXPECT_EQ(send_count(at), 1000U);
}

TEST(PrrTest, D4_prr_and_one_more_while_the_repair_goes_well) {
    RateReduction at = start;
    at.pipe = 4000;
    at.prr_delivered = 8000;
    at.prr_out = 8000;
    at.progress = true;
    EXPECT_EQ(send_count(at), 2000U);
}

TEST(PrrTest, D4_prr_never_beyond_ssthresh) {
    RateReduction at = start;
    at.pipe = 9500;
    at.prr_delivered = 20'000;
    EXPECT_EQ(send_count(at), 500U);
}

TEST(PrrTest, D4_prr_does_not_overflow_with_large_windows) {
    RateReduction at = start;
    at.ssthresh = 1U << 29;
    at.recover_fs = 1U << 30;
    at.prr_delivered = 1U << 29;
    at.pipe = (1U << 30) - 1000;
    EXPECT_EQ(send_count(at), 1U << 28);
}

} // namespace
} // namespace millrace::tcp
