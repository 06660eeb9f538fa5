#include "base/siphash.hpp"
#include "flow/hash.hpp"
#include "flow/table.hpp"
#include "flow/toeplitz.hpp"

#include "../instructions.hpp"

#include <array>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

// Hashes, and the table's operations, each on another entry; 1,000 others stand in it.
// bench/instructions runs it.

using namespace millrace;
using namespace millrace::bench;
using namespace millrace::flow;

namespace {

struct alignas(64) Entry {
    FourTuple4 key;
};

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

void prepare() {
    for (std::uint32_t i = 0; i < rounds; ++i) {
        hashes[i] = hash(key, entries[i].key);
        tuples6[i].remote_port = static_cast<std::uint16_t>(i);
        static_cast<void>(table.insert(hash(key, entries[rounds + i].key), rounds + i));
    }
    for (std::uint32_t i = 0; i < burst.size(); ++i) {
        burst[i] = entries[i * 31].key;
    }
}

void count_hashes() {
    count("keyed hash, IPv4", [](std::uint32_t i) { keep(hash(key, entries[i].key)); });
    count("keyed hash, IPv6", [](std::uint32_t i) { keep(hash(key, tuples6[i])); });
    count("Toeplitz, IPv4", [](std::uint32_t i) { keep(rss.hash(entries[i].key)); });
    count("Toeplitz, IPv6", [](std::uint32_t i) { keep(rss.hash(tuples6[i])); });
    count("SipHash-2-4, IPv4", [](std::uint32_t i) {
        keep(siphash(SipKey{1, 2}, std::as_bytes(std::span{&entries[i].key, 1})));
    });
    count("SipHash-2-4, IPv6", [](std::uint32_t i) {
        keep(siphash(SipKey{1, 2}, std::as_bytes(std::span{&tuples6[i], 1})));
    });
}

void count_table() {
    count("insert", [](std::uint32_t i) { keep(table.insert(hashes[i], i)); });
    const auto is_entry = [](std::uint32_t i) {
        return [i](std::uint32_t index) { return entries[index].key == entries[i].key; };
    };
    count("find", [&](std::uint32_t i) { keep(table.find(hashes[i], is_entry(i))); });
    count("find what is not there",
          [&](std::uint32_t i) { keep(table.find(~hashes[i], is_entry(i))); });
    count("hash and find a burst of 32", [](std::uint32_t) {
        std::array<std::uint64_t, burst_size> burst_hashes;
        table.hash_all(burst, burst_hashes);
        table.find_all(
            burst_hashes, found, [](std::uint32_t index) { __builtin_prefetch(&entries[index]); },
            [](std::size_t at, std::uint32_t index) { return entries[index].key == burst[at]; });
        keep(found);
    });
    count("replace", [](std::uint32_t i) { keep(table.replace(hashes[i], i, i)); });
    count("erase", [](std::uint32_t i) { keep(table.erase(hashes[i], i)); });
}

} // namespace

int main() {
    prepare();
    begin_instrumentation();
    count("nothing", [](std::uint32_t i) { keep(i); });
    count_hashes();
    count_table();
}
