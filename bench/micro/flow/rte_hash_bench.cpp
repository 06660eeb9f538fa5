#include "table_harness.hpp"

#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_jhash.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>

// DPDK's rte_hash, a cuckoo table that keeps its keys itself, for one thread (no locks, no
// reader-writer concurrency), with CRC32 as its users mostly have it and with jhash.

namespace millrace::flow::bench {
namespace {

void start_eal() {
    static const bool started = [] {
        static char program[] = "bench";
        static char no_huge[] = "--no-huge";
        static char no_pci[] = "--no-pci";
        static char memory[] = "-m";
        static char megabytes[] = "3072";
        static char no_telemetry[] = "--no-telemetry";
        static char log_level[] = "--log-level=error";
        static char* arguments[] = {program,   no_huge,      no_pci,   memory,
                                    megabytes, no_telemetry, log_level};
        return rte_eal_init(static_cast<int>(std::size(arguments)), arguments) >= 0;
    }();
    if (!started) {
        std::abort();
    }
}

template <rte_hash_function hash_function>
class Rte {
  public:
    Rte(std::uint32_t capacity, std::span<const Entry> entries) : entries_{entries} {
        start_eal();
        rte_hash_parameters parameters{};
        parameters.name = "bench";
        // Its cuckoo paths do not reach the last few places of a full table.
        parameters.entries = capacity + capacity / 8 + 64;
        parameters.key_len = sizeof(FourTuple4);
        parameters.hash_func = hash_function;
        parameters.socket_id = SOCKET_ID_ANY;
        hash_ = rte_hash_create(&parameters);
        if (hash_ == nullptr) {
            std::fputs("rte_hash_create failed: too little memory?\n", stderr);
            std::abort();
        }
    }
    ~Rte() { rte_hash_free(hash_); }
    Rte(const Rte&) = delete;
    Rte& operator=(const Rte&) = delete;

    void insert(std::uint32_t i) {
        if (rte_hash_add_key_data(hash_, &entries_[i].key, as_data(i)) != 0) {
            std::abort();
        }
    }
    void erase(std::uint32_t i) { rte_hash_del_key(hash_, &entries_[i].key); }

    std::uint32_t find(const FourTuple4& key) const {
        void* data = nullptr;
        return rte_hash_lookup_data(hash_, &key, &data) >= 0 ? as_index(data) : not_found;
    }
    void find_burst(std::span<const FourTuple4> keys, std::span<std::uint32_t> found) const {
        std::array<const void*, burst> pointers;
        std::array<void*, burst> data;
        for (std::size_t i = 0; i < burst; ++i) {
            pointers[i] = &keys[i];
        }
        std::uint64_t hits = 0;
        rte_hash_lookup_bulk_data(hash_, pointers.data(), burst, &hits, data.data());
        for (std::size_t i = 0; i < burst; ++i) {
            found[i] = (hits >> i & 1) != 0 ? as_index(data[i]) : not_found;
        }
    }

  private:
    static void* as_data(std::uint32_t i) {
        return reinterpret_cast<void*>(static_cast<std::uintptr_t>(i));
    }
    static std::uint32_t as_index(void* data) {
        return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(data));
    }

    std::span<const Entry> entries_;
    rte_hash* hash_ = nullptr;
};

[[maybe_unused]] const int registered_crc = register_all<Rte<rte_hash_crc>>("rte_hash_crc");
[[maybe_unused]] const int registered_jhash = register_all<Rte<rte_jhash>>("rte_hash_jhash");

} // namespace
} // namespace millrace::flow::bench
