#include "flow/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <random>
#include <unordered_map>
#include <vector>

namespace millrace::flow {
namespace {

using Table4 = Table<FourTuple4>;
constexpr std::uint32_t none = Table4::none;

const HashKey& test_key() {
    static const HashKey key{SipKey{0x452821e638d01377, 0xbe5466cf34e90c6c}};
    return key;
}

FourTuple4 client(std::uint32_t number) {
    return {{198, 18, 0, 1},
            wire::Ipv4Addr::from_value(0xc6130000 + (number >> 15)),
            80,
            static_cast<std::uint16_t>(1024 + (number & 0x7fff))};
}

/// Entries whose hashes the test chooses; the key of entry i is i.
struct Chosen {
    explicit Chosen(std::uint32_t capacity) : table{capacity, test_key(), memory} {}

    bool insert(std::uint32_t index, std::uint64_t hash) {
        if (!table.insert(hash, index)) {
            return false;
        }
        hashes[index] = hash;
        return true;
    }
    bool erase(std::uint32_t index) {
        const auto entry = hashes.find(index);
        const bool erased = table.erase(entry->second, index);
        hashes.erase(entry);
        return erased;
    }
    std::uint32_t find(std::uint32_t index, std::uint64_t hash) {
        return table.find(hash, [&](std::uint32_t other) {
            ++asked;
            return other == index;
        });
    }
    auto statistics() {
        return table.statistics([&](std::uint32_t index) { return hashes.at(index); });
    }
    std::vector<std::uint32_t> walk() {
        std::vector<std::uint32_t> met;
        table.for_each([&](std::uint32_t index) { met.push_back(index); });
        return met;
    }

