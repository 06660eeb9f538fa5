#include "flow/four_tuple.hpp"

#include <benchmark/benchmark.h>

#include <rte_hash_crc.h>
#include <rte_jhash.h>

#include <cstdint>

namespace millrace::flow {
namespace {

template <class Tuple, class Hash>
void run(benchmark::State& state, Hash&& hash_of) {
    Tuple tuple{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(tuple);
        benchmark::DoNotOptimize(hash_of(&tuple, std::uint32_t{sizeof tuple}, std::uint32_t{17}));
    }
}

void rte_crc_ipv4(benchmark::State& state) {
    run<FourTuple4>(state, rte_hash_crc);
}
void rte_crc_ipv6(benchmark::State& state) {
    run<FourTuple6>(state, rte_hash_crc);
}
void rte_jhash_ipv4(benchmark::State& state) {
    run<FourTuple4>(state, rte_jhash);
}
void rte_jhash_ipv6(benchmark::State& state) {
    run<FourTuple6>(state, rte_jhash);
}
BENCHMARK(rte_crc_ipv4);
BENCHMARK(rte_crc_ipv6);
BENCHMARK(rte_jhash_ipv4);
BENCHMARK(rte_jhash_ipv6);

} // namespace
} // namespace millrace::flow
