#include "pair.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// Two whole stacks on one core: a client, and a server with the services that millraced has, joined
// by a wire in memory. Time is for both; `server` is the server's share of it. What
// bench/instructions counts is the server's part of the same.
//
// Clocks are made up, a microsecond a turn, so no timer of TCP plays a part but to be set. In
// TIME-WAIT is the side that closes first, and there are as many entries as there may be, so that
// each new one ends the oldest.

namespace millrace::stack::bench {
namespace {

/// The pair of the benchmark that is running, which goes on from one measurement of it to the next.
/// A new one takes turns until `is_ready(progress)`.
Pair& pair_of(const Plan& plan, auto&& is_ready) {
    static std::unique_ptr<Pair> pair;
    static Plan is_for;
    if (!pair || is_for != plan) {
        pair = std::make_unique<Pair>(plan);
        is_for = plan;
        while (!is_ready(pair->progress())) {
            pair->turn();
        }
    }
    return *pair;
}

/// Turns for as long as the benchmark wants, and how often a second `counted` went up meanwhile.
void run(benchmark::State& state, Pair& pair, const char* what, std::uint64_t Progress::*counted) {
    const std::uint64_t before = pair.progress().*counted;
    const std::chrono::nanoseconds server_before = pair.server_time();
    const auto began = std::chrono::steady_clock::now();
    for (auto _ : state) {
        pair.turn();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const auto count = static_cast<double>(pair.progress().*counted - before);
    const std::chrono::duration<double> server = pair.server_time() - server_before;
    state.counters[what] = benchmark::Counter(count, benchmark::Counter::kIsRate);
    state.counters["server"] = server / took;
    state.counters["server_ns"] = count > 0 ? 1e9 * server.count() / count : 0;
    if (pair.progress().failed > 0) {
        state.SkipWithError("a connection has failed");
    }
}

/// Connections one after the other, 128 at a time, when there is no more room in TIME-WAIT.
void connections(benchmark::State& state, const Plan& plan) {
    Pair& pair = pair_of(plan, [](const Progress& now) { return now.closed >= 70'000; });
    run(state, pair, "connections", &Progress::closed);
}

/// The client closes first.
void handshakes(benchmark::State& state) {
    connections(state, {.port = echo_port, .at_once = 128, .closes_first = true});
}
BENCHMARK(handshakes);

/// Open, one GET, and the server closes.
void http_connections(benchmark::State& state) {
    connections(state, {.port = http_port, .at_once = 128, .message = get_small_and_close});
}
BENCHMARK(http_connections);

/// A message and its answer again and again, on connections that stand.
void standing(benchmark::State& state, const Plan& plan) {
    Pair& pair =
        pair_of(plan, [&](const Progress& now) { return now.answers >= 4 * plan.at_once; });
    run(state, pair, "answers", &Progress::answers);
}

void requests(benchmark::State& state) {
    standing(state, {.port = http_port,
                     .at_once = 1000,
                     .message = get_small,
                     .answer_bytes = response_bytes(get_small)});
}
BENCHMARK(requests);

void echoes_of_64_bytes(benchmark::State& state) {
    static const std::string text(64, 'x');
    standing(state, {.port = echo_port, .at_once = 1000, .message = text, .answer_bytes = 64});
}
BENCHMARK(echoes_of_64_bytes);

/// Bytes without end to as many connections as the argument says.
void bulk(benchmark::State& state, const Plan& plan) {
    Pair& pair = pair_of(plan, [](const Progress& now) { return now.bytes > 10'000'000; });
    run(state, pair, "bytes", &Progress::bytes);
    state.counters["server_ns"] = 1448 * state.counters["server_ns"].value; // A segment's.
}

/// Of service::Source, whose bytes are copied.
void bulk_copied(benchmark::State& state) {
    bulk(state, {.port = source_port, .at_once = static_cast<std::uint32_t>(state.range(0))});
}
BENCHMARK(bulk_copied)->Arg(1)->Arg(32);

/// Documents of a mebibyte from the content store, which are attached.
void bulk_attached(benchmark::State& state) {
    bulk(state, {.port = http_port,
                 .at_once = static_cast<std::uint32_t>(state.range(0)),
                 .message = get_large,
                 .answer_bytes = response_bytes(get_large)});
}
BENCHMARK(bulk_attached)->Arg(1)->Arg(32);

} // namespace
} // namespace millrace::stack::bench

BENCHMARK_MAIN();
