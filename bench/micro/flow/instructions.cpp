#include "base/siphash.hpp"
#include "flow/hash.hpp"
#include "flow/table.hpp"
#include "flow/toeplitz.hpp"

#include <array>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

// How many instructions the operations cost, which time on a shared machine does not say:
//
//   valgrind --tool=callgrind --callgrind-out-file=OUT --toggle-collect='measured_*' PROGRAM
//   callgrind_annotate --inclusive=yes OUT | grep measured_
//
// Each measured_* function does its operation 1,000 times on different entries, inlined, in a loop
// of three or four instructions; measured_nothing() is that loop alone. 1,000 others stand by.

using namespace millrace;
using namespace millrace::flow;

namespace {

constexpr std::uint32_t rounds = 1'000;

struct alignas(64) Entry {
    FourTuple4 key;
};

template <class Value>
void keep(const Value& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

std::vector<Entry> make_entries() {
    std::vector<Entry> entries(2 * rounds);
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
        entries[i].key = {{198, 18, 0, 1},
                          wire::Ipv4Addr::from_value(0xc6130000 + i / 7),
                          443,
                          static_cast<std::uint16_t>(32'768 + i % 7 * 1'000 + i)};
    }
    return entries;
}

std::vector<Entry> entries = make_entries();
std::vector<FourTuple6> tuples6(rounds);
std::array<std::uint64_t, rounds> hashes;
constexpr std::size_t burst_size = 32;
std::array<std::uint32_t, burst_size> found;
std::array<FourTuple4, burst_size> burst;
const HashKey key{SipKey{1, 2}};
const Toeplitz rss{std::array<std::uint8_t, 40>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
Table<FourTuple4> table{4 * rounds, key, *std::pmr::new_delete_resource()};

} // namespace

#define MEASURED(name, ...)                                                                        \
    extern "C" [[gnu::noinline]] void measured_##name();                                           \
    extern "C" void measured_##name() {                                                            \
        for (std::uint32_t i = 0; i < rounds; ++i) {                                               \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    }

MEASURED(nothing, keep(i))
MEASURED(hash_ipv4, keep(hash(key, entries[i].key)))
MEASURED(hash_ipv6, keep(hash(key, tuples6[i])))
MEASURED(toeplitz_ipv4, keep(rss.hash(entries[i].key)))
MEASURED(toeplitz_ipv6, keep(rss.hash(tuples6[i])))
MEASURED(siphash_ipv4, keep(siphash(SipKey{1, 2}, std::as_bytes(std::span{&entries[i].key, 1}))))
MEASURED(siphash_ipv6, keep(siphash(SipKey{1, 2}, std::as_bytes(std::span{&tuples6[i], 1}))))
MEASURED(table_insert, keep(table.insert(hashes[i], i)))
MEASURED(table_find_hit, keep(table.find(hashes[i], [&](std::uint32_t index) {
             return entries[index].key == entries[i].key;
         })))
MEASURED(table_find_miss, keep(table.find(~hashes[i], [&](std::uint32_t index) {
             return entries[index].key == entries[i].key;
         })))
MEASURED(table_hash_and_find_32_in_a_burst, {
    std::array<std::uint64_t, burst_size> burst_hashes;
    table.hash_all(burst, burst_hashes);
    table.find_all(
        burst_hashes, found, [](std::uint32_t index) { __builtin_prefetch(&entries[index]); },
        [](std::size_t at, std::uint32_t index) { return entries[index].key == burst[at]; });
    keep(found);
})
MEASURED(table_replace, keep(table.replace(hashes[i], i, i)))
MEASURED(table_erase, keep(table.erase(hashes[i], i)))
int main() {
    for (std::uint32_t i = 0; i < rounds; ++i) {
        hashes[i] = hash(key, entries[i].key);
        tuples6[i].remote_port = static_cast<std::uint16_t>(i);
        static_cast<void>(table.insert(hash(key, entries[rounds + i].key), rounds + i));
    }
    for (std::uint32_t i = 0; i < burst.size(); ++i) {
        burst[i] = entries[i * 31].key;
    }
    measured_nothing();
    measured_hash_ipv4();
    measured_hash_ipv6();
    measured_toeplitz_ipv4();
    measured_toeplitz_ipv6();
    measured_siphash_ipv4();
    measured_siphash_ipv6();
    measured_table_insert();
    measured_table_find_hit();
    measured_table_find_miss();
    measured_table_hash_and_find_32_in_a_burst();
    measured_table_replace();
    measured_table_erase();
}
