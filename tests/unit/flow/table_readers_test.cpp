#include "flow/published.hpp"
#include "flow/table.hpp"

#include "base/pool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <random>
#include <thread>
#include <utility>
#include <vector>

// One thread lives a worker's life on a table, others walk it meanwhile. Run it under the thread
// sanitizer too (-Db_sanitize=thread): what it has to say about the memory order, x86 will not.

namespace millrace::flow {
namespace {

/// What an entry shows. `check` is a function of the rest, so a torn copy gives itself away.
struct Shown {
    std::uint32_t who;
    std::uint32_t version;
    std::uint32_t state;
    std::uint32_t unused[8];
    std::uint32_t check;

    static Shown of(std::uint32_t who, std::uint32_t version, std::uint32_t state) {
        Shown shown{who, version, state, {}, 0};
        for (std::uint32_t& word : shown.unused) {
            word = version * 2'654'435'761U;
        }
        shown.check = shown.expected_check();
        return shown;
    }
    [[nodiscard]] std::uint32_t expected_check() const {
        std::uint32_t sum = who ^ version * 31 ^ state * 1'009;
        for (const std::uint32_t word : unused) {
            sum = sum * 16'777'619 ^ word;
        }
        return sum;
    }
};

struct Entry {
    std::uint64_t hash = 0;
    Published<Shown> shown;
};

/// A worker with residents, who stay from beginning to end, and guests, who come and go in a small
/// pool, so that their slots are used again at once.
class Worker {
  public:
    static constexpr std::uint32_t residents = 400;
    static constexpr std::uint32_t guests_most = 300;
    static constexpr std::uint32_t capacity = residents + guests_most;
    static constexpr std::uint32_t first_guest = 1'000'000;

    Worker() {
        for (std::uint32_t who = 0; who < residents; ++who) {
            resident_slots_.push_back(enter(who));
        }
    }

    void step() {
        const auto choice = random_() % 16;
        if (choice < 4) {
            if (guest_slots_.size() < guests_most) {
                guest_slots_.push_back(enter(first_guest + ++guests_));
            }
        } else if (choice < 8) {
            if (!guest_slots_.empty()) {
                std::swap(guest_slots_[random_() % guest_slots_.size()], guest_slots_.back());
                leave(guest_slots_.back());
                guest_slots_.pop_back();
            }
        } else if (choice < 14) {
            show_again(resident_slots_[random_() % residents]);
        } else {
            move_house(resident_slots_[random_() % residents]);
        }
    }

    const Table<FourTuple4>& table() const { return table_; }
    const Entry& entry(std::uint32_t slot) const { return pool_[slot]; }

  private:
    std::uint32_t enter(std::uint32_t who) {
        const std::uint32_t slot = pool_.allocate();
        // Few homes: entries overflow into other buckets and come back.
        pool_[slot].hash = random_() % 16 << 60 | (random_() & 0xff);
        pool_[slot].shown.publish(Shown::of(who, 1, 0));
        EXPECT_TRUE(table_.insert(pool_[slot].hash, slot));
        return slot;
    }

    void leave(std::uint32_t slot) {
        EXPECT_TRUE(table_.erase(pool_[slot].hash, slot));
        pool_.release(slot);
    }

    void show_again(std::uint32_t slot) {
        const Shown last = pool_[slot].shown.value();
        pool_[slot].shown.publish(Shown::of(last.who, last.version + 1, last.state));
    }

    /// As a half-open entry becomes a connection: another slot of the pool, the same place in the
    /// table.
    void move_house(std::uint32_t& slot) {
        const std::uint32_t next = pool_.allocate();
        if (next == pool_.none) {
            return;
        }
        const Shown last = pool_[slot].shown.value();
        pool_[next].hash = pool_[slot].hash;
        pool_[next].shown.publish(Shown::of(last.who, last.version + 1, last.state + 1));
        EXPECT_TRUE(table_.replace(pool_[slot].hash, slot, next));
        pool_.release(slot);
        slot = next;
    }

