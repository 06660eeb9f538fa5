#pragma once

#include "base/packet.hpp"
#include "base/slice.hpp"
#include "nic/packet.hpp"
#include "nic/packet_pool.hpp"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace millrace::nic {

/// Why packets given to `Queue::transmit()` left by another way than as they were. Written by the
/// worker, read by anyone.
struct TransmitTrouble {
    /// Sent as a copy, because the port cannot send such chains.
    std::atomic<std::uint64_t> copied{0};
    /// Dropped: too long, too many segments, or no memory.
    std::atomic<std::uint64_t> refused{0};
    /// Dropped: the driver said it could not do what was asked.
    std::atomic<std::uint64_t> rejected{0};
};

/// One worker's receive and transmit queue on a port, and the packet memory they use. Only that
/// worker calls it; the port must be started. A port with fewer queues than workers leaves some of
/// these without one (`has_rx()`, `has_tx()`): such a worker gets its packets, and hands over those
/// it sends, by rings.
///
/// **References.** A reference is to one segment and what is chained behind it. The last one to go
/// frees the segment and lets go of the rest of its chain, so segments that were retained on their
/// own outlive the packet they came in, each as a packet by itself. A packet that someone else
/// still holds must not be changed, nor sent where the driver writes into it (it is then attached
/// to another).
class alignas(64) Queue {
  public:
    using Packet = nic::Packet;

    static constexpr std::uint16_t none = std::numeric_limits<std::uint16_t>::max();

    /// What `Port` negotiated.
    struct Setup {
        std::uint16_t port = 0;
        std::uint16_t rx_queue = none;
        std::uint16_t tx_queue = none;
        PacketPool* pool = nullptr;
        TxOffloads offloads;
        std::uint32_t frame_bytes_max = 0;         ///< Of what is sent uncut.
        std::uint16_t segments_max = 1;            ///< Of a frame that is sent uncut.
        std::uint16_t segments_of_tso_max = 1;     ///< Of one that the port cuts.
        std::uint64_t flags_that_need_prepare = 0; ///< Requests that rte_eth_tx_prepare() must see.
        bool direct_only = false; ///< The driver sends only buffers that belong to their header.
        bool odd_pieces_break_checksums = false; ///< See `DriverTraits`.
    };

    explicit Queue(const Setup& setup);

    [[nodiscard]] bool has_rx() const { return setup_.rx_queue != none; }
    [[nodiscard]] bool has_tx() const { return setup_.tx_queue != none; }
    [[nodiscard]] std::uint16_t port() const { return setup_.port; }

    /// Fills `burst` from the receive queue; the caller owns what it gets.
    std::size_t receive(std::span<Packet> burst) {
        if (!has_rx()) {
            return 0;
        }
        return rte_eth_rx_burst(setup_.port, setup_.rx_queue, mbufs(burst), count(burst));
    }

    /// Sends from the front of `burst`; those sent are the port's, the rest stay the caller's. Zero
    /// also while no peer is connected (vhost, memif). What can never be sent is dropped, counted
    /// in `trouble()`, and says it was sent, so that it does not hold up what comes after it.
    std::size_t transmit(std::span<Packet> burst) {
        if (!has_tx()) {
            return 0;
        }
        std::uint64_t flags = 0;
        std::uint32_t longest = 0;
        std::uint16_t segments = 0;
        for (const Packet packet : burst) {
            const rte_mbuf& mbuf = *packet.mbuf();
            flags |= mbuf.ol_flags;
            longest = std::max(longest, mbuf.pkt_len);
            segments = std::max(segments, mbuf.nb_segs);
        }
        if ((flags & (segments > 1 ? careful_flags_of_chains_ : careful_flags_)) != 0 ||
            longest > setup_.frame_bytes_max || segments > setup_.segments_max) [[unlikely]] {
            return transmit_with_care(burst.first(count(burst)));
        }
        return rte_eth_tx_burst(setup_.port, setup_.tx_queue, mbufs(burst), count(burst));
    }

    /// Fills `burst` with empty packets that have headroom; all or none.
    [[nodiscard]] bool allocate(std::span<Packet> burst) {
        return rte_pktmbuf_alloc_bulk(setup_.pool->packet_memory(), mbufs(burst),
                                      static_cast<unsigned>(burst.size())) == 0;
    }

    void retain(Packet packet) { rte_mbuf_refcnt_update(packet.mbuf(), 1); }

    void release(Packet packet) {
        rte_mbuf* mbuf = packet.mbuf();
        if (rte_mbuf_refcnt_read(mbuf) > 1) {
            rte_mbuf_refcnt_update(mbuf, -1);
            return;
        }
        while (mbuf != nullptr) {
            rte_mbuf* const rest = mbuf->next;
            if (rest != nullptr) {
                // A segment that outlives the chain must not point at what is freed here.
                mbuf->next = nullptr;
                mbuf->nb_segs = 1;
            }
            rte_pktmbuf_free_seg(mbuf);
            mbuf = rest;
        }
    }

    /// Chains a slice to the end of a packet without copying, keeping its owner alive until the
    /// packet is sent; false when this port, owner or memory cannot, or headers have run out: then
    /// copy. A packet's bytes are kept by a reference to the packet. The store's are not counted
    /// one by one: they must lie in EAL memory and stay until `store_references()` has been zero,
    /// or until whatever the ring held has been sent.
    [[nodiscard]] bool attach(Packet packet, const Slice& slice);

    /// What may be asked of the port by `Packet::request()`.
    [[nodiscard]] TxOffloads offloads() const { return setup_.offloads; }

    /// Slices of the store that are on their way, or were and the driver has not looked since.
    [[nodiscard]] std::uint32_t store_references() const;

    [[nodiscard]] const TransmitTrouble& trouble() const { return trouble_; }
    [[nodiscard]] const PacketPool& pool() const { return *setup_.pool; }

  private:
    [[nodiscard]] static rte_mbuf** mbufs(std::span<Packet> burst) {
        return reinterpret_cast<rte_mbuf**>(burst.data());
    }
    [[nodiscard]] static std::uint16_t count(std::span<const Packet> burst) {
        return static_cast<std::uint16_t>(
            std::min<std::size_t>(burst.size(), std::numeric_limits<std::uint16_t>::max()));
    }

    std::size_t transmit_with_care(std::span<Packet> burst);
    [[nodiscard]] bool admit(Packet& packet);
    [[nodiscard]] bool replace_by_copy(Packet& packet, std::uint16_t segments_max);
    [[nodiscard]] rte_mbuf* header_for_packet(const Slice& slice);
    [[nodiscard]] rte_mbuf* header_for_store(const Slice& slice);
    [[nodiscard]] rte_iova_t io_address(const Slice& slice);

    Setup setup_;
    std::uint64_t careful_flags_;           ///< Packets with one of these take the careful way.
    std::uint64_t careful_flags_of_chains_; ///< Likewise where a burst has a chain in it.
    std::uint16_t chain_max_;               ///< Segments that `attach()` may make of a packet.
    bool io_addresses_are_virtual_;
    /// The stretch of EAL memory that the last slice of the store lay in.
    const std::byte* eal_begin_ = nullptr;
    const std::byte* eal_end_ = nullptr;
    /// What every header that points into the store shares. It starts at one and so never frees.
    rte_mbuf_ext_shared_info store_info_;
    TransmitTrouble trouble_;
};

} // namespace millrace::nic
