#include "base/pool.hpp"
#include "base/ring.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

// What replaces malloc and locks on the packet path: pools of slots, and rings between workers.

namespace millrace {
namespace {

struct Object {
    std::array<std::uint64_t, 32> words{};
};

constexpr std::uint32_t at_once = 32;

void pool(benchmark::State& state) {
    Pool<Object> objects{1024};
    std::array<std::uint32_t, at_once> taken{};
    while (state.KeepRunningBatch(at_once)) {
        for (std::uint32_t& index : taken) {
            index = objects.allocate();
            objects[index].words[0] = index;
        }
        for (const std::uint32_t index : taken) {
            objects.release(index);
        }
    }
}
BENCHMARK(pool);

void malloc_and_free(benchmark::State& state) {
    std::array<Object*, at_once> taken{};
    while (state.KeepRunningBatch(at_once)) {
        for (Object*& object : taken) {
            object = static_cast<Object*>(std::malloc(sizeof(Object)));
            benchmark::DoNotOptimize(object);
            object->words[0] = 1;
        }
        for (Object* const object : taken) {
            std::free(object);
        }
    }
}
BENCHMARK(malloc_and_free);

/// Both ends on one core; time is for an item that goes through.
void ring(benchmark::State& state) {
    SpscRing<std::uint64_t> between{1024};
    std::array<std::uint64_t, at_once> taken{};
    while (state.KeepRunningBatch(at_once)) {
        for (std::uint64_t i = 0; i < at_once; ++i) {
            benchmark::DoNotOptimize(between.push(i));
        }
        benchmark::DoNotOptimize(between.pop(taken));
        benchmark::DoNotOptimize(taken);
    }
}
BENCHMARK(ring);

} // namespace
} // namespace millrace

BENCHMARK_MAIN();
