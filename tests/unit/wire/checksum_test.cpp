#include "wire/checksum.hpp"

#include "base/big_endian.hpp"
#include "captured.hpp"
#include "wire/view.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

/// RFC 1071 §4.1 as plainly as it can be said: the folded sum of big-endian words.
std::uint16_t reference(std::span<const std::byte> bytes) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
        total += i % 2 == 0 ? byte << 8 : byte;
    }
    while (total > 0xffff) {
        total = (total >> 16) + (total & 0xffff);
    }
    return static_cast<std::uint16_t>(total);
}

/// Bytes that make carries likely, or unlikely, or neither.
std::vector<std::byte> carrying_bytes(std::mt19937_64& random, std::size_t count) {
    std::vector<std::byte> bytes = random_bytes(random, count);
    if (const auto choice = random() % 4; choice < 2) {
        std::fill(bytes.begin(), bytes.end(), choice == 0 ? std::byte{0xff} : std::byte{0});
        if (count > 0) {
            bytes[random() % count] = static_cast<std::byte>(random());
        }
    }
    return bytes;
}

TEST(Checksum, ExampleOfRfc1071) {
    // §3: 00 01 f2 03 f4 f5 f6 f7 sums up to ddf2.
    const auto bytes = hex("00 01 f2 03 f4 f5 f6 f7");
    EXPECT_EQ(fold(sum(bytes)), 0xddf2);
    EXPECT_EQ(finish(sum(bytes)), 0x220d);
}

TEST(Checksum, NothingSumsUpToNothing) {
    EXPECT_EQ(fold(sum({})), 0);
    EXPECT_EQ(finish(sum({})), 0xffff);
}

TEST(Checksum, EveryLengthAndAlignmentAgreesWithTheReference) {
    constexpr std::uint64_t seed = 1;
    std::mt19937_64 random{seed};
    for (std::size_t length = 0; length <= 700; ++length) {
        const auto offset = random() % 64;
        const auto bytes = carrying_bytes(random, offset + length);
        const auto part = std::span{bytes}.subspan(offset);
        ASSERT_EQ(fold(sum(part)), reference(part)) << "seed " << seed << " length " << length;
    }
}

TEST(Checksum, ReadsNothingBeyondTheEnd) {
    std::mt19937_64 random{2};
    const auto bytes = random_bytes(random, 400);
    at_every_length(bytes, [](std::span<const std::byte> part) {
        ASSERT_EQ(fold(sum(part)), reference(part)) << part.size();
    });
}

TEST(Checksum, LongRunsOfOnesDoNotOverflow) {
    // More than one step of the vector's exact range, all lanes at their largest.
    for (const std::size_t length :
         {65'535U, 65'536U, 1U << 20, (1U << 20) + 1, (1U << 21) + 77, 5'000'001U}) {
        std::vector<std::byte> bytes(length, std::byte{0xff});
        ASSERT_EQ(fold(sum(bytes)), reference(bytes)) << length;
        bytes[length / 3] = std::byte{0x12};
        ASSERT_EQ(fold(sum(bytes)), reference(bytes)) << length;
    }
}

TEST(Checksum, SumsStayWithinTheirPromise) {
    const std::vector<std::byte> ones(3'000'003, std::byte{0xff});
    constexpr std::uint64_t limit = std::uint64_t{1} << 34;
    EXPECT_LT(sum(ones).value, limit);
    EXPECT_LT(sum(std::span{ones}.first(95)).value, limit);
    const Ipv6Addr all_ones{
        {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};
    EXPECT_LT(pseudo_header_sum(all_ones, all_ones, 255, UINT32_MAX).value, limit);
}

TEST(Checksum, CopySumsAndCopies) {
    constexpr std::uint64_t seed = 3;
    std::mt19937_64 random{seed};
    for (std::size_t length = 0; length <= 400; ++length) {
        const auto bytes = carrying_bytes(random, length);
        std::vector<std::byte> copy(length + 1, std::byte{0x5a});
        ASSERT_EQ(fold(sum_and_copy(copy.data(), bytes)), reference(bytes)) << length;
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), copy.begin())) << length;
        ASSERT_EQ(copy.back(), std::byte{0x5a}) << "wrote past the end of " << length;
    }
}

TEST(Checksum, PiecesOfAnyLengthSumUpToTheWhole) {
    constexpr std::uint64_t seed = 4;
    std::mt19937_64 random{seed};
    for (int round = 0; round < 2'000; ++round) {
        const auto bytes = carrying_bytes(random, random() % 600);
        PiecewiseSum pieces;
        for (auto rest = std::span<const std::byte>{bytes}; !rest.empty();) {
            const std::size_t length = std::min<std::size_t>(1 + random() % 97, rest.size());
            if (random() % 2 == 0) {
                pieces.add(rest.first(length));
            } else {
                pieces.add(sum(rest.first(length)), length);
            }
            rest = rest.subspan(length);
        }
        ASSERT_EQ(fold(pieces.sum()), reference(bytes)) << "seed " << seed << " round " << round;
    }
}

