#include "nic/packet_pool.hpp"

#include <fmt/format.h>

#include <rte_errno.h>

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

} // namespace

Result<std::unique_ptr<PacketPool>> PacketPool::create(const PoolConfig& config) {
    rte_mempool* const packets = rte_pktmbuf_pool_create(
        config.name.c_str(), config.packets, cache_that_fits(config.packets, config.cache), 0,
        static_cast<std::uint16_t>(config.packet_bytes + RTE_PKTMBUF_HEADROOM), config.numa_node);
    if (packets == nullptr) {
        return cannot_create(config, rte_errno);
    }
    const std::uint32_t attachments_count = std::max(config.attachments, 2U);
    rte_mempool* const attachments = rte_pktmbuf_pool_create(
        (config.name + "_ref").c_str(), attachments_count,
        cache_that_fits(attachments_count, config.cache), 0, 0, config.numa_node);
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

std::uint32_t PacketPool::in_use() const {
    return rte_mempool_in_use_count(packets_) + rte_mempool_in_use_count(attachments_);
}

} // namespace millrace::nic
