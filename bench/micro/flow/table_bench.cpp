#include "table_harness.hpp"

#include "flow/table.hpp"

#include <memory_resource>

namespace millrace::flow::bench {
namespace {

class Ours {
  public:
    Ours(std::uint32_t capacity, std::span<const Entry> entries)
        : entries_{entries}, table_{capacity, HashKey{SipKey{1, 2}},
                                    *std::pmr::new_delete_resource()} {}

    void insert(std::uint32_t i) {
        benchmark::DoNotOptimize(table_.insert(table_.hash(entries_[i].key), i));
    }
    void erase(std::uint32_t i) { table_.erase(table_.hash(entries_[i].key), i); }

    std::uint32_t find(const FourTuple4& key) const {
        return table_.find(table_.hash(key),
                           [&](std::uint32_t index) { return entries_[index].key == key; });
    }

    void find_burst(std::span<const FourTuple4> keys, std::span<std::uint32_t> found) const {
        std::array<std::uint64_t, burst> hashes;
        table_.hash_all(keys, hashes);
        table_.find_all(
            hashes, found, [&](std::uint32_t index) { __builtin_prefetch(&entries_[index]); },
            [&](std::size_t i, std::uint32_t index) { return entries_[index].key == keys[i]; });
    }

  private:
    std::span<const Entry> entries_;
    Table<FourTuple4> table_;
};

[[maybe_unused]] const int registered = register_all<Ours>("table");

} // namespace
} // namespace millrace::flow::bench

BENCHMARK_MAIN();
