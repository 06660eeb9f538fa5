#include "flow/hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace millrace::flow {
namespace {

constexpr SipKey secret{0x243f6a8885a308d3, 0x13198a2e03707344};

FourTuple4 tuple4(std::uint32_t remote, std::uint16_t remote_port) {
    return {{198, 18, 0, 1}, wire::Ipv4Addr::from_value(remote), 443, remote_port};
}

FourTuple6 tuple6(std::uint64_t host, std::uint16_t remote_port) {
    FourTuple6 tuple{wire::Ipv6Addr::from_string("2001:db8::1").value(),
                     wire::Ipv6Addr::from_string("2001:db8:1:2::").value(), 443, remote_port};
    for (std::size_t i = 0; i < 8; ++i) {
        tuple.remote.bytes[15 - i] = static_cast<std::uint8_t>(host >> 8 * i);
    }
    return tuple;
}

template <class Tuple>
Tuple flipped(Tuple tuple, std::size_t bit) {
    auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(Tuple)>>(tuple);
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1U << bit % 8);
    return std::bit_cast<Tuple>(bytes);
}

template <class Tuple>
Tuple random_tuple(std::mt19937_64& random) {
    std::array<std::uint8_t, sizeof(Tuple)> bytes;
    for (auto& byte : bytes) {
        byte = static_cast<std::uint8_t>(random());
    }
    return std::bit_cast<Tuple>(bytes);
}

/// Flipping any input bit flips every output bit in half of all cases, under one key.
template <class Tuple>
void expect_avalanche() {
    constexpr int samples = 4000;
    constexpr std::size_t input_bits = 8 * sizeof(Tuple);
    const HashKey key{secret};
    std::mt19937_64 random{5};
    std::vector<std::array<int, 64>> flips(input_bits);
    for (int sample = 0; sample < samples; ++sample) {
        const auto tuple = random_tuple<Tuple>(random);
        const std::uint64_t before = hash(key, tuple);
        for (std::size_t in = 0; in < input_bits; ++in) {
            const std::uint64_t difference = before ^ hash(key, flipped(tuple, in));
            for (unsigned out = 0; out < 64; ++out) {
                flips[in][out] += static_cast<int>(difference >> out & 1);
            }
        }
    }
    // Of up to 18,432 pairs, one beyond 5.5 standard deviations would come by chance once in 1,500.
    const double bound = 5.5 * std::sqrt(samples) / 2;
    for (std::size_t in = 0; in < input_bits; ++in) {
        for (unsigned out = 0; out < 64; ++out) {
            EXPECT_NEAR(flips[in][out], samples / 2, bound) << "in " << in << " out " << out;
        }
    }
}

TEST(Hash, EveryInputBitReachesEveryOutputBitIpv4) {
    expect_avalanche<FourTuple4>();
}
TEST(Hash, EveryInputBitReachesEveryOutputBitIpv6) {
    expect_avalanche<FourTuple6>();
}

/// The sum of (observed - expected)^2 / expected over equal cells, in standard deviations from its
/// mean: near 0 for a random function, above for clumps, below for a comb.
double chi_square_deviations(const std::vector<int>& cells, double total) {
    const double expected = total / static_cast<double>(cells.size());
    double sum = 0;
    for (const int count : cells) {
        sum += (count - expected) * (count - expected) / expected;
    }
    const double freedom = static_cast<double>(cells.size()) - 1;
    return (sum - freedom) / std::sqrt(2 * freedom);
}

template <class TupleOf>
void expect_uniform(const char* what, std::uint32_t count, TupleOf&& tuple_of) {
    for (std::uint64_t trial = 0; trial < 8; ++trial) {
        const HashKey key{SipKey{trial, 99}};
        std::vector<int> buckets(5041); // Scaled as Table does; not a power of two.
        std::vector<int> tags(256);
        std::vector<int> homes(7);
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint64_t value = hash(key, tuple_of(i));
            ++buckets[(value >> 32) * buckets.size() >> 32];
            ++tags[value & 0xff];
            ++homes[spread(value, 7)];
        }
        EXPECT_LT(chi_square_deviations(buckets, count), 5) << what << " trial " << trial;
        EXPECT_LT(chi_square_deviations(tags, count), 5) << what << " trial " << trial;
        EXPECT_LT(chi_square_deviations(homes, count), 6) << what << " trial " << trial;
    }
}

TEST(Hash, IsUniformOverThePortsOfOneClient) {
    expect_uniform("ports", 65'536, [](std::uint32_t i) {
        return tuple4(0xc6130203, static_cast<std::uint16_t>(i));
    });
    expect_uniform("even ports", 32'768, [](std::uint32_t i) {
        return tuple4(0xc6130203, static_cast<std::uint16_t>(2 * i));
    });
    expect_uniform("ports, IPv6", 65'536,
                   [](std::uint32_t i) { return tuple6(1, static_cast<std::uint16_t>(i)); });
}

