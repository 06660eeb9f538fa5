#include "base/slice.hpp"

#include <gtest/gtest.h>

#include <array>
#include <type_traits>

namespace millrace {
namespace {

static_assert(std::is_trivially_copyable_v<Slice>, "copying a slice takes no reference");

constexpr std::array<std::byte, 8> bytes{std::byte{0}, std::byte{1}, std::byte{2}, std::byte{3},
                                         std::byte{4}, std::byte{5}, std::byte{6}, std::byte{7}};
constexpr Slice slice{bytes.data(), 8, OwnerKind::store, 42};

void expect_same_owner(const Slice& part) {
    EXPECT_EQ(part.owner, OwnerKind::store);
    EXPECT_EQ(part.handle, 42U);
}

TEST(Slice, IsEmptyAndNobodysByDefault) {
    const Slice empty;
    EXPECT_TRUE(empty.bytes().empty());
    EXPECT_EQ(empty.owner, OwnerKind::nobody);
}

TEST(Slice, BytesAreTheOwners) {
    EXPECT_EQ(slice.bytes().data(), bytes.data());
    EXPECT_EQ(slice.bytes().size(), 8U);
}

TEST(Slice, CutsKeepTheOwnerAndMeet) {
    for (std::uint32_t count = 0; count <= slice.length; ++count) {
        const Slice front = slice.first(count);
        const Slice back = slice.without_first(count);
        expect_same_owner(front);
        expect_same_owner(back);
        EXPECT_EQ(front.data, slice.data);
        EXPECT_EQ(front.length, count);
        EXPECT_EQ(back.data, front.data + front.length);
        EXPECT_EQ(front.length + back.length, slice.length);
    }
}

} // namespace
} // namespace millrace
