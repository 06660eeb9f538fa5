#include "timer/wheel.hpp"

#include <cstdint>
#include <cstdio>
#include <vector>

// How many instructions the operations cost, which time on a shared machine does not say:
//
//   valgrind --tool=callgrind --callgrind-out-file=OUT --toggle-collect='measured_*' PROGRAM
//   callgrind_annotate --inclusive=yes OUT | grep measured_
//
// Each measured_* function does its operation 1,000 times on different entries, inlined, in a loop
// of three or four instructions; measured_nothing() is that loop alone. 1,000 others stand by.

using namespace millrace;
using namespace millrace::timer;

namespace {

constexpr std::uint32_t rounds = 1'000;
constexpr Instant start{1h};

struct alignas(64) Entry {
    Node node;
};

template <class Value>
void keep(const Value& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

std::vector<Entry> entries(2 * rounds);
Wheel wheel{start};

} // namespace

#define MEASURED(name, ...)                                                                        \
    extern "C" [[gnu::noinline]] void measured_##name();                                           \
    extern "C" void measured_##name() {                                                            \
        for (std::uint32_t i = 0; i < rounds; ++i) {                                               \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    }

MEASURED(nothing, keep(i))
MEASURED(wheel_schedule, wheel.schedule(entries[i].node, start + 200ms))
MEASURED(wheel_cancel, wheel.cancel(entries[i].node))
MEASURED(wheel_advance_within_a_tick,
         { keep(wheel.advance(start, [](Node& node) { keep(node); })); })
MEASURED(wheel_advance_idle_tick, {
    keep(wheel.advance(start + (i + 1) * Wheel::tick_length, [](Node& node) { keep(node); }));
})
MEASURED(wheel_fire_one_after_200ms, {
    keep(wheel.advance(start + 1s + (i + 1) * Wheel::tick_length, [](Node& node) { keep(node); }));
})

int main() {
    for (std::uint32_t i = 0; i < rounds; ++i) {
        wheel.schedule(entries[rounds + i].node, start + 2h + i * 1ms);
    }
    measured_nothing();
    measured_wheel_schedule();
    measured_wheel_cancel();
    measured_wheel_advance_within_a_tick();
    measured_wheel_advance_idle_tick();
    // One due in each tick from one second on, set 200 ms before.
    wheel.advance(start + 800ms, [](Node&) {});
    for (std::uint32_t i = 0; i < rounds; ++i) {
        wheel.schedule(entries[i].node, start + 1s + (i + 1) * Wheel::tick_length);
    }
    wheel.advance(start + 1s, [](Node&) { std::puts("early"); });
    measured_wheel_fire_one_after_200ms();
    std::printf("%u timers left\n", wheel.size());
}
