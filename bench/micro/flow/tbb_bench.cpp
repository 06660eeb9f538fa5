#include "table_harness.hpp"

#include "flow/hash.hpp"

#include <oneapi/tbb/concurrent_hash_map.h>

// oneTBB's concurrent_hash_map with our hash. It locks what it finds and allocates what it inserts;
// it has no bulk look-up.

namespace millrace::flow::bench {
namespace {

struct HashCompare {
    static std::size_t hash(const FourTuple4& key) {
        static const HashKey secret{SipKey{1, 2}};
        return flow::hash(secret, key);
    }
    static bool equal(const FourTuple4& a, const FourTuple4& b) { return a == b; }
};

class Tbb {
  public:
    Tbb(std::uint32_t capacity, std::span<const Entry> entries)
        : entries_{entries}, map_{capacity} {}

    void insert(std::uint32_t i) { map_.insert({entries_[i].key, i}); }
    void erase(std::uint32_t i) { map_.erase(entries_[i].key); }

    std::uint32_t find(const FourTuple4& key) const {
        Map::const_accessor accessor;
        return map_.find(accessor, key) ? accessor->second : not_found;
    }
    void find_burst(std::span<const FourTuple4> keys, std::span<std::uint32_t> found) const {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            found[i] = find(keys[i]);
        }
    }

  private:
    using Map = tbb::concurrent_hash_map<FourTuple4, std::uint32_t, HashCompare>;
    std::span<const Entry> entries_;
    Map map_;
};

[[maybe_unused]] const int registered = register_all<Tbb>("tbb");

} // namespace
} // namespace millrace::flow::bench
