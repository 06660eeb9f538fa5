#include <gtest/gtest.h>

#include "stack/entries.hpp"

namespace millrace::stack::testing {
namespace {

constexpr std::size_t cache_line_bytes = 64;

TEST(Entries, C4_size_what_waits_is_one_cache_line_over_ipv4_and_two_over_ipv6) {
    EXPECT_LE(sizeof(TimeWaitEntry<wire::Ipv4Addr>), cache_line_bytes);
    EXPECT_LE(sizeof(TimeWaitEntry<wire::Ipv6Addr>), 2 * cache_line_bytes);
    EXPECT_LE(sizeof(HalfOpenEntry<wire::Ipv4Addr>), cache_line_bytes);
    EXPECT_LE(sizeof(HalfOpenEntry<wire::Ipv6Addr>), 2 * cache_line_bytes);
}

} // namespace
} // namespace millrace::stack::testing
