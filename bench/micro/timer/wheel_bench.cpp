#include "timer/wheel.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

// Each benchmark's argument is the number of timers that stand in the wheel meanwhile, spread over
// the next two minutes. rte_timer_bench.cpp measures DPDK's under the same names.

namespace millrace::timer {
namespace {

constexpr Instant start{1h};

/// What a worker sees: nodes inside entries of a cache line, in memory in no particular order.
struct alignas(64) Entry {
    Node node;
};

class Standing {
  public:
    explicit Standing(std::size_t count) : entries_(count) {
        for (Entry& entry : entries_) {
            wheel_->schedule(entry.node, start + random_delay(120'000'000'000));
        }
    }

    Duration random_delay(std::int64_t below_ns) {
        return Duration{
            static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below_ns))};
    }
    Entry& random_entry() { return entries_[random_() % entries_.size()]; }
    Wheel& wheel() { return *wheel_; }

  private:
    std::minstd_rand random_{1};
    std::unique_ptr<Wheel> wheel_ = std::make_unique<Wheel>(start);
    std::vector<Entry> entries_;
};

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(1'000)->Arg(1'000'000);
}

void wheel_schedule_cancel(benchmark::State& state) {
    Standing standing{static_cast<std::size_t>(state.range(0))};
    Node node;
    for (auto _ : state) {
        standing.wheel().schedule(node, start + 200ms);
        benchmark::DoNotOptimize(node);
        standing.wheel().cancel(node);
    }
}
BENCHMARK(wheel_schedule_cancel)->Apply(sizes);

/// Any of the standing timers, so the node and its neighbours in the list are cold.
void wheel_reschedule(benchmark::State& state) {
    Standing standing{static_cast<std::size_t>(state.range(0))};
    for (auto _ : state) {
        standing.wheel().reschedule(standing.random_entry().node,
                                    start + 100ms + standing.random_delay(120'000'000'000));
    }
}
BENCHMARK(wheel_reschedule)->Apply(sizes);

/// The poll that finds the tick unchanged.
void wheel_advance_within_a_tick(benchmark::State& state) {
    Standing standing{static_cast<std::size_t>(state.range(0))};
    const Instant now = start;
    for (auto _ : state) {
        Instant same = now;
        benchmark::DoNotOptimize(same);
        benchmark::DoNotOptimize(standing.wheel().advance(same, [](Node&) {}));
    }
}
BENCHMARK(wheel_advance_within_a_tick)->Apply(sizes);

/// Every call sees a new tick in which nothing is due.
void wheel_advance_idle_tick(benchmark::State& state) {
    Wheel wheel{start};
    Node node;
    wheel.schedule(node, Instant{Duration{std::int64_t{1} << 62}});
    Instant now = start;
    for (auto _ : state) {
        now += Wheel::tick_length;
        benchmark::DoNotOptimize(wheel.advance(now, [](Node&) {}));
    }
}
BENCHMARK(wheel_advance_idle_tick)->Arg(1);

/// Every timer fires and is set again for some time in the next two minutes; each pays for the
/// levels it comes down.
void wheel_fire(benchmark::State& state) {
    Standing standing{static_cast<std::size_t>(state.range(0))};
    Instant now = start;
    std::uint64_t fired = 0;
    for (auto _ : state) {
        now += Wheel::tick_length;
        fired += standing.wheel().advance(now, [&](Node& node) {
            standing.wheel().schedule(node, now + standing.random_delay(120'000'000'000));
        });
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(fired));
    state.counters["ns_per_fired"] = benchmark::Counter(
        static_cast<double>(fired), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(wheel_fire)->Apply(sizes)->Arg(10'000'000)->MinTime(2);

} // namespace
} // namespace millrace::timer

BENCHMARK_MAIN();
