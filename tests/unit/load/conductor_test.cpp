#include "load_harness.hpp"

#include "load/conductor.hpp"

namespace millrace::load::testing {
namespace {

using Phase = Conductor::Phase;

/// A harness, and a conductor whose only worker is the harness's.
template <class T, class Service>
class Concert {
  public:
    Concert(const Job<wire::Ipv4Addr>& job, T talk, const RunPlan& plan)
        : harness{job, talk, Service{}}, conductor{{{.name = "only",
                                                     .shares = {&harness.share},
                                                     .standing = job.standing,
                                                     .connections = job.connections}},
                                                   plan} {}

    /// Until the phase is reached, or `most` is over.
    void run_to(Phase phase, Duration most) {
        for (const Instant end = harness.now + most;
             conductor.phase() != phase && harness.now < end;) {
            conductor.step(harness.now);
            harness.run(1ms);
        }
        ASSERT_EQ(conductor.phase(), phase);
    }

    LoadHarness<T, Service> harness;
    Conductor conductor;
};

using Echoes = Concert<Echo, service::Echo>;

TEST(Conductor, TakesAnOpenLoopThroughItsPhases) {
    Echoes concert{{.connections = 8}, Echo{64}, {.rate = 1000, .warm_up = 200ms, .duration = 1s}};
    concert.run_to(Phase::warming_up, 100ms);
    EXPECT_EQ(concert.harness.share.gauges[Gauge::open], 8U);
    concert.run_to(Phase::measuring, 300ms);
    EXPECT_NEAR(*concert.conductor.progress(concert.harness.now + 500ms), 0.5, 0.01);
    concert.run_to(Phase::closing, 1100ms);
    concert.run_to(Phase::over, 100ms);
    EXPECT_EQ(concert.conductor.measured(), 1s);
    EXPECT_EQ(concert.conductor.latencies(0).count(), 1000U);
    EXPECT_EQ(concert.harness.counted(Counter::window_completed), 1000U);
    EXPECT_EQ(concert.harness.counted(Counter::operations_completed), 1200U);
    EXPECT_TRUE(concert.conductor.problems().empty());
    concert.harness.close();
}

TEST(Conductor, EndsWithTheOperations) {
    Echoes concert{{.connections = 8}, Echo{64}, {.operations_max = 1000}};
    concert.run_to(Phase::over, 1s);
    EXPECT_EQ(concert.harness.counted(Counter::operations_completed), 1000U);
    EXPECT_EQ(concert.conductor.latencies(0).count(), 1000U);
    EXPECT_GT(concert.conductor.measured(), 1ms);
    EXPECT_LT(concert.conductor.measured(), 100ms);
    concert.harness.close();
}

TEST(Conductor, GivesUpOnAServerThatDoesNotAnswer) {
    Echoes concert{{.connections = 8}, Echo{64}, {.patience = 2s}};
    concert.harness.stalled_until = never;
    concert.run_to(Phase::over, 4s);
    ASSERT_EQ(concert.conductor.problems().size(), 1U);
    EXPECT_EQ(concert.conductor.problems()[0],
              "0 of 8 connections could be opened; none was in the last 2 s");
    EXPECT_EQ(concert.harness.counted(Counter::operations_begun), 0U);
}

TEST(Conductor, SaysWhatWasNeverAnswered) {
    Concert<Echo, service::Discard> concert{
        {.connections = 2, .timeout = 10s}, Echo{64}, {.operations_max = 2, .patience = 1s}};
    concert.run_to(Phase::over, 4s);
    ASSERT_EQ(concert.conductor.problems().size(), 1U);
    EXPECT_EQ(concert.conductor.problems()[0],
              "2 operations were still under way 1 s after the last that ended");
}

TEST(Conductor, HoldsThenProvesEachConnectionAlive) {
    Echoes concert{
        {.connections = 300}, Echo{64}, {.duration = 500ms, .hold = true, .pending_max = 32}};
    concert.run_to(Phase::holding, 100ms);
    concert.harness.run(400ms);
    EXPECT_EQ(concert.harness.counted(Counter::operations_begun), 0U);
    concert.run_to(Phase::over, 700ms);
    EXPECT_EQ(concert.harness.counted(Counter::operations_completed), 300U);
    EXPECT_EQ(concert.harness.counted(Counter::connections_opened), 300U);
    EXPECT_TRUE(concert.conductor.problems().empty());
    concert.harness.close();
}

TEST(Conductor, StopsInOrderWhenAsked) {
    Echoes concert{{.connections = 8}, Echo{64}, {.rate = 1000, .warm_up = 0s}};
    concert.run_to(Phase::measuring, 200ms);
    concert.harness.run(500ms);
    concert.conductor.stop(concert.harness.now);
    concert.run_to(Phase::over, 100ms);
    EXPECT_NEAR(static_cast<double>(concert.conductor.measured().count()), 500e6, 20e6);
    EXPECT_EQ(concert.harness.share.gauges[Gauge::connections], 0U);
    concert.harness.close();
}

TEST(Conductor, SearchesForTheHighestRate) {
    Echoes concert{
        {.connections = 4},
        Echo{64},
        {.rate = 1000, .warm_up = 20ms, .duration = 100ms, .search_p99 = 1ms, .rate_max = 1e7}};
    concert.run_to(Phase::over, 10s);
    // Four connections, each with one operation in a turn of 10 microseconds.
    EXPECT_GT(concert.conductor.best_rate(), 100'000);
    EXPECT_LT(concert.conductor.best_rate(), 420'000);
    EXPECT_GT(concert.conductor.trials().size(), 8U);
    EXPECT_TRUE(concert.conductor.trials().front().well);
    for (const Trial& trial : concert.conductor.trials()) {
        EXPECT_EQ(trial.well, trial.rate <= concert.conductor.best_rate());
    }
    concert.harness.close();
}

TEST(RateSearch, DoublesThenHalvesTheRest) {
    RateSearch search{100, 1e6};
    int trials = 0;
    while (!search.is_over() && ++trials < 100) {
        search.tried(search.rate() <= 5000);
    }
    EXPECT_LE(search.best(), 5000);
    EXPECT_GE(search.best(), 5000 / 1.02);
    EXPECT_LT(trials, 20);
}

TEST(RateSearch, EndsAtTheMost) {
    RateSearch search{100, 300};
    search.tried(true);
    search.tried(true);
    EXPECT_FALSE(search.is_over());
    EXPECT_EQ(search.rate(), 300);
    search.tried(true);
    EXPECT_TRUE(search.is_over());
    EXPECT_EQ(search.best(), 300);
}

TEST(RateSearch, SaysThatNothingWasGood) {
    RateSearch search{100, 1e6};
    int trials = 0;
    while (!search.is_over() && ++trials < 100) {
        search.tried(false);
    }
    EXPECT_EQ(search.best(), 0);
    EXPECT_LT(trials, 20);
}

} // namespace
} // namespace millrace::load::testing