TEST(Hash, IsUniformOverTheHostsOfANetwork) {
    expect_uniform("/16", 65'536, [](std::uint32_t i) { return tuple4(0xc6120000 + i, 40'000); });
    expect_uniform("/64", 65'536, [](std::uint32_t i) { return tuple6(i, 40'000); });
    expect_uniform("/64, upper half", 65'536,
                   [](std::uint32_t i) { return tuple6(std::uint64_t{i} << 48, 40'000); });
}

TEST(Hash, HasNoCollisionsInAMillion) {
    const HashKey key{secret};
    std::vector<std::uint64_t> values;
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
        values.push_back(
            hash(key, tuple4(0xc6120000 + i % 1000, static_cast<std::uint16_t>(i / 1000))));
    }
    std::ranges::sort(values);
    EXPECT_EQ(std::ranges::adjacent_find(values), values.end());
}

template <class Tuple>
void expect_key_dependence() {
    std::mt19937_64 random{11};
    for (unsigned bit = 0; bit < 128; ++bit) {
        SipKey other = secret;
        other[bit / 64] ^= std::uint64_t{1} << bit % 64;
        const HashKey key{secret};
        const HashKey changed{other};
        int differing = 0;
        for (int i = 0; i < 100; ++i) {
            const auto tuple = random_tuple<Tuple>(random);
            differing += std::popcount(hash(key, tuple) ^ hash(changed, tuple));
        }
        EXPECT_NEAR(differing, 3200, 6 * 40) << "key bit " << bit;
    }
}

TEST(Hash, EveryKeyBitMatters) {
    expect_key_dependence<FourTuple4>();
    expect_key_dependence<FourTuple6>();
}

/// A product with zero forgets its other factor, so no input may be a zero that can be known: every
/// factor is masked with a secret.
TEST(Hash, NoPlainInputSwitchesTheRestOff) {
    const HashKey key{secret};
    for (std::uint32_t ports = 0; ports < 65'536; ++ports) {
        FourTuple4 one{{0, 0, 0, 1}, {0, 0, 0, 2}, 0, 0};
        one.local_port = static_cast<std::uint16_t>(ports & 0xff);
        one.remote_port = static_cast<std::uint16_t>(ports >> 8);
        FourTuple4 other = one;
        other.remote = {0, 0, 0, 3};
        ASSERT_NE(hash(key, one), hash(key, other)) << ports;
    }
    const FourTuple4 nothing{};
    for (std::size_t bit = 0; bit < 8 * sizeof nothing; ++bit) {
        ASSERT_NE(hash(key, nothing), hash(key, flipped(nothing, bit))) << bit;
    }
    for (unsigned zeros = 0; zeros < 16; ++zeros) {
        FourTuple6 one{};
        one.local.bytes[7] = static_cast<std::uint8_t>(zeros & 1);
        one.local.bytes[15] = static_cast<std::uint8_t>(zeros >> 1 & 1);
        one.remote.bytes[7] = static_cast<std::uint8_t>(zeros >> 2 & 1);
        one.remote.bytes[15] = static_cast<std::uint8_t>(zeros >> 3 & 1);
        for (std::size_t bit = 0; bit < 8 * sizeof one; ++bit) {
            ASSERT_NE(hash(key, one), hash(key, flipped(one, bit))) << zeros << ' ' << bit;
        }
    }
}

/// What collides under one key has no reason to collide under another: this is what Toeplitz, or a
/// CRC with its start value as a key, cannot say.
TEST(Hash, CollisionsUnderOneKeyAreNoneUnderAnother) {
    const auto bucket = [](const HashKey& key, std::uint32_t i) {
        return hash(key, tuple4(0xc6120000 + i, 40'000)) >> 32 << 10 >> 32; // 1,024 buckets
    };
    const HashKey known{SipKey{1, 2}};
    std::vector<std::uint32_t> colliding;
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
        if (bucket(known, i) == 0) {
            colliding.push_back(i);
        }
    }
    ASSERT_GT(colliding.size(), 800u);
    for (std::uint64_t trial = 0; trial < 20; ++trial) {
        const HashKey drawn{SipKey{trial, 3}};
        std::set<std::uint64_t> buckets;
        for (const std::uint32_t i : colliding) {
            buckets.insert(bucket(drawn, i));
        }
        // Some 980 in 1,024 buckets fill about 630 different ones.
        EXPECT_GT(buckets.size(), 550u);
    }
}

/// Four inputs that cancel out: a linear function would give four hashes that cancel out.
TEST(Hash, IsNotLinear) {
    std::mt19937_64 random{13};
    const HashKey key{secret};
    for (int i = 0; i < 10'000; ++i) {
        const auto a = static_cast<std::uint32_t>(random());
        const auto b = static_cast<std::uint32_t>(random());
        const auto p = static_cast<std::uint16_t>(random());
        const auto q = static_cast<std::uint16_t>(p ^ (1 + random() % 65'535));
        if (a != b) {
            ASSERT_NE(hash(key, tuple4(a, p)) ^ hash(key, tuple4(b, p)) ^ hash(key, tuple4(a, q)) ^
                          hash(key, tuple4(b, q)),
                      0u);
        }
    }
}

TEST(FourTuple, IsNotThePeersView) {
    const FourTuple4 tuple{{198, 18, 0, 1}, {198, 18, 0, 2}, 80, 40'000};
    const FourTuple4 peers{{198, 18, 0, 2}, {198, 18, 0, 1}, 40'000, 80};
    EXPECT_FALSE(tuple == peers);
}

} // namespace
} // namespace millrace::flow
