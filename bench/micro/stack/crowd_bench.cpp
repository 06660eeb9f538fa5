#include "crowd.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

// What a segment costs a server in time, by the number of its connections, which is the argument.
// The clients are not measured. 10^7 connections take 3 GiB, and some seconds to open.

namespace millrace::stack::bench {
namespace {

/// One at a time, for they are large, kept while benchmarks ask for the same.
Crowd& crowd_of(std::uint32_t connections) {
    static std::unique_ptr<Crowd> crowd;
    static std::uint32_t is_of = 0;
    if (is_of != connections) {
        crowd.reset();
        crowd = std::make_unique<Crowd>(connections, 0, Checksums::by_port);
        is_of = connections;
    }
    return *crowd;
}

/// Some of the connections, all over the memory, again and again.
class Active {
  public:
    Active(std::uint32_t connections, std::uint32_t count)
        : connections_{connections}, count_{count}, step_{static_cast<std::uint32_t>(0.618034 *
                                                                                     connections)} {
        while (std::gcd(step_, connections_) != 1) {
            ++step_;
        }
    }

    [[nodiscard]] std::uint32_t operator[](std::uint64_t position) const {
        return static_cast<std::uint32_t>(position % count_ * step_ % connections_);
    }

  private:
    std::uint32_t connections_;
    std::uint32_t count_;
    std::uint32_t step_;
};

/// Echoes of 64 bytes on a burst of connections, then the acknowledgements of echoes that went out
/// `bursts_until_ack` bursts ago. Time is the server's, for both.
void echo(benchmark::State& state, std::uint32_t active_count) {
    const auto connections = static_cast<std::uint32_t>(state.range(0));
    Crowd& crowd = crowd_of(connections);
    const Active active{connections, active_count};
    const std::uint32_t bursts_until_ack = std::min(64U, active_count / Crowd::burst / 2);
    const std::string text(64, 'x');
    std::chrono::steady_clock::duration took{};
    const auto timed_turn = [&](Server& server, Instant now) {
        const auto began = std::chrono::steady_clock::now();
        server.worker.poll_once(now);
        took += std::chrono::steady_clock::now() - began;
    };
    const auto say = [&](std::uint64_t first, std::string_view payload, const Received& answer) {
        for (std::uint32_t i = 0; i < Crowd::burst; ++i) {
            crowd.peers().send(active[first + i], echo_port, wire::tcp_flag::ack, payload,
                               crowd.now());
        }
        Crowd::expect(answer, crowd.wait(Crowd::between_bursts, timed_turn));
    };
    const std::uint64_t under_way = bursts_until_ack * Crowd::burst;
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    const auto speak = [&] {
        say(sent, text, {.segments = Crowd::burst, .bytes = Crowd::burst * 64});
        sent += Crowd::burst;
    };
    const auto acknowledge = [&] {
        say(acknowledged, {}, {});
        acknowledged += Crowd::burst;
    };
    while (sent < under_way) {
        speak();
    }
    std::vector<double> turns_s;
    for (auto _ : state) {
        took = {};
        speak();
        acknowledge();
        turns_s.push_back(std::chrono::duration<double>(took).count());
        state.SetIterationTime(turns_s.back());
    }
    while (acknowledged < sent) {
        acknowledge(); // Else what is left would be sent again in the next benchmark.
    }
    // The median, for a turn in which another program got the core says nothing.
    const auto middle = turns_s.begin() + static_cast<std::ptrdiff_t>(turns_s.size() / 2);
    std::ranges::nth_element(turns_s, middle);
    state.counters["ns_per_segment_received"] = 1e9 * *middle / (2 * Crowd::burst);
}

/// Every connection in its turn.
void server_echo_all(benchmark::State& state) {
    echo(state, static_cast<std::uint32_t>(state.range(0)));
}

/// A thousand, far apart; the others are quiet.
void server_echo_1000_of_them(benchmark::State& state) {
    echo(state, 1'000);
}

// Side by side for each number, so that each crowd is made once.
[[maybe_unused]] const bool registered = [] {
    for (const std::int64_t connections : {1'000, 1'000'000, 10'000'000}) {
        benchmark::RegisterBenchmark("server_echo_all", server_echo_all)
            ->Arg(connections)
            ->UseManualTime();
        benchmark::RegisterBenchmark("server_echo_1000_of_them", server_echo_1000_of_them)
            ->Arg(connections)
            ->UseManualTime();
    }
    return true;
}();

} // namespace
} // namespace millrace::stack::bench

BENCHMARK_MAIN();