template <class Field>
void update_agrees_with_computing_anew(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    for (int round = 0; round < 20'000; ++round) {
        auto bytes = carrying_bytes(random, 40);
        bytes[0] = std::byte{0x45}; // As in any header, not everything is zero.
        auto& field = header_at<BigEndian<Field>>(bytes.data() + 8);
        const std::uint16_t before = finish(sum(bytes));
        const Field old = field;
        const auto changed = static_cast<Field>(random() % 4 == 0 ? ~std::uint64_t{old} : random());
        field = changed;
        ASSERT_EQ(update_checksum(before, old, changed), finish(sum(bytes)))
            << "seed " << seed << " round " << round;
    }
}

TEST(Checksum, UpdateAgreesWithComputingAnew) {
    update_agrees_with_computing_anew<std::uint16_t>(5);
    update_agrees_with_computing_anew<std::uint32_t>(6);
}

TEST(Checksum, UpdateExampleOfRfc1624) {
    // §4: the checksum DD2F becomes 0000 when a field goes from 5555 to 3285.
    EXPECT_EQ(update_checksum(0xdd2f, std::uint16_t{0x5555}, std::uint16_t{0x3285}), 0x0000);
}

TEST(Checksum, NumbersSumAsTheirBytesDo) {
    const auto bytes = hex("12 34 56 78 9a bc");
    EXPECT_EQ(fold(sum_of(std::uint16_t{0x1234}) + sum_of(std::uint32_t{0x56789abc})),
              fold(sum(bytes)));
}

TEST(Checksum, UdpNeverStoresZero) {
    const ChecksumSum all_ones = sum_of(std::uint16_t{0xffff});
    EXPECT_EQ(finish(all_ones), 0);
    EXPECT_EQ(finish_udp(all_ones), 0xffff);
    EXPECT_EQ(finish_udp(sum_of(std::uint16_t{0xfffe})), 1);
}

/// The transport's bytes of a captured frame and the sum of its pseudo-header.
template <class Addr>
ChecksumSum with_pseudo_header(std::span<const std::byte> frame, std::size_t addresses,
                               std::size_t transport, std::uint8_t protocol) {
    Addr source;
    Addr destination;
    std::memcpy(&source, frame.data() + addresses, sizeof source);
    std::memcpy(&destination, frame.data() + addresses + sizeof source, sizeof destination);
    const auto bytes = frame.subspan(transport);
    const auto length = static_cast<std::uint16_t>(bytes.size());
    return sum(bytes) + pseudo_header_sum(source, destination, protocol, length);
}

TEST(Checksum, PacketsFromLinuxAreIntactUntilOneBitChanges) {
    using namespace captured;
    const auto tcp = with_pseudo_header<Ipv4Addr>(tcp_data, 26, 34, 6);
    EXPECT_TRUE(is_intact(tcp));
    EXPECT_TRUE(is_intact(with_pseudo_header<Ipv4Addr>(udp_datagram, 26, 34, 17)));
    EXPECT_TRUE(is_intact(with_pseudo_header<Ipv6Addr>(tcp_data_ipv6, 22, 54, 6)));
    EXPECT_TRUE(is_intact(with_pseudo_header<Ipv6Addr>(udp_datagram_ipv6, 22, 54, 17)));
    EXPECT_TRUE(is_intact(with_pseudo_header<Ipv6Addr>(neighbour_solicitation, 22, 54, 58)));
    EXPECT_TRUE(is_intact(sum(std::span{tcp_data}.subspan(14, 20)))) << "the IPv4 header";
    for (std::size_t bit = 0; bit < (tcp_data.size() - 34) * 8; ++bit) {
        auto changed = tcp_data;
        changed[34 + bit / 8] ^= std::byte{1} << bit % 8;
        EXPECT_FALSE(is_intact(with_pseudo_header<Ipv4Addr>(changed, 26, 34, 6))) << bit;
    }
    EXPECT_FALSE(is_intact(with_pseudo_header<Ipv4Addr>(tcp_data, 26, 34, 17))) << "protocol";
}

TEST(Checksum, PseudoHeaderOfIpv4AgreesWithItsBytes) {
    const auto bytes = hex("c6 12 00 01 c6 12 00 02 00 06 05 dc");
    EXPECT_EQ(fold(pseudo_header_sum(Ipv4Addr{198, 18, 0, 1}, Ipv4Addr{198, 18, 0, 2}, 6, 1500)),
              reference(bytes));
}

TEST(Checksum, PseudoHeaderOfIpv6CountsAllOfALongLength) {
    auto bytes = hex("20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01"
                     "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02"
                     "00 01 00 07 00 00 00 11");
    const Ipv6Addr source{{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    const Ipv6Addr destination{{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
    EXPECT_EQ(fold(pseudo_header_sum(source, destination, 17, 0x10007)), reference(bytes));
}

} // namespace
} // namespace millrace::wire
