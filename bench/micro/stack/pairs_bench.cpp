#include "pair.hpp"

#include <benchmark/benchmark.h>

#include <pthread.h>
#include <sched.h>

#include <cstdint>

// Pairs of a client and a server, each pair on a core of its own: how much more two do than one.
// They share nothing, and so should be twice as fast, but for what cores themselves share.

namespace millrace::stack::bench {
namespace {

bool run_on(int core) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(core), &only);
    return pthread_setaffinity_np(pthread_self(), sizeof only, &only) == 0;
}

/// What all threads have done, a second.
void count(benchmark::State& state, double done, bool is_good) {
    state.counters["done"] = benchmark::Counter(done, benchmark::Counter::kIsRate);
    if (!is_good) {
        state.SkipWithError("there are too few cores, or a connection has failed");
    }
}

/// What two cores are to one where there is nothing to share but the machine.
void arithmetic(benchmark::State& state) {
    const bool has_core = run_on(state.thread_index());
    std::uint64_t value = 1;
    for (auto _ : state) {
        for (int i = 0; i < 10'000; ++i) {
            value ^= value << 13;
            value ^= value >> 7;
            value ^= value << 17;
        }
        benchmark::DoNotOptimize(value);
    }
    count(state, static_cast<double>(state.iterations()), has_core);
}
BENCHMARK(arithmetic)->Threads(1)->Threads(2)->UseRealTime();

/// Requests on a thousand connections that stand, of each pair.
void pairs(benchmark::State& state) {
    const bool has_core = run_on(state.thread_index());
    Pair pair{{.port = http_port,
               .at_once = 1000,
               .message = get_small,
               .answer_bytes = response_bytes(get_small)}};
    while (pair.progress().answers < 4'000) {
        pair.turn();
    }
    const std::uint64_t before = pair.progress().answers;
    for (auto _ : state) {
        pair.turn();
    }
    count(state, static_cast<double>(pair.progress().answers - before),
          has_core && pair.progress().failed == 0);
}
BENCHMARK(pairs)->Threads(1)->Threads(2)->UseRealTime();

} // namespace
} // namespace millrace::stack::bench

BENCHMARK_MAIN();
