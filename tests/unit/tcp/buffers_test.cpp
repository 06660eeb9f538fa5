// D1: ropes of slices and cursors in them, against a string of bytes.

#include "packet_store.hpp"
#include "tcp/buffers.hpp"

#include "invariants.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace millrace::tcp {
namespace {

class BuffersTest : public testing::Test {
  protected:
    Buffers buffers{Buffers::Limits{.nodes = 256, .chunks = 32, .packet_bytes = 2304}};
    PacketStore packets;
    Rope rope;
    std::uint32_t charge = 0;

    void TearDown() override {
        buffers.clear(rope);
        packets.collect(buffers);
        EXPECT_EQ(packets.references(), 0U);
        EXPECT_EQ(buffers.nodes().in_use(), 0U);
        EXPECT_EQ(buffers.chunks().in_use(), 0U);
        EXPECT_FALSE(buffers.has_released());
    }

    [[nodiscard]] std::vector<std::byte> bytes_from(const Cursor& cursor,
                                                    std::uint32_t count) const {
        std::vector<std::byte> bytes;
        buffers.for_each(rope, cursor, count, [&bytes](const Slice& piece) {
            bytes.insert(bytes.end(), piece.bytes().begin(), piece.bytes().end());
        });
        return bytes;
    }
};

TEST_F(BuffersTest, D1_random_operations_against_a_string) {
    const std::vector<std::byte> document(5000, std::byte{42});
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random{seed};
        const auto between = [&random](std::uint32_t least, std::uint32_t most) {
            return std::uniform_int_distribution<std::uint32_t>{least, most}(random);
        };
        std::deque<std::byte> expected;
        Cursor cursor;
        std::uint32_t place = 0; // Of the cursor.
        for (int i = 0; i < 300; ++i) {
            const std::uint32_t length = between(1, between(0, 1) == 0 ? 20 : 5000);
            switch (between(0, 5)) {
            case 0: {
                const Slice packet = packets.make(seed, between(0, 1000), length);
                if (buffers.append(rope, packet)) {
                    charge += buffers.charge(packet);
                    expected.insert(expected.end(), packet.bytes().begin(), packet.bytes().end());
                } else {
                    packets.release(packet);
                }
                break;
            }
            case 1: {
                std::vector<std::byte> bytes(length);
                for (std::byte& byte : bytes) {
                    byte = static_cast<std::byte>(between(0, 255));
                }
                const std::uint32_t foreseen = buffers.copy_charge(rope, length);
                std::uint32_t charged = 0;
                const std::uint32_t taken = buffers.append_copy(rope, bytes, charged);
                EXPECT_TRUE(taken < length || charged == foreseen);
                charge += charged;
                expected.insert(expected.end(), bytes.begin(), bytes.begin() + taken);
                break;
            }
            case 2: {
                const Slice slice{document.data(), length, OwnerKind::nobody, 0};
                if (buffers.append(rope, slice)) {
                    expected.insert(expected.end(), slice.bytes().begin(), slice.bytes().end());
                }
                break;
            }
            case 3: {
                const std::uint32_t rest = rope.length - place;
                const std::uint32_t step = rest == 0 ? 0 : between(0, rest);
                cursor = buffers.advanced(rope, cursor, step);
                place += step;
                break;
            }
            default: {
                const std::uint32_t count = place == 0 ? 0 : between(0, place);
                charge -= buffers.drop_front(rope, count, {&cursor, 1});
                expected.erase(expected.begin(), expected.begin() + count);
                place -= count;
                packets.collect(buffers);
                break;
            }
            }
            ASSERT_EQ(rope.length, expected.size());
            ASSERT_EQ(place_of(cursor, rope, buffers), place);
            expect_sound(rope, charge, buffers);
            const std::uint32_t count = rope.length == place ? 0 : between(0, rope.length - place);
            const std::vector<std::byte> found = bytes_from(cursor, count);
            ASSERT_TRUE(std::equal(found.begin(), found.end(), expected.begin() + place));
            ASSERT_EQ(found.size(), count);
        }
        buffers.clear(rope);
        charge = 0;
        packets.collect(buffers);
        ASSERT_TRUE(rope.empty());
        ASSERT_EQ(buffers.nodes().in_use(), 0U);
    }
}

