#include "base/ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>

namespace millrace {
namespace {

TEST(SpscRing, FirstInFirstOutUntilFull) {
    SpscRing<int> ring{4};
    EXPECT_EQ(ring.capacity(), 4U);
    EXPECT_TRUE(ring.empty());
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(ring.push(i));
    }
    EXPECT_FALSE(ring.push(4));
    EXPECT_FALSE(ring.empty());
    std::array<int, 3> out{};
    EXPECT_EQ(ring.pop(out), 3U);
    EXPECT_EQ(out, (std::array{0, 1, 2}));
    EXPECT_TRUE(ring.push(5));
    EXPECT_EQ(ring.pop(out), 2U);
    EXPECT_EQ(out[0], 3);
    EXPECT_EQ(out[1], 5);
    EXPECT_EQ(ring.pop(out), 0U);
    EXPECT_TRUE(ring.empty());
}

TEST(SpscRing, OfOneItem) {
    SpscRing<int> ring{1};
    std::array<int, 2> out{};
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(ring.push(i));
        EXPECT_FALSE(ring.push(i));
        EXPECT_EQ(ring.pop(out), 1U);
        EXPECT_EQ(out[0], i);
    }
}

TEST(SpscRing, NothingAskedNothingTaken) {
    SpscRing<int> ring{2};
    ASSERT_TRUE(ring.push(1));
    EXPECT_EQ(ring.pop({}), 0U);
    EXPECT_FALSE(ring.empty());
}

TEST(SpscRing, RandomBurstsAgreeWithADeque) {
    constexpr std::uint64_t seed = 12;
    std::mt19937_64 random{seed};
    SpscRing<std::uint64_t> ring{16};
    std::deque<std::uint64_t> model;
    std::array<std::uint64_t, 32> out{};
    for (int step = 0; step < 100'000; ++step) {
        for (auto count = random() % 20; count > 0; --count) {
            const std::uint64_t item = random();
            ASSERT_EQ(ring.push(item), model.size() < 16) << "seed " << seed << " step " << step;
            if (model.size() < 16) {
                model.push_back(item);
            }
        }
        const std::size_t asked = random() % out.size();
        const std::size_t got = ring.pop(std::span{out}.first(asked));
        ASSERT_EQ(got, std::min(asked, model.size())) << "seed " << seed << " step " << step;
        for (std::size_t i = 0; i < got; ++i) {
            ASSERT_EQ(out[i], model.front());
            model.pop_front();
        }
        ASSERT_EQ(ring.empty(), model.empty());
    }
}

TEST(SpscRing, TwoThreadsLoseRepeatAndReorderNothing) {
    constexpr std::uint64_t items = 200'000;
    SpscRing<std::uint64_t> ring{64};
    std::thread producer{[&] {
        for (std::uint64_t item = 0; item < items;) {
            if (ring.push(item)) {
                ++item;
            } else {
                std::this_thread::yield();
            }
        }
    }};
    std::array<std::uint64_t, 16> out{};
    std::uint64_t expected = 0;
    bool in_order = true;
    while (expected < items) {
        const std::size_t got = ring.pop(out);
        for (std::size_t i = 0; i < got; ++i) {
            in_order = in_order && out[i] == expected++;
        }
        if (got == 0) {
            std::this_thread::yield();
        }
    }
    producer.join();
    EXPECT_TRUE(in_order);
    EXPECT_TRUE(ring.empty());
}

TEST(SpscRingDeathTest, CapacityIsAPowerOfTwo) {
    EXPECT_DEATH(SpscRing<int>{3}, "assertion failed");
    EXPECT_DEATH(SpscRing<int>{0}, "assertion failed");
}

} // namespace
} // namespace millrace