    std::mt19937_64 random_{1};
    std::pmr::monotonic_buffer_resource memory_;
    Pool<Entry> pool_{capacity + 1};
    Table<FourTuple4> table_{capacity, HashKey{SipKey{1, 2}}, memory_};
    std::vector<std::uint32_t> resident_slots_;
    std::vector<std::uint32_t> guest_slots_;
    std::uint32_t guests_ = 0;
};

/// What one reader saw that it should not have seen, over all its walks.
struct Complaints {
    std::uint64_t torn = 0;
    std::uint64_t absent = 0;
    std::uint64_t doubled = 0;
    std::uint64_t backwards = 0;
    std::uint64_t strangers = 0;
    std::uint64_t changes = 0; ///< No complaint: how often a resident had changed between walks.
};

Complaints walk_many_times(const Worker& worker, int walks) {
    Complaints complaints;
    std::array<std::uint32_t, Worker::residents> last_version{};
    // On a machine that lets the worker wait, walks are repeated until it has done something.
    const auto has_seen_little = [&] { return complaints.changes <= Worker::residents; };
    for (int walk = 0; walk < walks || (has_seen_little() && walk < 1'000 * walks); ++walk) {
        std::array<int, Worker::residents> met{};
        worker.table().copy_each(
            [&](std::uint32_t slot) { return worker.entry(slot).shown.try_copy(); },
            [&](std::uint32_t, const Shown& shown) {
                complaints.torn += shown.check != shown.expected_check();
                if (shown.who < Worker::residents) {
                    ++met[shown.who];
                    complaints.backwards += shown.version < last_version[shown.who];
                    complaints.changes += shown.version > last_version[shown.who];
                    last_version[shown.who] = shown.version;
                } else {
                    complaints.strangers += shown.who < Worker::first_guest;
                }
            });
        for (const int times : met) {
            complaints.absent += times == 0;
            complaints.doubled += times > 1;
        }
    }
    return complaints;
}

TEST(TableReaders, MeetEveryResidentExactlyOnceAndWhole) {
    constexpr int readers = 2;
    constexpr int walks = 1'500;
    Worker worker;
    std::atomic<int> walking{readers};
    std::array<Complaints, readers> complaints;
    std::vector<std::thread> threads;
    for (Complaints& mine : complaints) {
        threads.emplace_back([&] {
            mine = walk_many_times(worker, walks);
            walking.fetch_sub(1);
        });
    }
    while (walking.load(std::memory_order_relaxed) > 0) {
        worker.step();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const Complaints& mine : complaints) {
        EXPECT_EQ(mine.torn, 0u);
        EXPECT_EQ(mine.absent, 0u);
        EXPECT_EQ(mine.doubled, 0u);
        EXPECT_EQ(mine.backwards, 0u);
        EXPECT_EQ(mine.strangers, 0u);
        EXPECT_GT(mine.changes, std::uint64_t{Worker::residents});
    }
}

/// The worst moment, played in one thread: between reading the slot and copying the entry, the
/// connection moves to another entry and a stranger moves into the old one.
TEST(TableReaders, AreNotFooledByALaterOwnerOfTheMemory) {
    std::pmr::monotonic_buffer_resource memory;
    Table<FourTuple4> table{10, HashKey{SipKey{1, 2}}, memory};
    std::array<Published<Shown>, 2> entries;
    entries[0].publish(Shown::of(7, 1, 0));
    ASSERT_TRUE(table.insert(1, 0));
    std::vector<std::uint32_t> met;
    bool moved = false;
    table.copy_each(
        [&](std::uint32_t index) {
            if (!std::exchange(moved, true)) {
                entries[1].publish(Shown::of(7, 2, 1));
                EXPECT_TRUE(table.replace(1, 0, 1));
                entries[0].publish(Shown::of(8, 1, 0));
            }
            return entries[index].try_copy();
        },
        [&](std::uint32_t, const Shown& shown) { met.push_back(shown.who); });
    EXPECT_EQ(met, std::vector<std::uint32_t>{7});
    met.clear();
    bool left = false;
    table.copy_each(
        [&](std::uint32_t index) {
            if (!std::exchange(left, true)) {
                EXPECT_TRUE(table.erase(1, 1));
            }
            return entries[index].try_copy();
        },
        [&](std::uint32_t, const Shown& shown) { met.push_back(shown.who); });
    EXPECT_TRUE(met.empty());
}

/// Who finds an index sees all that was written to its entry before it was inserted, ordinary
/// fields included. (On x86 only the thread sanitizer can tell.)
TEST(TableReaders, SeeWhatWasWrittenBeforeTheInsertion) {
    constexpr std::uint32_t count = 20'000;
    std::pmr::monotonic_buffer_resource memory;
    Table<FourTuple4> table{count, HashKey{SipKey{1, 2}}, memory};
    std::vector<std::uint32_t> written(2 * count);
    const auto hash_of = [](std::uint32_t who) { return std::uint64_t{who} * 0x9e3779b97f4a7c15; };
    std::uint64_t unseen = 0;
    std::thread reader{[&] {
        for (std::uint32_t met = 0; met < count;) {
            met = 0;
            table.for_each([&](std::uint32_t index) {
                unseen += written[index] != index + 1;
                met += index >= count;
            });
        }
    }};
    for (std::uint32_t who = 0; who < count; ++who) {
        written[who] = who + 1;
        ASSERT_TRUE(table.insert(hash_of(who), who));
    }
    for (std::uint32_t who = 0; who < count; ++who) {
        written[count + who] = count + who + 1;
        ASSERT_TRUE(table.replace(hash_of(who), who, count + who));
    }
    reader.join();
    EXPECT_EQ(unseen, 0u);
}

/// The plain walk promises as much of the slots: replaced or not, an entry is met once.
TEST(TableReaders, WalkMeetsEverySlotInUse) {
    constexpr std::uint32_t residents = 500;
    std::pmr::monotonic_buffer_resource memory;
    Table<FourTuple4> table{1'000, HashKey{SipKey{1, 2}}, memory};
    const auto hash_of = [](std::uint32_t who) { return std::uint64_t{who} * 0x9e3779b97f4a7c15; };
    for (std::uint32_t who = 0; who < residents; ++who) {
        ASSERT_TRUE(table.insert(hash_of(who), who));
    }
    // The index of an entry is its number or that and a million, and changes all the time.
    std::atomic<bool> walking{true};
    std::uint64_t wrong = 0;
    std::thread reader{[&] {
        for (int walk = 0; walk < 1'000; ++walk) {
            std::array<int, residents> met{};
            table.for_each([&](std::uint32_t index) { ++met.at(index % 1'000'000); });
            for (const int times : met) {
                wrong += times != 1;
            }
        }
        walking.store(false);
    }};
    std::mt19937 random{5};
    std::vector<std::uint32_t> index(residents);
    for (std::uint32_t who = 0; who < residents; ++who) {
        index[who] = who;
    }
    while (walking.load()) {
        const auto who = static_cast<std::uint32_t>(random() % residents);
        const std::uint32_t next = index[who] == who ? who + 1'000'000 : who;
        ASSERT_TRUE(table.replace(hash_of(who), index[who], next));
        index[who] = next;
    }
    reader.join();
    EXPECT_EQ(wrong, 0u);
}

} // namespace
} // namespace millrace::flow