    std::pmr::monotonic_buffer_resource memory;
    Table4 table;
    std::unordered_map<std::uint32_t, std::uint64_t> hashes;
    std::uint64_t asked = 0;
};

TEST(Table, FindsWhatWasInsertedUntilItIsErased) {
    Chosen chosen{10};
    EXPECT_EQ(chosen.find(7, 42), none);
    ASSERT_TRUE(chosen.insert(7, 42));
    EXPECT_EQ(chosen.find(7, 42), 7u);
    EXPECT_EQ(chosen.find(8, 42), none);
    EXPECT_EQ(chosen.table.size(), 1u);
    EXPECT_TRUE(chosen.table.erase(42, 7));
    EXPECT_FALSE(chosen.table.erase(42, 7));
    EXPECT_EQ(chosen.find(7, 42), none);
    EXPECT_EQ(chosen.table.size(), 0u);
}

TEST(Table, AcceptsAHashOfZeros) {
    Chosen chosen{10};
    ASSERT_TRUE(chosen.insert(0, 0));
    EXPECT_EQ(chosen.find(0, 0), 0u);
    EXPECT_EQ(chosen.walk(), std::vector<std::uint32_t>{0});
}

TEST(Table, CostsNineBytesAnEntry) {
    for (const std::uint32_t capacity : {1'000u, 1'000'000u}) {
        std::pmr::monotonic_buffer_resource memory;
        const Table4 table{capacity, test_key(), memory};
        EXPECT_LT(static_cast<double>(table.bytes()) / capacity, 9.0);
    }
}

TEST(Table, GivesItsMemoryBack) {
    class Counting : public std::pmr::memory_resource {
      public:
        std::size_t held = 0;

      private:
        void* do_allocate(std::size_t bytes, std::size_t alignment) override {
            EXPECT_GE(alignment, 64u);
            held += bytes;
            return std::pmr::new_delete_resource()->allocate(bytes, alignment);
        }
        void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
            held -= bytes;
            std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
        }
        bool do_is_equal(const memory_resource& other) const noexcept override {
            return this == &other;
        }
    } memory;
    {
        Table4 table{1000, test_key(), memory};
        EXPECT_EQ(memory.held, table.bytes());
        ASSERT_TRUE(table.insert(1, 1));
    }
    EXPECT_EQ(memory.held, 0u);
}

/// Whatever the hashes: random, equal, and all at the end, so that the last bucket runs over into
/// the first.
TEST(Table, TakesExactlyItsCapacity) {
    std::mt19937_64 random{1};
    for (const std::uint32_t capacity : {1u, 7u, 12u, 13u, 500u, 3'000u}) {
        for (int kind = 0; kind < 3; ++kind) {
            Chosen chosen{capacity};
            const auto next_hash = [&] {
                return kind == 0 ? random() : kind == 1 ? 0x1234567812345678 : UINT64_MAX;
            };
            for (std::uint32_t i = 0; i < capacity; ++i) {
                ASSERT_TRUE(chosen.insert(i, next_hash())) << i << " of " << capacity;
            }
            EXPECT_FALSE(chosen.table.insert(next_hash(), capacity));
            EXPECT_EQ(chosen.table.size(), capacity);
            for (const auto& [index, hash] : chosen.hashes) {
                ASSERT_EQ(chosen.find(index, hash), index);
            }
            auto met = chosen.walk();
            std::ranges::sort(met);
            EXPECT_EQ(met.size(), capacity);
            EXPECT_EQ(std::ranges::adjacent_find(met), met.end());
            while (!chosen.hashes.empty()) {
                ASSERT_TRUE(chosen.erase(chosen.hashes.begin()->first));
            }
            EXPECT_EQ(chosen.statistics().leaky, 0u);
        }
    }
}

TEST(Table, ReplacesInPlace) {
    Chosen chosen{500};
    std::mt19937_64 random{2};
    std::vector<std::uint64_t> hashes;
    for (std::uint32_t i = 0; i < 500; ++i) {
        hashes.push_back(random() % 8 << 61); // Eight homes, so that most overflow.
        ASSERT_TRUE(chosen.insert(i, hashes[i]));
    }
    auto before = chosen.walk();
    for (std::uint32_t i = 0; i < 500; ++i) {
        EXPECT_FALSE(chosen.table.replace(hashes[i], 5'000 + i, 1));
        ASSERT_TRUE(chosen.table.replace(hashes[i], i, 1'000 + i));
        EXPECT_FALSE(chosen.table.replace(hashes[i], i, 1'000 + i));
        EXPECT_EQ(chosen.find(i, hashes[i]), none);
        EXPECT_EQ(chosen.find(1'000 + i, hashes[i]), 1'000 + i);
    }
    for (std::uint32_t& index : before) {
        index += 1'000;
    }
    EXPECT_EQ(chosen.walk(), before) << "every entry still stands where it stood";
    EXPECT_EQ(chosen.table.size(), 500u);
}

TEST(Table, EntriesStayWhereTheyAreWhenRoomAppearsAtHome) {
    Chosen chosen{100};
    for (std::uint32_t i = 0; i < 20; ++i) {
        ASSERT_TRUE(chosen.insert(i, 1));
    }
    for (std::uint32_t i = 0; i < 12; ++i) {
        ASSERT_TRUE(chosen.erase(i));
    }
    const auto before = chosen.walk();
    for (std::uint32_t i = 12; i < 20; ++i) {
        EXPECT_EQ(chosen.find(i, 1), i) << "across an empty home bucket";
    }
    ASSERT_TRUE(chosen.insert(50, 1));
    ASSERT_TRUE(chosen.erase(50));
    EXPECT_EQ(chosen.walk(), before);
}

TEST(Table, ErasingEndsTheSearchesThatTheEntryProlonged) {
    Chosen chosen{1'000};
    for (std::uint32_t i = 0; i < 200; ++i) {
        ASSERT_TRUE(chosen.insert(i, 3));
    }
    EXPECT_EQ(chosen.statistics().furthest, 16u);
    EXPECT_EQ(chosen.statistics().leaky, 16u);
    for (std::uint32_t i = 12; i < 200; ++i) {
        ASSERT_TRUE(chosen.erase(i));
    }
    EXPECT_EQ(chosen.statistics().leaky, 0u);
    EXPECT_EQ(chosen.statistics().away, 0u);
}

/// Every bucket has been full once and has one entry that went on to the next, so no bucket says
/// stop; a search still ends, and soon.
TEST(Table, ASearchEndsEvenWhenNoBucketSaysStop) {
    constexpr std::uint32_t capacity = 720;
    constexpr std::uint64_t buckets = 101;
    Chosen chosen{capacity};
    ASSERT_EQ(chosen.table.bytes(), buckets * 64);
    std::uint32_t next = 0;
    for (std::uint64_t home = 0; home < buckets; ++home) {
        const std::uint64_t hash = (((home << 32) + buckets - 1) / buckets << 32) + 1;
        std::vector<std::uint32_t> mine;
        while (chosen.statistics().leaky <= home) {
            mine.push_back(next);
            ASSERT_TRUE(chosen.insert(next++, hash));
        }
        mine.pop_back();
        for (const std::uint32_t index : mine) {
            ASSERT_TRUE(chosen.erase(index));
        }
    }
    ASSERT_EQ(chosen.statistics().leaky, buckets);
    EXPECT_EQ(chosen.find(UINT32_MAX - 1, 1), none);
    EXPECT_LE(chosen.asked, 24u);
}

/// Random operations beside std::unordered_map, at loads from empty to full. With few distinct
/// homes the table is one long chain.
void compare_with_map(std::uint64_t seed, std::uint32_t capacity, std::uint64_t homes) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " capacity " << capacity);
    std::mt19937_64 random{seed};
    Chosen chosen{capacity};
    std::vector<std::uint32_t> present;
    std::uint32_t next = 0;
    for (int step = 0; step < 60'000; ++step) {
        // Every few thousand steps the tide turns.
        const bool filling = step / 4'000 % 2 == 0;
        if (random() % 8 < (filling ? 6u : 2u)) {
            const std::uint64_t hash = random() % homes * (UINT64_MAX / homes);
            const bool inserted = chosen.insert(next, hash);
            ASSERT_EQ(inserted, present.size() < capacity);
            if (inserted) {
                present.push_back(next++);
            }
        } else if (!present.empty()) {
            std::swap(present[random() % present.size()], present.back());
            if (random() % 4 == 0) {
                const std::uint64_t hash = chosen.hashes.at(present.back());
                ASSERT_TRUE(chosen.table.replace(hash, present.back(), next));
                chosen.hashes.erase(present.back());
                chosen.hashes[next] = hash;
                present.back() = next++;
            } else {
                const std::uint32_t index = present.back();
                const std::uint64_t hash = chosen.hashes.at(index);
                present.pop_back();
                ASSERT_TRUE(chosen.erase(index));
                ASSERT_EQ(chosen.find(index, hash), none);
            }
        }
        if (!present.empty()) {
            const std::uint32_t some = present[random() % present.size()];
            ASSERT_EQ(chosen.find(some, chosen.hashes.at(some)), some);
        }
        ASSERT_EQ(chosen.table.size(), present.size());
    }
    auto met = chosen.walk();
    std::ranges::sort(met);
    std::ranges::sort(present);
    EXPECT_EQ(met, present);
    for (const std::uint32_t index : present) {
        ASSERT_TRUE(chosen.erase(index));
    }
    EXPECT_EQ(chosen.statistics().leaky, 0u);
}

TEST(Table, AgreesWithAMap) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        compare_with_map(seed, 2'000, UINT64_MAX);
        compare_with_map(seed, 100, UINT64_MAX);
        compare_with_map(seed, 300, 5);
        compare_with_map(seed, 12, 1);
    }
}

/// Full tables under millions of arrivals and departures: entries do not drift from home, and
/// searches that find nothing do not grow longer.
TEST(Table, DoesNotDegradeUnderChurn) {
    constexpr std::uint32_t capacity = 50'000;
    std::pmr::monotonic_buffer_resource memory;
    Table4 table{capacity, test_key(), memory};
    std::mt19937_64 random{3};
    std::vector<std::uint64_t> hashes(capacity);
    for (std::uint32_t i = 0; i < capacity; ++i) {
        hashes[i] = random();
        ASSERT_TRUE(table.insert(hashes[i], i));
    }
    const auto of = [&](std::uint32_t index) { return hashes[index]; };
    const double buckets = static_cast<double>(table.bytes()) / 64;
    for (int round = 0; round < 10; ++round) {
        const auto statistics = table.statistics(of);
        EXPECT_LT(static_cast<double>(statistics.distance) / capacity, 0.06) << round;
        EXPECT_LT(static_cast<double>(statistics.leaky) / buckets, 0.22) << round;
        EXPECT_LE(statistics.furthest, 9u) << round;
        for (int i = 0; i < 500'000; ++i) {
            const auto index = static_cast<std::uint32_t>(random() % capacity);
            ASSERT_TRUE(table.erase(hashes[index], index));
            hashes[index] = random();
            ASSERT_TRUE(table.insert(hashes[index], index));
        }
    }
}

TEST(Table, AsksAboutFewWrongEntries) {
    constexpr std::uint32_t capacity = 20'000;
    std::pmr::monotonic_buffer_resource memory;
    Table4 table{capacity, test_key(), memory};
    for (std::uint32_t i = 0; i < capacity; ++i) {
        ASSERT_TRUE(table.insert(table.hash(client(i)), i));
    }
    std::uint32_t asked = 0;
    for (std::uint32_t i = 0; i < capacity; ++i) {
        const std::uint64_t hash = table.hash(client(i));
        EXPECT_EQ(table.find(hash, [&](std::uint32_t index) { return ++asked, index == i; }), i);
    }
    EXPECT_LT(asked, capacity * 104 / 100);
}

TEST(Table, FindsABurstAtOnce) {
    constexpr std::uint32_t capacity = 1'000;
    std::pmr::monotonic_buffer_resource memory;
    Table4 table{capacity, test_key(), memory};
    std::mt19937_64 random{4};
    for (std::uint32_t i = 0; i < capacity; ++i) {
        ASSERT_TRUE(table.insert(table.hash(client(i)), i));
    }
    for (int round = 0; round < 2'000; ++round) {
        std::vector<FourTuple4> keys(random() % (Table4::burst_most + 1));
        for (FourTuple4& key : keys) {
            key = client(static_cast<std::uint32_t>(random() % (2 * capacity)));
        }
        std::array<std::uint64_t, Table4::burst_most> hashes;
        std::array<std::uint32_t, Table4::burst_most> found;
        std::map<std::uint32_t, int> brought;
        table.hash_all(keys, hashes);
        table.find_all(
            std::span{hashes}.first(keys.size()), found,
            [&](std::uint32_t index) { ++brought[index]; },
            [&](std::size_t i, std::uint32_t index) { return client(index) == keys[i]; });
        for (std::size_t i = 0; i < keys.size(); ++i) {
            ASSERT_EQ(hashes[i], table.hash(keys[i]));
            const auto expected = table.find(
                hashes[i], [&](std::uint32_t index) { return client(index) == keys[i]; });
            ASSERT_EQ(found[i], expected);
        }
    }
}

/// A burst in which every key has the same hash: the first candidate is the wrong one for most.
TEST(Table, FindsABurstOfEqualHashes) {
    Chosen chosen{100};
    std::array<std::uint64_t, Table4::burst_most> hashes;
    hashes.fill(77);
    for (std::uint32_t i = 0; i < hashes.size(); ++i) {
        ASSERT_TRUE(chosen.insert(i, 77));
    }
    std::array<std::uint32_t, Table4::burst_most> found;
    chosen.table.find_all(
        hashes, found, [](std::uint32_t) {},
        [](std::size_t i, std::uint32_t index) { return i == index; });
    for (std::uint32_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i], i);
    }
}

} // namespace
} // namespace millrace::flow
