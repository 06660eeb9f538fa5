#include "timer/wheel.hpp"

#include "../instructions.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

// The wheel's operations, each on another entry; 1,000 others stand in it. bench/instructions runs
// it.

using namespace millrace;
using namespace millrace::bench;
using namespace millrace::timer;

namespace {

constexpr Instant start{1h};

struct alignas(64) Entry {
    Node node;
};

std::vector<Entry> entries(2 * rounds);
Wheel wheel{start};

} // namespace

int main() {
    for (std::uint32_t i = 0; i < rounds; ++i) {
        wheel.schedule(entries[rounds + i].node, start + 2h + i * 1ms);
    }
    begin_instrumentation();
    count("nothing", [](std::uint32_t i) { keep(i); });
    count("schedule", [](std::uint32_t i) { wheel.schedule(entries[i].node, start + 200ms); });
    count("cancel", [](std::uint32_t i) { wheel.cancel(entries[i].node); });
    const auto ignore = [](Node& node) { keep(node); };
    count("advance within a tick", [&](std::uint32_t) { keep(wheel.advance(start, ignore)); });
    count("advance by an idle tick", [&](std::uint32_t i) {
        keep(wheel.advance(start + (i + 1) * Wheel::tick_length, ignore));
    });
    // One due in each tick from one second on, set 200 ms before.
    wheel.advance(start + 800ms, ignore);
    for (std::uint32_t i = 0; i < rounds; ++i) {
        wheel.schedule(entries[i].node, start + 1s + (i + 1) * Wheel::tick_length);
    }
    const Instant first = start + 1s + Wheel::tick_length;
    wheel.advance(first, ignore);
    count("advance by a tick and fire one, set 200 ms before", [&](std::uint32_t i) {
        keep(wheel.advance(first + (i + 1) * Wheel::tick_length, ignore));
    });
    if (wheel.size() != rounds) {
        std::fprintf(stderr, "%u timers are left\n", wheel.size());
        return 1;
    }
}
