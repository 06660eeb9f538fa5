// D5.hystart: HyStart++ (RFC 9406) before NewReno and before CUBIC.

#include "tcp/hystart.hpp"

#include "tcp/cubic.hpp"
#include "tcp/new_reno.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace millrace::tcp {
namespace {

using wire::SeqNum;

static_assert(CongestionControl<HyStart<NewReno>>);
static_assert(CongestionControl<HyStart<Cubic>>);

/// A sender that keeps `flight_segments` under way, each acknowledged by itself.
template <class Avoidance>
class HyStartTest : public testing::Test {
  protected:
    using Control = HyStart<Avoidance>;

    CongestionState state{.cwnd = 10 * mss};
    CongestionEpoch epoch{};
    std::uint32_t flight_segments = 16;
    bool cwnd_limited = true;
    bool paced = false;

    static constexpr std::uint32_t mss = 1000;

    void begin_at(SeqNum seq) {
        snd_una_ = seq;
        snd_nxt_ = seq + flight_segments * mss;
        round_end_ = snd_nxt_;
    }

    void SetUp() override { begin_at(SeqNum{1}); }

    void ack(std::uint32_t rtt_us, std::uint32_t bytes = mss) {
        snd_una_ += bytes;
        Control::on_ack(state, epoch,
                        {.acked_bytes = bytes,
                         .mss = mss,
                         .srtt_us = rtt_us,
                         .rtt_us = rtt_us,
                         .now_us = 0,
                         .snd_una = snd_una_,
                         .snd_nxt = snd_nxt_,
                         .cwnd_limited = cwnd_limited,
                         .paced = paced});
        snd_nxt_at_ack_ = snd_nxt_;
        snd_nxt_ += bytes;
    }

    /// What is left of the round, all of it measured as `rtt_us`.
    void round(std::uint32_t rtt_us) {
        do {
            ack(rtt_us);
        } while (snd_una_ < round_end_);
        round_end_ = snd_nxt_at_ack_;
    }

    void acks(int count, std::uint32_t rtt_us) {
        for (int i = 0; i < count; ++i) {
            ack(rtt_us);
        }
    }

    /// By how much cwnd grows for a segment: all of it in slow start, a quarter in CSS.
    std::uint32_t growth(std::uint32_t rtt_us = 0) {
        const std::uint32_t before = state.cwnd;
        ack(rtt_us);
        return state.cwnd - before;
    }

    bool conservative() { return growth() == mss / 4; }
    bool standard() { return growth() == mss; }