TEST_F(BuffersTest, D1_a_cursor_at_the_end_goes_on_with_what_is_appended) {
    const Slice first = packets.make(1, 0, 10);
    ASSERT_TRUE(buffers.append(rope, first));
    Cursor cursor = buffers.advanced(rope, Cursor{}, 10);
    const Slice second = packets.make(1, 10, 10);
    ASSERT_TRUE(buffers.append(rope, second));
    EXPECT_EQ(bytes_from(cursor, 1)[0], pattern(1, 10));
    buffers.drop_front(rope, 10, {&cursor, 1});
    EXPECT_EQ(bytes_from(cursor, 1)[0], pattern(1, 10));
    buffers.drop_front(rope, 3);
    EXPECT_EQ(bytes_from(Cursor{}, 1)[0], pattern(1, 13));
}

TEST_F(BuffersTest, D1_small_copies_share_a_chunk) {
    const std::vector<std::byte> bytes(100);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(buffers.append_copy(rope, bytes, charge), 100U);
    }
    EXPECT_EQ(buffers.chunks().in_use(), 1U);
    EXPECT_EQ(buffers.nodes().in_use(), 1U);
    EXPECT_EQ(charge, 2048U);
    EXPECT_EQ(buffers.append_copy(rope, bytes, charge), 100U);
    EXPECT_EQ(buffers.chunks().in_use(), 2U);
    EXPECT_EQ(charge, 4096U);
}

TEST_F(BuffersTest, D1_a_chunk_in_two_ropes_grows_in_one) {
    const std::vector<std::byte> first(10, std::byte{1});
    const std::vector<std::byte> second(10, std::byte{2});
    ASSERT_EQ(buffers.append_copy(rope, first, charge), 10U);
    Rope other;
    const Slice shared = buffers.front(rope);
    buffers.retain_chunk(shared);
    ASSERT_TRUE(buffers.append(other, shared));
    ASSERT_EQ(buffers.append_copy(rope, second, charge), 10U);
    ASSERT_EQ(buffers.append_copy(other, second, charge), 10U);
    EXPECT_EQ(buffers.chunks().in_use(), 2U);
    EXPECT_EQ(bytes_from(Cursor{}, 20)[10], std::byte{2});
    buffers.clear(rope);
    EXPECT_EQ(buffers.chunks().in_use(), 2U);
    EXPECT_EQ(buffers.front(other).data[0], std::byte{1});
    buffers.clear(other);
    EXPECT_EQ(buffers.chunks().in_use(), 0U);
}

TEST_F(BuffersTest, D1_owners_are_told_once) {
    const Slice packet = packets.make(1, 0, 10);
    packets.retain(packet, 1);
    ASSERT_TRUE(buffers.append(rope, packet.first(5)));
    ASSERT_TRUE(buffers.append(rope, packet.without_first(5)));
    buffers.drop_front(rope, 4);
    EXPECT_FALSE(buffers.has_released());
    buffers.drop_front(rope, 1);
    EXPECT_TRUE(buffers.has_released());
    packets.collect(buffers);
    EXPECT_EQ(packets.references(), 1U);
}

// D2.memory
TEST_F(BuffersTest, E6_packets_held_are_limited_and_come_back) {
    Buffers few{Buffers::Limits{.nodes = 16, .chunks = 2, .packets = 2}};
    Rope held;
    ASSERT_TRUE(few.append(held, packets.make(1, 0, 10)));
    EXPECT_FALSE(few.packets_are_scarce());
    ASSERT_TRUE(few.append(held, packets.make(1, 10, 10)));
    EXPECT_TRUE(few.packets_are_scarce());
    const Slice third = packets.make(1, 20, 10);
    EXPECT_FALSE(few.append(held, third));
    EXPECT_EQ(few.append_copy(held, third.bytes(), charge), 10U) << "others are not concerned";
    few.drop_front(held, 10);
    EXPECT_TRUE(few.append(held, third));
    few.clear(held);
    EXPECT_EQ(few.packets_held(), 0U);
    packets.collect(few);
}

} // namespace
} // namespace millrace::tcp
