#include "nic/queue.hpp"

#include <rte_eal.h>
#include <rte_memory.h>

namespace millrace::nic {
namespace {

/// The shared count is of 16 bits; slices beyond this many are copied.
constexpr std::uint16_t store_references_max = 60'000;

void count_one(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

bool holds(const rte_mbuf& mbuf, const Slice& slice) {
    const auto* const begin = static_cast<const std::byte*>(mbuf.buf_addr);
    return slice.data >= begin && slice.data + slice.length <= begin + mbuf.buf_len;
}

/// The IO address of a stretch of EAL memory, or RTE_BAD_IOVA where it crosses a break.
rte_iova_t contiguous_io_address(const std::byte* data, std::size_t length) {
    const rte_memseg* segment = rte_mem_virt2memseg(data, nullptr);
    if (segment == nullptr || segment->iova == RTE_BAD_IOVA) {
        return RTE_BAD_IOVA;
    }
    const auto offset =
        static_cast<std::size_t>(data - static_cast<const std::byte*>(segment->addr));
    const rte_iova_t first = segment->iova + offset;
    for (std::size_t covered = segment->len - offset; covered < length; covered += segment->len) {
        segment = rte_mem_virt2memseg(data + covered, nullptr);
        if (segment == nullptr || segment->iova != first + covered) {
            return RTE_BAD_IOVA;
        }
    }
    return first;
}

std::uint64_t careful_flags(const Queue::Setup& setup) {
    const std::uint64_t borrowed = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    return setup.flags_that_need_prepare | RTE_MBUF_F_TX_TCP_SEG |
           (setup.direct_only ? borrowed : 0);
}

/// True where a piece begins in the middle of a 16-bit word of what the checksum covers. (The
/// headers before that are of even length.)
bool has_odd_piece(const rte_mbuf& mbuf) {
    unsigned length = 0;
    for (const rte_mbuf* piece = &mbuf; piece->next != nullptr; piece = piece->next) {
        length += piece->data_len;
        if (length % 2 != 0) {
            return true;
        }
    }
    return false;
}

} // namespace

Queue::Queue(const Setup& setup)
    : setup_{setup}, careful_flags_{careful_flags(setup)},
      careful_flags_of_chains_{careful_flags_ |
                               (setup.odd_pieces_break_checksums ? RTE_MBUF_F_TX_L4_MASK : 0)},
      chain_max_{setup.offloads.tcp_segmentation ? setup.segments_of_tso_max : setup.segments_max},
      io_addresses_are_virtual_{rte_eal_iova_mode() == RTE_IOVA_VA},
      store_info_{.free_cb = [](void*, void*) {}, .fcb_opaque = nullptr, .refcnt = 1} {
    if (!has_tx() || setup.direct_only) {
        // What another worker sends for us must hold nothing of ours but its own buffers.
        setup_.offloads.multi_segment = false;
    }
}

std::size_t Queue::transmit_with_care(std::span<Packet> burst) {
    std::size_t done = 0;
    while (done < burst.size()) {
        std::size_t end = done;
        while (end < burst.size() && admit(burst[end])) {
            ++end;
        }
        const std::span<Packet> run = burst.subspan(done, end - done);
        const std::uint16_t prepared =
            rte_eth_tx_prepare(setup_.port, setup_.tx_queue, mbufs(run), count(run));
        const std::uint16_t sent =
            rte_eth_tx_burst(setup_.port, setup_.tx_queue, mbufs(run), prepared);
        done += sent;
        if (sent < prepared) {
            break;
        }
        if (done < burst.size()) {
            count_one(done < end ? trouble_.rejected : trouble_.refused);
            release(burst[done++]);
        }
    }
    return done;
}

/// True when the port can send the packet, if need be as a copy that takes its place.
bool Queue::admit(Packet& packet) {
    const rte_mbuf& mbuf = *packet.mbuf();
    const bool cut = (mbuf.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
    if (!cut && mbuf.pkt_len > setup_.frame_bytes_max) {
        return false;
    }
    const std::uint16_t segments_max = cut ? setup_.segments_of_tso_max : setup_.segments_max;
    const bool borrowed = (mbuf.ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)) != 0;
    const bool would_sum_wrongly = setup_.odd_pieces_break_checksums &&
                                   (mbuf.ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0 &&
                                   has_odd_piece(mbuf);
    if (mbuf.nb_segs > segments_max || (setup_.direct_only && borrowed) || would_sum_wrongly) {
        return replace_by_copy(packet, segments_max);
    }
    return true;
}

bool Queue::replace_by_copy(Packet& packet, std::uint16_t segments_max) {
    rte_mbuf* const copy = rte_pktmbuf_copy(packet.mbuf(), setup_.pool->packet_memory(), 0,
                                            std::numeric_limits<std::uint32_t>::max());
    if (copy == nullptr) {
        return false;
    }
    if (copy->nb_segs > segments_max) {
        rte_pktmbuf_free(copy);
        return false;
    }
    count_one(trouble_.copied);
    release(packet);
    packet = Packet{copy};
    return true;
}

bool Queue::attach(Packet packet, const Slice& slice) {
    if (!setup_.offloads.multi_segment || packet.mbuf()->nb_segs >= chain_max_ ||
        slice.length > std::numeric_limits<std::uint16_t>::max()) {
        return false;
    }
    rte_mbuf* header = nullptr;
    switch (slice.owner) {
    case OwnerKind::packet:
        header = header_for_packet(slice);
        break;
    case OwnerKind::store:
        header = header_for_store(slice);
        break;
    case OwnerKind::nobody:
    case OwnerKind::chunk:
        break;
    }
    if (header == nullptr) {
        return false;
    }
    header->data_len = static_cast<std::uint16_t>(slice.length);
    header->pkt_len = slice.length;
    return rte_pktmbuf_chain(packet.mbuf(), header) == 0;
}

rte_mbuf* Queue::header_for_packet(const Slice& slice) {
    rte_mbuf* owner = Packet::from_handle(slice.handle).mbuf();
    while (owner != nullptr && !holds(*owner, slice)) {
        owner = owner->next;
    }
    if (owner == nullptr) {
        return nullptr;
    }
    rte_mbuf* const header = rte_pktmbuf_alloc(setup_.pool->attachment_memory());
    if (header == nullptr) {
        return nullptr;
    }
    rte_pktmbuf_attach(header, owner);
    header->data_off =
        static_cast<std::uint16_t>(slice.data - static_cast<const std::byte*>(owner->buf_addr));
    return header;
}

rte_mbuf* Queue::header_for_store(const Slice& slice) {
    if (rte_mbuf_ext_refcnt_read(&store_info_) >= store_references_max) {
        return nullptr;
    }
    const rte_iova_t address = io_address(slice);
    if (address == RTE_BAD_IOVA) {
        return nullptr;
    }
    rte_mbuf* const header = rte_pktmbuf_alloc(setup_.pool->attachment_memory());
    if (header == nullptr) {
        return nullptr;
    }
    rte_mbuf_ext_refcnt_update(&store_info_, 1);
    // The port only reads what it sends; DPDK has no buffers of const.
    rte_pktmbuf_attach_extbuf(header, const_cast<std::byte*>(slice.data), address,
                              static_cast<std::uint16_t>(slice.length), &store_info_);
    return header;
}

/// Where the port finds the slice, or RTE_BAD_IOVA where it cannot.
rte_iova_t Queue::io_address(const Slice& slice) {
    if (slice.data < eal_begin_ || slice.data + slice.length > eal_end_) {
        const rte_memseg_list* const list = rte_mem_virt2memseg_list(slice.data);
        if (list == nullptr || slice.length > list->len) {
            return RTE_BAD_IOVA;
        }
        eal_begin_ = static_cast<const std::byte*>(list->base_va);
        eal_end_ = eal_begin_ + list->len;
        if (slice.data + slice.length > eal_end_) {
            return RTE_BAD_IOVA;
        }
    }
    if (io_addresses_are_virtual_) {
        return reinterpret_cast<std::uintptr_t>(slice.data);
    }
    return contiguous_io_address(slice.data, slice.length);
}

std::uint32_t Queue::store_references() const {
    return std::uint32_t{rte_mbuf_ext_refcnt_read(&store_info_)} - 1;
}

} // namespace millrace::nic