    void enter_css() {
        round(100'000);
        acks(8, 120'000);
        ASSERT_TRUE(conservative());
    }

  private:
    SeqNum snd_una_;
    SeqNum snd_nxt_;
    SeqNum snd_nxt_at_ack_;
    SeqNum round_end_;
};

using Avoidances = testing::Types<NewReno, Cubic>;
TYPED_TEST_SUITE(HyStartTest, Avoidances);

TYPED_TEST(HyStartTest, D5_doubles_while_the_delay_stays) {
    for (int i = 0; i < 10; ++i) {
        this->round(100'000);
    }
    EXPECT_TRUE(this->standard());
    EXPECT_EQ(this->state.ssthresh, UINT32_MAX);
}

TYPED_TEST(HyStartTest, D5_becomes_conservative_when_the_delay_grows_by_an_eighth) {
    this->round(100'000);
    this->acks(7, 112'500);
    EXPECT_TRUE(this->growth(112'500) == 1000) << "the eighth sample, of its own growth";
    EXPECT_TRUE(this->conservative());
    EXPECT_EQ(this->state.ssthresh, UINT32_MAX);
}

TYPED_TEST(HyStartTest, D5_jitter_below_an_eighth_changes_nothing) {
    this->round(100'000);
    this->round(112'499);
    EXPECT_TRUE(this->standard());
    this->round(126'560);
    EXPECT_TRUE(this->standard());
}

TYPED_TEST(HyStartTest, D5_no_less_than_four_milliseconds) {
    this->round(1000);
    this->round(4999);
    EXPECT_TRUE(this->standard());
    this->round(4999);
    this->round(8999);
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_no_more_than_sixteen_milliseconds) {
    this->round(400'000);
    this->round(415'999);
    EXPECT_TRUE(this->standard());
    this->round(415'999);
    this->round(431'999);
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_the_minimum_of_a_round_is_what_counts) {
    this->round(100'000);
    this->ack(100'500);
    this->round(300'000);
    EXPECT_TRUE(this->standard());
    this->round(300'000); // Compared with 100.5 ms, not with what came last.
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_seven_samples_are_too_few) {
    this->flight_segments = 7;
    this->begin_at(SeqNum{1});
    this->round(100'000);
    this->round(200'000);
    this->round(400'000);
    EXPECT_TRUE(this->standard());
}

TYPED_TEST(HyStartTest, D5_an_acknowledgement_without_a_measurement_is_no_sample) {
    this->round(100'000);
    this->acks(5, 0);
    this->acks(7, 200'000);
    EXPECT_TRUE(this->standard());
    EXPECT_TRUE(this->growth(200'000) == 1000);
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_a_round_after_one_without_samples_has_nothing_to_compare_with) {
    this->round(100'000);
    this->round(0);
    this->round(200'000);
    EXPECT_TRUE(this->standard());
}

TYPED_TEST(HyStartTest, D5_returns_from_css_when_the_delay_falls_below_the_baseline) {
    this->enter_css();
    this->round(120'000);
    this->acks(7, 119'999);
    EXPECT_TRUE(this->growth(119'999) == 250) << "eight samples are needed here too";
    EXPECT_TRUE(this->standard());
    this->round(119'999);
    this->round(119'999);
    EXPECT_TRUE(this->standard());
    EXPECT_EQ(this->state.ssthresh, UINT32_MAX);
}

TYPED_TEST(HyStartTest, D5_the_samples_of_a_long_round_are_enough_to_its_end) {
    this->flight_segments = 400;
    this->begin_at(SeqNum{1});
    this->enter_css();
    this->acks(250, 120'000);
    this->ack(119'999);
    EXPECT_TRUE(this->standard());
}

TYPED_TEST(HyStartTest, D5_stays_in_css_at_the_baseline) {
    this->enter_css();
    this->round(120'000);
    this->round(120'000);
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_ends_after_five_rounds_of_css_the_partial_one_among_them) {
    this->enter_css();
    for (int i = 0; i < 4; ++i) {
        this->round(120'000);
        EXPECT_EQ(this->state.ssthresh, UINT32_MAX);
    }
    this->round(120'000);
    EXPECT_EQ(this->state.ssthresh, this->state.cwnd);
    EXPECT_FALSE(this->state.in_slow_start());
    EXPECT_LT(this->growth(), 250U);
}

TYPED_TEST(HyStartTest, D5_css_entered_again_has_five_rounds_again) {
    this->enter_css();
    this->round(120'000);
    this->round(120'000);
    this->round(100'000);
    ASSERT_TRUE(this->standard());
    this->acks(8, 120'000);
    ASSERT_TRUE(this->conservative());
    for (int i = 0; i < 4; ++i) {
        this->round(120'000);
        EXPECT_EQ(this->state.ssthresh, UINT32_MAX);
    }
    this->round(120'000);
    EXPECT_EQ(this->state.ssthresh, this->state.cwnd);
}

TYPED_TEST(HyStartTest, D5_eight_segments_for_one_acknowledgement) {
    const std::uint32_t before = this->state.cwnd;
    this->ack(100'000, 12'000);
    EXPECT_EQ(this->state.cwnd, before + 8000);
}

TYPED_TEST(HyStartTest, D5_two_segments_of_eight_in_css) {
    this->enter_css();
    const std::uint32_t before = this->state.cwnd;
    this->ack(0, 12'000);
    EXPECT_EQ(this->state.cwnd, before + 2000);
}

TYPED_TEST(HyStartTest, D5_all_of_it_when_paced) {
    this->paced = true;
    const std::uint32_t before = this->state.cwnd;
    this->ack(100'000, 12'000);
    EXPECT_EQ(this->state.cwnd, before + 12'000);
    this->enter_css();
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_only_the_initial_slow_start) {
    TypeParam::on_timeout(this->state, this->epoch, 200'000, 1000);
    this->round(100'000);
    this->round(200'000);
    EXPECT_TRUE(this->standard());
    const std::uint32_t before = this->state.cwnd;
    ASSERT_TRUE(this->state.in_slow_start());
    this->ack(200'000, 12'000);
    EXPECT_EQ(this->state.cwnd, before + 2000);
}

TYPED_TEST(HyStartTest, D5_a_loss_ends_it) {
    this->enter_css();
    HyStart<TypeParam>::on_loss(this->state, this->epoch, 20'000, 1000);
    this->state.cwnd = this->state.ssthresh;
    EXPECT_LE(this->growth(), 100U);
}

// D5.undo
TYPED_TEST(HyStartTest, D5_a_loss_that_was_none_leads_back_into_it) {
    const CongestionUndo saved = save(this->state, this->epoch);
    HyStart<TypeParam>::on_loss(this->state, this->epoch, 20'000, 1000);
    this->state.cwnd = 2000;
    undo(this->state, this->epoch, saved, 0);
    EXPECT_TRUE(this->standard());
    this->enter_css();
}

TYPED_TEST(HyStartTest, D5_measures_but_does_not_grow_while_cwnd_is_not_the_limit) {
    this->cwnd_limited = false;
    this->round(100'000);
    this->round(120'000);
    EXPECT_EQ(this->growth(), 0U);
    this->cwnd_limited = true;
    EXPECT_TRUE(this->conservative());
}

TYPED_TEST(HyStartTest, D5_rounds_across_the_sequence_wrap) {
    this->begin_at(SeqNum{UINT32_MAX - 5000});
    this->enter_css();
    for (int i = 0; i < 5; ++i) {
        this->round(120'000);
    }
    EXPECT_EQ(this->state.ssthresh, this->state.cwnd);
}

TYPED_TEST(HyStartTest, D5_cwnd_has_a_limit) {
    this->paced = true;
    this->state.cwnd = cwnd_max - 10;
    this->ack(100'000, 1U << 30);
    EXPECT_EQ(this->state.cwnd, cwnd_max);
    this->ack(100'000, UINT32_MAX);
    EXPECT_EQ(this->state.cwnd, cwnd_max);
}

TEST(HyStartCubicTest, D5_what_follows_is_a_stage_with_k_0) {
    CongestionState state{.cwnd = 100'000, .ssthresh = 100'000};
    CongestionEpoch epoch;
    HyStart<Cubic>::on_ack(state, epoch,
                           {.acked_bytes = 1000, .mss = 1000, .srtt_us = 1, .cwnd_limited = true});
    EXPECT_EQ(state.w_max, 100'000U);
    EXPECT_EQ(epoch.phase_ms, 0);
    EXPECT_TRUE(epoch.reno_rate);
}

// D5.newreno
TEST(NewRenoTest, D5_a_segment_for_each_window_acknowledged) {
    CongestionState state{.cwnd = 10'000, .ssthresh = 10'000};
    CongestionEpoch epoch;
    AckSample ack{.acked_bytes = 2000, .mss = 1000, .cwnd_limited = true};
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(state.cwnd, 10'000U);
        NewReno::on_ack(state, epoch, ack);
    }
    EXPECT_EQ(state.cwnd, 11'000U);
    ack.cwnd_limited = false;
    ack.acked_bytes = 11'000;
    NewReno::on_ack(state, epoch, ack);
    EXPECT_EQ(state.cwnd, 11'000U);
}

TEST(NewRenoTest, D5_what_is_acknowledged_beyond_a_window_counts_for_the_next) {
    CongestionState state{.cwnd = 10'000, .ssthresh = 10'000};
    CongestionEpoch epoch;
    AckSample ack{.acked_bytes = 9000, .mss = 1000, .cwnd_limited = true};
    NewReno::on_ack(state, epoch, ack);
    NewReno::on_ack(state, epoch, ack);
    EXPECT_EQ(state.cwnd, 11'000U);
    ack.acked_bytes = 3000;
    NewReno::on_ack(state, epoch, ack);
    EXPECT_EQ(state.cwnd, 12'000U);
}

TEST(NewRenoTest, D5_cwnd_has_a_limit) {
    CongestionState state{.cwnd = cwnd_max - 10, .ssthresh = 10'000};
    CongestionEpoch epoch;
    NewReno::on_ack(state, epoch, {.acked_bytes = cwnd_max, .mss = 1000, .cwnd_limited = true});
    EXPECT_EQ(state.cwnd, cwnd_max);
}

// D5.newreno
TEST(NewRenoTest, D5_half_of_the_flight) {
    CongestionState state{.cwnd = 30'000};
    CongestionEpoch epoch{.avoided = 5};
    NewReno::on_loss(state, epoch, 20'000, 1000);
    EXPECT_EQ(state.ssthresh, 10'000U);
    EXPECT_EQ(state.cwnd, 30'000U) << "is the recovery's to set";
    EXPECT_EQ(epoch.avoided, 0U);
    NewReno::on_timeout(state, epoch, 3000, 1000);
    EXPECT_EQ(state.ssthresh, 2000U) << "two segments at least";
    EXPECT_EQ(state.cwnd, 1000U);
}

} // namespace
} // namespace millrace::tcp
