#include "stack/path_mtus.hpp"

#include <gtest/gtest.h>

#include <type_traits>

// A3.pmtu: what is known of paths is bounded, and gets old.
namespace millrace::stack {
namespace {

template <class Addr>
class PathMtusTest : public testing::Test {
  protected:
    static Addr host(std::uint16_t n) {
        Addr address{};
        address.bytes[2] = static_cast<std::uint8_t>(n >> 8);
        address.bytes[3] = static_cast<std::uint8_t>(n);
        return address;
    }

    static constexpr std::uint32_t capacity = 4;
    Instant now{1h};
    PathMtus<Addr> cache{capacity, SipKey{1, 2}};
};

using Families = testing::Types<wire::Ipv4Addr, wire::Ipv6Addr>;
TYPED_TEST_SUITE(PathMtusTest, Families);

TYPED_TEST(PathMtusTest, knows_what_it_was_told_for_ten_minutes) {
    auto& mtus = this->cache;
    EXPECT_EQ(mtus.find(this->host(1), this->now), mtus.unknown);
    EXPECT_TRUE(mtus.learn(this->host(1), 1400, this->now));
    EXPECT_EQ(mtus.find(this->host(1), this->now), 1400);
    EXPECT_EQ(mtus.find(this->host(2), this->now), mtus.unknown);
    EXPECT_EQ(mtus.find(this->host(1), this->now + mtus.lifetime - 1ms), 1400);
    EXPECT_EQ(mtus.find(this->host(1), this->now + mtus.lifetime), mtus.unknown);
}

TYPED_TEST(PathMtusTest, keeps_the_smaller_until_it_is_old) {
    auto& mtus = this->cache;
    mtus.learn(this->host(1), 1400, this->now);
    mtus.learn(this->host(1), 1300, this->now + 1min);
    mtus.learn(this->host(1), 1450, this->now + 2min);
    EXPECT_EQ(mtus.size(), 1U);
    EXPECT_EQ(mtus.find(this->host(1), this->now + 2min), 1300);
    mtus.learn(this->host(1), 1450, this->now + 2min + mtus.lifetime);
    EXPECT_EQ(mtus.find(this->host(1), this->now + 2min + mtus.lifetime), 1450);
}

TYPED_TEST(PathMtusTest, a_full_cache_forgets_what_it_learnt_first) {
    auto& mtus = this->cache;
    for (std::uint16_t n = 0; n < this->capacity; ++n) {
        EXPECT_TRUE(mtus.learn(this->host(n), 1300, this->now));
    }
    EXPECT_FALSE(mtus.learn(this->host(100), 1310, this->now));
    EXPECT_EQ(mtus.find(this->host(0), this->now), mtus.unknown);
    EXPECT_EQ(mtus.find(this->host(1), this->now), 1300);
    EXPECT_EQ(mtus.find(this->host(100), this->now), 1310);
    EXPECT_EQ(mtus.size(), this->capacity);
    // What is old goes without loss.
    EXPECT_TRUE(mtus.learn(this->host(101), 1320, this->now + mtus.lifetime));
}

TYPED_TEST(PathMtusTest, many_come_and_go) {
    PathMtus<TypeParam> mtus{100, SipKey{3, 4}};
    for (std::uint16_t n = 0; n < 10'000; ++n) {
        EXPECT_EQ(mtus.learn(this->host(n), static_cast<std::uint16_t>(1000 + n % 400), this->now),
                  n < 100);
        const std::uint16_t first = n < 100 ? 0 : n - 99;
        ASSERT_EQ(mtus.find(this->host(first), this->now), 1000 + first % 400);
        ASSERT_EQ(mtus.find(this->host(n), this->now), 1000 + n % 400);
        if (first > 0) {
            ASSERT_EQ(mtus.find(this->host(first - 1), this->now), mtus.unknown);
        }
    }
}

} // namespace
} // namespace millrace::stack
