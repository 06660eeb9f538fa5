#include "base/pool.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory_resource>
#include <random>
#include <set>
#include <vector>

namespace millrace {
namespace {

struct Thing {
    std::uint64_t value = 7;
};

/// Remembers what was asked of it.
class CountingMemory : public std::pmr::memory_resource {
  public:
    std::size_t allocations = 0;
    std::size_t bytes_out = 0;
    std::size_t least_alignment = SIZE_MAX;

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        ++allocations;
        bytes_out += bytes;
        least_alignment = std::min(least_alignment, alignment);
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
        bytes_out -= bytes;
        std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
};

TEST(Pool, HandsOutEachSlotOnceUntilItIsDry) {
    Pool<Thing> pool{5};
    EXPECT_EQ(pool.capacity(), 5U);
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(pool.available(), 5U - seen.size());
        const std::uint32_t index = pool.allocate();
        EXPECT_LT(index, 5U);
        EXPECT_TRUE(seen.insert(index).second);
        EXPECT_EQ(pool[index].value, 7U) << "made when first used";
        EXPECT_EQ(pool.index_of(pool[index]), index);
    }
    EXPECT_EQ(pool.allocate(), Pool<Thing>::none);
    EXPECT_EQ(pool.in_use(), 5U);
    EXPECT_EQ(pool.available(), 0U);
}

TEST(Pool, TheLastReleasedComesBackFirstAndAsItWas) {
    Pool<Thing> pool{5};
    const std::uint32_t first = pool.allocate();
    const std::uint32_t second = pool.allocate();
    pool[first].value = 99;
    pool.release(second);
    pool.release(first);
    EXPECT_EQ(pool.in_use(), 0U);
    EXPECT_EQ(pool.allocate(), first) << "its memory is warm";
    EXPECT_EQ(pool[first].value, 99U) << "a slot is not reset";
    EXPECT_EQ(pool.allocate(), second);
}

TEST(Pool, EmptyPoolIsDry) {
    Pool<Thing> pool{0};
    EXPECT_EQ(pool.allocate(), Pool<Thing>::none);
}

TEST(Pool, TakesItsMemoryOnceAlignedAndGivesItBack) {
    CountingMemory memory;
    {
        Pool<Thing> pool{1000, memory};
        const std::size_t allocations = memory.allocations;
        for (int i = 0; i < 1000; ++i) {
            static_cast<void>(pool.allocate());
        }
        EXPECT_EQ(memory.allocations, allocations);
        EXPECT_GE(memory.bytes_out, 1000 * sizeof(Thing));
        EXPECT_GE(memory.least_alignment, 64U);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&pool[0]) % 64, 0U);
    }
    EXPECT_EQ(memory.bytes_out, 0U);
}

TEST(Pool, RandomUseAgreesWithASet) {
    constexpr std::uint64_t seed = 11;
    std::mt19937_64 random{seed};
    Pool<Thing> pool{64};
    std::vector<std::uint32_t> held;
    for (int step = 0; step < 100'000; ++step) {
        if (random() % 2 == 0) {
            const std::uint32_t index = pool.allocate();
            ASSERT_EQ(index == Pool<Thing>::none, held.size() == 64) << "seed " << seed;
            if (index != Pool<Thing>::none) {
                for (const std::uint32_t other : held) {
                    ASSERT_NE(index, other) << "seed " << seed << " step " << step;
                }
                held.push_back(index);
            }
        } else if (!held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            pool.release(held.back());
            held.pop_back();
        }
        ASSERT_EQ(pool.in_use(), held.size());
    }
}

TEST(PoolDeathTest, ReleasingWhatWasNeverHandedOutIsOurError) {
    Pool<Thing> pool{4};
    EXPECT_DEATH(pool.release(0), "assertion failed");
    const std::uint32_t index = pool.allocate();
    pool.release(index);
    EXPECT_DEATH(pool.release(index), "assertion failed") << "more releases than allocations";
}

} // namespace
} // namespace millrace
