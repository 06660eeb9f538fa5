#include <benchmark/benchmark.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_timer.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <vector>

// DPDK's timers, which are skip lists per lcore, under the same load as the wheel.

namespace {

void ignore(rte_timer*, void*) {}

void start_eal() {
    static const bool started = [] {
        static char program[] = "bench";
        static char no_huge[] = "--no-huge";
        static char no_pci[] = "--no-pci";
        static char memory[] = "-m";
        static char megabytes[] = "64";
        static char no_telemetry[] = "--no-telemetry";
        static char log_level[] = "--log-level=error";
        static char* arguments[] = {program,   no_huge,      no_pci,   memory,
                                    megabytes, no_telemetry, log_level};
        return rte_eal_init(static_cast<int>(std::size(arguments)), arguments) >= 0 &&
               rte_timer_subsystem_init() == 0;
    }();
    if (!started) {
        std::abort();
    }
}

class Standing {
  public:
    explicit Standing(std::size_t count) : timers_(count) {
        for (rte_timer& timer : timers_) {
            rte_timer_init(&timer);
            reset(timer, random_delay());
        }
    }
    ~Standing() {
        for (rte_timer& timer : timers_) {
            rte_timer_stop(&timer);
        }
    }
    Standing(const Standing&) = delete;
    Standing& operator=(const Standing&) = delete;

    /// Two minutes at most, and not in the time that the benchmark takes.
    std::uint64_t random_delay() { return (60 + random_() % 120) * rte_get_timer_hz() + random_(); }

    static void reset(rte_timer& timer, std::uint64_t delay_cycles) {
        rte_timer_reset(&timer, delay_cycles, SINGLE, rte_lcore_id(), ignore, nullptr);
    }
    rte_timer& random_timer() { return timers_[random_() % timers_.size()]; }
    std::vector<rte_timer>& timers() { return timers_; }

  private:
    std::minstd_rand random_{1};
    std::vector<rte_timer> timers_;
};

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(1'000)->Arg(1'000'000);
}

void rte_timer_schedule_cancel(benchmark::State& state) {
    start_eal();
    Standing standing{static_cast<std::size_t>(state.range(0))};
    rte_timer timer{};
    rte_timer_init(&timer);
    for (auto _ : state) {
        Standing::reset(timer, 90 * rte_get_timer_hz());
        rte_timer_stop(&timer);
    }
}
BENCHMARK(rte_timer_schedule_cancel)->Apply(sizes);

void rte_timer_reschedule(benchmark::State& state) {
    start_eal();
    Standing standing{static_cast<std::size_t>(state.range(0))};
    for (auto _ : state) {
        Standing::reset(standing.random_timer(), standing.random_delay());
    }
}
BENCHMARK(rte_timer_reschedule)->Apply(sizes);

/// Nothing is due. Unlike the wheel it reads the clock itself.
void rte_timer_manage_idle(benchmark::State& state) {
    start_eal();
    Standing standing{static_cast<std::size_t>(state.range(0))};
    for (auto _ : state) {
        rte_timer_manage();
    }
}
BENCHMARK(rte_timer_manage_idle)->Apply(sizes);

/// All timers are set for the present and fire in one call: setting and firing together.
void rte_timer_fire(benchmark::State& state) {
    start_eal();
    Standing standing{static_cast<std::size_t>(state.range(0))};
    std::minstd_rand random{2};
    for (auto _ : state) {
        for (rte_timer& timer : standing.timers()) {
            Standing::reset(timer, random() % 1000);
        }
        rte_timer_manage();
    }
    const auto fired =
        static_cast<double>(state.iterations()) * static_cast<double>(state.range(0));
    state.counters["ns_per_fired"] =
        benchmark::Counter(fired, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(rte_timer_fire)->Apply(sizes);

} // namespace
