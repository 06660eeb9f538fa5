#include "base/pool.hpp"
#include "base/ring.hpp"

#include "../instructions.hpp"

#include <array>
#include <cstdint>

// Pools and rings. bench/instructions runs it.

using namespace millrace;
using namespace millrace::bench;

namespace {

struct Object {
    std::array<std::uint64_t, 32> words{};
};

Pool<Object> pool{rounds};
SpscRing<std::uint64_t> ring{1024};
std::array<std::uint64_t, 32> taken;

} // namespace

int main() {
    for (std::uint32_t i = 0; i < rounds; ++i) { // A slot's first use is another matter.
        keep(pool.allocate());
    }
    for (std::uint32_t i = 0; i < rounds; ++i) {
        pool.release(i);
    }
    begin_instrumentation();
    count("nothing", [](std::uint32_t i) { keep(i); });
    count("take a slot of a pool", [](std::uint32_t) { keep(pool.allocate()); });
    count("give it back", [](std::uint32_t i) { pool.release(i); });
    count("put 32 items into a ring and take them out", [](std::uint32_t) {
        for (std::uint64_t item = 0; item < taken.size(); ++item) {
            keep(ring.push(item));
        }
        keep(ring.pop(taken));
    });
}
