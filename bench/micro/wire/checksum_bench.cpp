#include "wire/checksum.hpp"

#include "samples.hpp"

#include <benchmark/benchmark.h>

#ifdef MILLRACE_BENCH_DPDK
#include <rte_ip.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace millrace::wire;

/// What RFC 1071 §4.1 shows: one 16-bit word after the other.
std::uint64_t plain_loop(std::span<const std::byte> bytes) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, bytes.data() + i, sizeof word);
        total += word;
    }
    return total;
}

template <class Sum>
void run(benchmark::State& state, Sum sum_of_bytes) {
    const auto length = static_cast<std::size_t>(state.range(0));
    std::vector<std::byte> bytes = millrace::wire::bench::some_bytes(length);
    for (auto _ : state) {
        benchmark::DoNotOptimize(bytes.data());
        benchmark::ClobberMemory();
        benchmark::DoNotOptimize(sum_of_bytes(std::span<const std::byte>{bytes}));
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->Arg(20)->Arg(64)->Arg(1460)->Arg(1500)->Arg(65536);
}

void checksum_millrace(benchmark::State& state) {
    run(state, [](std::span<const std::byte> bytes) { return finish(sum(bytes)); });
}
BENCHMARK(checksum_millrace)->Apply(sizes);

void checksum_plain_loop(benchmark::State& state) {
    run(state, [](std::span<const std::byte> bytes) { return finish({plain_loop(bytes)}); });
}
BENCHMARK(checksum_plain_loop)->Apply(sizes);

#ifdef MILLRACE_BENCH_DPDK
void checksum_rte_raw_cksum(benchmark::State& state) {
    run(state, [](std::span<const std::byte> bytes) {
        return static_cast<std::uint16_t>(~unsigned{rte_raw_cksum(bytes.data(), bytes.size())});
    });
}
BENCHMARK(checksum_rte_raw_cksum)->Apply(sizes);
#endif

void copy_and_checksum_millrace(benchmark::State& state) {
    std::vector<std::byte> out(static_cast<std::size_t>(state.range(0)));
    run(state,
        [&](std::span<const std::byte> bytes) { return finish(sum_and_copy(out.data(), bytes)); });
}
BENCHMARK(copy_and_checksum_millrace)->Apply(sizes);

void copy_then_checksum_millrace(benchmark::State& state) {
    std::vector<std::byte> out(static_cast<std::size_t>(state.range(0)));
    run(state, [&](std::span<const std::byte> bytes) {
        std::memcpy(out.data(), bytes.data(), bytes.size());
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
        return finish(sum(out));
    });
}
BENCHMARK(copy_then_checksum_millrace)->Apply(sizes);

} // namespace

BENCHMARK_MAIN();
