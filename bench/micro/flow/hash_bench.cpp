#include "flow/hash.hpp"
#include "flow/toeplitz.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <span>

// Hashes of a four-tuple; rte_hash_functions_bench.cpp has DPDK's.

namespace millrace::flow {
namespace {

const FourTuple4 tuple4{{198, 18, 0, 1}, {198, 18, 7, 9}, 443, 40'000};
const FourTuple6 tuple6{{{0x20, 1, 0xd, 0xb8}}, {{0x20, 1, 0xd, 0xb8, 9}}, 443, 40'000};

template <class Tuple, class Hash>
void run(benchmark::State& state, Tuple tuple, Hash&& hash_of) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(tuple);
        benchmark::DoNotOptimize(hash_of(tuple));
    }
}

template <class Tuple>
void keyed(benchmark::State& state, const Tuple& tuple) {
    const HashKey key{SipKey{1, 2}};
    run(state, tuple, [&](const Tuple& one) { return hash(key, one); });
}
BENCHMARK_CAPTURE(keyed, ipv4, tuple4);
BENCHMARK_CAPTURE(keyed, ipv6, tuple6);

template <class Tuple>
void toeplitz(benchmark::State& state, const Tuple& tuple) {
    std::array<std::uint8_t, 40> key;
    key.fill(0x6d);
    const Toeplitz hasher{key};
    run(state, tuple, [&](const Tuple& one) { return hasher.hash(one); });
}
BENCHMARK_CAPTURE(toeplitz, ipv4, tuple4);
BENCHMARK_CAPTURE(toeplitz, ipv6, tuple6);

template <class Tuple>
void siphash_2_4(benchmark::State& state, const Tuple& tuple) {
    const SipKey key{1, 2};
    run(state, tuple, [&](const Tuple& one) {
        return siphash(key, std::as_bytes(std::span{&one, 1}));
    });
}
BENCHMARK_CAPTURE(siphash_2_4, ipv4, tuple4);
BENCHMARK_CAPTURE(siphash_2_4, ipv6, tuple6);

} // namespace
} // namespace millrace::flow

BENCHMARK_MAIN();
