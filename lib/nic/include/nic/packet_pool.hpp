#pragma once

#include "nic/packet.hpp"
#include "nic/result.hpp"

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

namespace millrace::nic {

struct PoolConfig {
    std::string name;                   ///< Unique in the process, at most 20 characters.
    std::uint32_t packets = 16'384;     ///< What the port's rings hold comes out of these.
    std::uint32_t attachments = 16'384; ///< Slices that may be on their way without copying.
    std::uint16_t packet_bytes = 2'048; ///< What one segment can receive.
    std::uint16_t cache = 256;          ///< Packets that a thread keeps at hand.
    int numa_node = -1;                 ///< -1: any.
};

/// One worker's packet memory, in EAL memory. A thread that EAL knows (`rte_thread_register()`) has
/// a cache of its own in it; any other works, more slowly. Must outlive the ports that use it.
class PacketPool {
  public:
    /// Needs a running EAL; the error says how much memory was asked for.
    static Result<std::unique_ptr<PacketPool>> create(const PoolConfig& config);
    ~PacketPool();

    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;

    /// Packets and attachments that someone holds: the port's rings, the stack, the peer. Zero
    /// after a drain and the close of every port, or there is a leak; `Port::packets_kept()` names
    /// what a driver never gives back. Exact only while no thread allocates or frees.
    [[nodiscard]] std::uint32_t in_use() const;

    [[nodiscard]] std::uint32_t packets() const { return packets_->size; }
    [[nodiscard]] std::uint32_t available() const { return rte_mempool_avail_count(packets_); }

    /// What one packet can receive, in bytes.
    [[nodiscard]] std::uint32_t segment_bytes() const {
        return rte_pktmbuf_data_room_size(packets_) - std::uint32_t{RTE_PKTMBUF_HEADROOM};
    }

    /// Whether each packet lies right after another. AF_XDP takes no packet that has a gap before
    /// it: the kernel calls its descriptor invalid. Walks the whole pool.
    [[nodiscard]] bool in_one_piece() const;

    [[nodiscard]] rte_mempool* packet_memory() const { return packets_; }
    /// Headers without buffers, which point into memory that others own.
    [[nodiscard]] rte_mempool* attachment_memory() const { return attachments_; }

  private:
    PacketPool(rte_mempool* packets, rte_mempool* attachments)
        : packets_{packets}, attachments_{attachments} {}

    rte_mempool* packets_;
    rte_mempool* attachments_;
};

} // namespace millrace::nic
