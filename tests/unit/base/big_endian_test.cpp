#include "base/big_endian.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace millrace {
namespace {

struct Mixed {
    std::uint8_t first;
    BigEndian<std::uint32_t> second;
    BigEndian<std::uint16_t> third;
};
static_assert(sizeof(Mixed) == 7, "no padding: a header is laid out as its diagram");
static_assert(std::is_trivially_copyable_v<BigEndian<std::uint64_t>>);
static_assert(BigEndian<std::uint16_t>{0x1234} == 0x1234, "works at compile time");

template <class T>
std::array<unsigned char, sizeof(T)> bytes_of(BigEndian<T> value) {
    std::array<unsigned char, sizeof(T)> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

TEST(BigEndian, MostSignificantByteFirst) {
    EXPECT_EQ(bytes_of(BigEndian<std::uint8_t>{0x12}), (std::array<unsigned char, 1>{0x12}));
    EXPECT_EQ(bytes_of(BigEndian<std::uint16_t>{0x1234}),
              (std::array<unsigned char, 2>{0x12, 0x34}));
    EXPECT_EQ(bytes_of(BigEndian<std::uint32_t>{0x12345678U}),
              (std::array<unsigned char, 4>{0x12, 0x34, 0x56, 0x78}));
    EXPECT_EQ(bytes_of(BigEndian<std::uint64_t>{0x0123456789abcdefU}),
              (std::array<unsigned char, 8>{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}));
}

template <class T>
void comes_back() {
    for (unsigned bit = 0; bit < sizeof(T) * 8; ++bit) {
        const T value = static_cast<T>(T{1} << bit);
        EXPECT_EQ(T{BigEndian<T>{value}}, value) << bit;
    }
}

TEST(BigEndian, EveryBitComesBack) {
    comes_back<std::uint8_t>();
    comes_back<std::uint16_t>();
    comes_back<std::uint32_t>();
    comes_back<std::uint64_t>();
}

TEST(BigEndian, FieldsAreAssignedAsNumbers) {
    Mixed mixed{};
    mixed.second = 0xdeadbeefU;
    mixed.third = std::uint16_t{7};
    EXPECT_EQ(mixed.second, 0xdeadbeefU);
    std::array<unsigned char, 7> bytes{};
    std::memcpy(bytes.data(), &mixed, sizeof mixed);
    EXPECT_EQ(bytes, (std::array<unsigned char, 7>{0, 0xde, 0xad, 0xbe, 0xef, 0, 7}));
}

} // namespace
} // namespace millrace
