#include "flow/home.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace millrace::flow {
namespace {

constexpr SipKey secret{0x0123456789abcdef, 0xfedcba9876543210};

FourTuple4 client(std::uint32_t number) {
    return {{198, 18, 0, 1},
            wire::Ipv4Addr::from_value(0xc6120000 + number / 50'000),
            80,
            static_cast<std::uint16_t>(10'000 + number % 50'000)};
}

TEST(Home, SpreadsConnectionsEvenlyInSoftware) {
    constexpr int connections = 200'000;
    for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 2, 3, 7, 16}) {
        const Home home{HashKey{secret}, workers};
        std::vector<int> landed(workers);
        for (int i = 0; i < connections; ++i) {
            ++landed.at(home(client(static_cast<std::uint32_t>(i))));
        }
        const double share = 1.0 / workers;
        const double deviation = std::sqrt(connections * share * (1 - share));
        for (const int count : landed) {
            EXPECT_NEAR(count, connections * share, 4 * deviation) << workers << " workers";
        }
    }
}

TEST(Home, IsTheSameOnEveryWorker) {
    const Home one{HashKey{secret}, 5};
    const Home other{HashKey{secret}, 5};
    const Home otherwise{HashKey{SipKey{secret[0], secret[1] + 1}}, 5};
    int moved = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        EXPECT_EQ(one(client(i)), other(client(i)));
        moved += one(client(i)) != otherwise(client(i));
    }
    EXPECT_GT(moved, 700) << "another key, other homes";
}

TEST(Home, FollowsTheNicsTable) {
    std::array<std::uint8_t, 40> key;
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::uint8_t>(37 * i + 11);
    }
    std::vector<std::uint16_t> indirection(128);
    for (std::size_t i = 0; i < indirection.size(); ++i) {
        indirection[i] = static_cast<std::uint16_t>(i * i % 5);
    }
    const Home home{key, indirection};
    const Toeplitz rss{key};
    for (std::uint32_t i = 0; i < 1000; ++i) {
        EXPECT_EQ(home(client(i)), indirection[rss.hash(client(i)) % 128]);
    }
}

/// A worker's table sees only the hashes that are at home with it; they must still reach every
/// bucket and every tag.
TEST(Home, LeavesTheBitsThatTheTableUsesAlone) {
    const HashKey key{secret};
    const Home home{key, 16};
    std::array<int, 64> ones{};
    int seen = 0;
    for (std::uint32_t i = 0; i < 300'000; ++i) {
        if (home(client(i)) != 3) {
            continue;
        }
        ++seen;
        const std::uint64_t value = hash(key, client(i));
        for (unsigned bit = 0; bit < 64; ++bit) {
            ones[bit] += static_cast<int>(value >> bit & 1);
        }
    }
    for (unsigned bit = 0; bit < 64; ++bit) {
        if (bit < 8 || bit >= 32) {
            EXPECT_NEAR(ones[bit], seen / 2, 4 * std::sqrt(seen) / 2) << "bit " << bit;
        }
    }
}

} // namespace
} // namespace millrace::flow
