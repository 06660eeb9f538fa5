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
    EXPECT_EQ(concert.conductor.measured_of(0).latencies.count(), 1000U);
    EXPECT_EQ(concert.harness.counted(Counter::window_completed), 1000U);
    EXPECT_EQ(concert.harness.counted(Counter::operations_completed), 1200U);
    EXPECT_TRUE(concert.conductor.problems().empty());
    concert.harness.close();
}

TEST(Conductor, EndsWithTheOperations) {
    Echoes concert{{.connections = 8}, Echo{64}, {.operations_max = 1000}};
    concert.run_to(Phase::over, 1s);
    EXPECT_EQ(concert.harness.counted(Counter::operations_completed), 1000U);
    EXPECT_EQ(concert.conductor.measured_of(0).latencies.count(), 1000U);
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
              "0 of 8 connections could be opened; none was in the last 2 s – does a server listen "
              "there, and do we know the way (--gateway)?");
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

TEST(Conductor, ASearchReportsItsBestTrial) {
    Echoes concert{
        {.connections = 4},
        Echo{64},
        {.rate = 1000, .warm_up = 20ms, .duration = 100ms, .search_p99 = 1ms, .rate_max = 1e7}};
    concert.run_to(Phase::over, 10s);
    const Measured best = concert.conductor.measured_of(0);
    EXPECT_NEAR(static_cast<double>(best.sums[Counter::window_completed]),
                concert.conductor.best_rate() / 10, 2);
    EXPECT_EQ(best.latencies.count(), best.sums[Counter::window_completed]);
    EXPECT_LE(best.latencies.percentile(99), 1ms);
    EXPECT_GT(concert.harness.counted(Counter::window_completed),
              best.sums[Counter::window_completed]);
    concert.harness.close();
}

// The worker counts what was due and never begun a while after the end; nothing may be pending
// then.
TEST(Conductor, WaitsForTheCountOfWhatWasNeverBegun) {
    Concert<Handshake, NeverCloses> concert{
        {.standing = false, .connections = 2}, Handshake{}, {.rate = 1000, .duration = 1s}};
    concert.run_to(Phase::over, 4s);
    EXPECT_EQ(concert.harness.counted(Counter::operations_begun), 2U);
    EXPECT_EQ(concert.harness.counted(Counter::unstarted), 1998U);
}

TEST(Conductor, EveryLatencyOfANumberOfOperationsIsKept) {
    Echoes concert{{.connections = 64}, Echo{64}, {.operations_max = 64}};
    concert.conductor.step(concert.harness.now);
    concert.harness.run(10ms);
    // The worker's turn that begins the operations may have read its clock before the order was
    // given.
    concert.conductor.step(concert.harness.now + 1ms);
    concert.run_to(Phase::over, 1s);
    EXPECT_EQ(concert.conductor.measured_of(0).latencies.count(), 64U);
    concert.harness.close();
}

TEST(Conductor, SeveralJobsShareAnyNumberOfOperations) {
    Job<wire::Ipv4Addr> job{.connections = 2};
    LoadHarness<Echo, service::Echo> one{job, Echo{64}};
    LoadHarness<Echo, service::Echo> other{job, Echo{64}};
    LoadHarness<Echo, service::Echo> third{job, Echo{64}};
    std::vector<JobOnWorkers> jobs;
    for (auto* const harness : {&one, &other, &third}) {
        jobs.push_back({.name = "a third",
                        .shares = {&harness->share},
                        .connections = 2,
                        .share_of_rate = 1.0 / 3});
    }
    Conductor conductor{jobs, {.operations_max = 100, .patience = 500ms}};
    for (int i = 0; i < 200 && conductor.phase() != Phase::over; ++i) {
        conductor.step(one.now);
        for (auto* const harness : {&one, &other, &third}) {
            harness->run(1ms);
        }
    }
    EXPECT_EQ(conductor.phase(), Phase::over);
    EXPECT_EQ(one.counted(Counter::operations_completed) +
                  other.counted(Counter::operations_completed) +
                  third.counted(Counter::operations_completed),
              100U);
    EXPECT_TRUE(conductor.problems().empty());
    for (auto* const harness : {&one, &other, &third}) {
        harness->close();
    }
}

TEST(Conductor, AProofOfNothingEnds) {
    Concert<Echo, ClosesAtOnce> concert{{.held = true, .connections = 1},
                                        Echo{64},
                                        {.duration = 100ms, .hold = true, .patience = 200ms}};
    concert.run_to(Phase::over, 2s);
    EXPECT_FALSE(concert.conductor.problems().empty());
}

TEST(Conductor, ConnectionsThatOpenAndEndAreNoProgress) {
    Concert<Echo, ClosesAtOnce> concert{{.connections = 64}, Echo{64}, {.patience = 200ms}};
    concert.run_to(Phase::over, 3s);
    EXPECT_FALSE(concert.conductor.problems().empty());
}

TEST(Conductor, ASlowOpenLoopIsNotGivenUpBetweenTwoOperations) {
    Echoes concert{
        {.connections = 1}, Echo{64}, {.rate = 2, .operations_max = 3, .patience = 100ms}};
    concert.run_to(Phase::over, 3s);
    EXPECT_EQ(concert.harness.counted(Counter::operations_completed), 3U);
    EXPECT_TRUE(concert.conductor.problems().empty());
    concert.harness.close();
}

TEST(Conductor, StopsBeforeItHasBegun) {
    Echoes concert{{.connections = 1}, Echo{64}, {}};
    concert.conductor.stop(concert.harness.now);
    concert.conductor.step(concert.harness.now);
    EXPECT_EQ(concert.conductor.phase(), Phase::over);
    EXPECT_EQ(concert.conductor.measured(), Duration{});
}

TEST(Conductor, AWarmUpOfNothingIsOver) {
    Echoes concert{{.connections = 1}, Echo{64}, {.warm_up = 0s}};
    concert.run_to(Phase::warming_up, 100ms);
    EXPECT_EQ(concert.conductor.progress(concert.harness.now), 1.0);
    concert.conductor.stop(concert.harness.now);
    concert.run_to(Phase::over, 100ms);
    concert.harness.close();
}

} // namespace
} // namespace millrace::load::testing
