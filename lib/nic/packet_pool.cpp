#include "nic/packet_pool.hpp"

#include <fmt/format.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memzone.h>

#include <algorithm>

namespace millrace::nic {
namespace {

constexpr unsigned bytes_per_mb = 1U << 20U;

unsigned cache_that_fits(std::uint32_t objects, std::uint16_t wanted) {
    // DPDK refuses a cache that could hold (with its flush threshold of one and a half) the whole
    // pool.
    return std::min(
        {std::uint32_t{wanted}, objects * 2 / 3, std::uint32_t{RTE_MEMPOOL_CACHE_MAX_SIZE}});
}

Error cannot_create(const PoolConfig& config, int error) {
    if (error == EEXIST) {
        return {fmt::format("packet pool '{}' exists already", config.name)};
    }
    const bool exhausted = error == ENOMEM || error == ENOBUFS;
    const char* const reason = exhausted ? "not enough memory" : rte_strerror(error);
    const std::uint64_t bytes =
        std::uint64_t{config.packets} * (sizeof(rte_mbuf) + sizeof(rte_mempool_objhdr) +
                                         RTE_PKTMBUF_HEADROOM + config.packet_bytes) +
        std::uint64_t{config.attachments} * (sizeof(rte_mbuf) + sizeof(rte_mempool_objhdr));
    return {
        fmt::format("cannot create packet pool '{}' of {} packets: {} – it needs about {} MB of "
                    "EAL memory; give EAL more, or the pool fewer packets",
                    config.name, config.packets, reason, bytes / bytes_per_mb + 1)};
}

void free_memzone(rte_mempool_memhdr* /*piece*/, void* memzone) {
    rte_memzone_free(static_cast<const rte_memzone*>(memzone));
}

/// Gives the pool its memory: one object right after another, across the borders of pages.
/// `errno`'s number of what went wrong, or 0.
int populate_packed(rte_mempool* pool) {
    std::size_t piece_bytes = 0;
    std::size_t alignment = 0;
    const ssize_t bytes =
        rte_mempool_op_calc_mem_size_default(pool, pool->size, 0, &piece_bytes, &alignment);
    if (bytes < 0) {
        return static_cast<int>(-bytes);
    }
    const rte_memzone* const memory =
        rte_memzone_reserve_aligned(pool->name, static_cast<std::size_t>(bytes), pool->socket_id, 0,
                                    static_cast<unsigned>(alignment));
    if (memory == nullptr) {
        return rte_errno;
    }
    const int objects =
        rte_mempool_populate_iova(pool, static_cast<char*>(memory->addr), memory->iova, memory->len,
                                  free_memzone, const_cast<rte_memzone*>(memory));
    if (objects <= 0) {
        rte_memzone_free(memory);
        return objects < 0 ? -objects : ENOMEM;
    }
    return static_cast<std::uint32_t>(objects) == pool->size ? 0 : ENOMEM;
}

/// `rte_pktmbuf_pool_create()`, without its gaps. That function lets no object cross the border of
/// a page, since the IO addresses of two pages need not follow each other; without hugepages the
/// gaps are two fifths of the memory. Where IO addresses are virtual ones they do follow, and
/// AF_XDP finds a packet only where there is no gap before it.
rte_mempool* create_packed(const char* name, std::uint32_t objects, unsigned cache,
                           std::uint16_t data_room, int numa_node) {
    constexpr unsigned across_pages = RTE_MEMPOOL_F_NO_IOVA_CONTIG;
    rte_mempool* const pool =
        rte_mempool_create_empty(name, objects, static_cast<unsigned>(sizeof(rte_mbuf)) + data_room,
                                 cache, sizeof(rte_pktmbuf_pool_private), numa_node, across_pages);
    if (pool == nullptr) {
        return nullptr;
    }
    int error = -rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr);
    if (error == 0) {
        rte_pktmbuf_pool_private kind{
            .mbuf_data_room_size = data_room, .mbuf_priv_size = 0, .flags = 0};
        rte_pktmbuf_pool_init(pool, &kind);
        error = populate_packed(pool);
    }
    if (error != 0) {
        rte_mempool_free(pool);
        rte_errno = error;
        return nullptr;
    }
    // The memory has IO addresses that follow each other, whatever the layout was asked for by.
    pool->flags &= ~(across_pages | RTE_MEMPOOL_F_NON_IO);
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
    return pool;
}

rte_mempool* create_pool(const std::string& name, std::uint32_t objects, const PoolConfig& config,
                         std::uint16_t data_room) {
    const unsigned cache = cache_that_fits(objects, config.cache);
    return rte_eal_iova_mode() == RTE_IOVA_VA
               ? create_packed(name.c_str(), objects, cache, data_room, config.numa_node)
               : rte_pktmbuf_pool_create(name.c_str(), objects, cache, 0, data_room,
                                         config.numa_node);
}

} // namespace

Result<std::unique_ptr<PacketPool>> PacketPool::create(const PoolConfig& config) {
    rte_mempool* const packets =
        create_pool(config.name, config.packets, config,
                    static_cast<std::uint16_t>(config.packet_bytes + RTE_PKTMBUF_HEADROOM));
    if (packets == nullptr) {
        return cannot_create(config, rte_errno);
    }
    const std::uint32_t attachments_count = std::max(config.attachments, 2U);
    rte_mempool* const attachments =
        create_pool(config.name + "_ref", attachments_count, config, 0);
    if (attachments == nullptr) {
        const int error = rte_errno;
        rte_mempool_free(packets);
        return cannot_create(config, error);
    }
    return std::unique_ptr<PacketPool>{new PacketPool{packets, attachments}};
}

PacketPool::~PacketPool() {
    rte_mempool_free(attachments_);
    rte_mempool_free(packets_);
}

bool PacketPool::in_one_piece() const {
    const std::uint64_t distance =
        std::uint64_t{packets_->header_size} + packets_->elt_size + packets_->trailer_size;
    const auto* previous = STAILQ_FIRST(&packets_->elt_list);
    for (const auto* next = previous; next != nullptr; next = STAILQ_NEXT(next, next)) {
        if (next != previous && reinterpret_cast<std::uintptr_t>(next) !=
                                    reinterpret_cast<std::uintptr_t>(previous) + distance) {
            return false;
        }
        previous = next;
    }
    return true;
}

std::uint32_t PacketPool::in_use() const {
    return rte_mempool_in_use_count(packets_) + rte_mempool_in_use_count(attachments_);
}

} // namespace millrace::nic
