#pragma once

#include "base/packet.hpp"

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::nic {

/// A packet in DPDK's memory: one pointer to an `rte_mbuf`, or null. Copying it copies no
/// ownership; who owns the packet gives it to `Queue::transmit()` or `Queue::release()`.
///
/// **Checksums of received packets.** DPDK has four verdicts on each checksum, and "none" is the
/// one to know: the field in the packet is not the checksum, yet the bytes are vouched for. virtio
/// and vhost say it of a packet that a peer on the same machine sent with its checksum left to the
/// device (VIRTIO_NET_HDR_F_NEEDS_CSUM): the bytes came through shared memory, and the field holds
/// the pseudo-header's sum. TAP says it of a UDP datagram sent without a checksum. It is `good`
/// here. So a packet judged good need not carry a right checksum: what is sent out of it needs a
/// new one.
///
/// **Checksums of packets to send.** Where `request()` asks for TCP's or UDP's checksum, the field
/// must hold the sum of the pseudo-header alone, folded, not complemented: both addresses, the
/// protocol and the L4 length; with `segment_size` the length counts as zero, because each segment
/// will have its own (the port then adds each segment's; virtio, which wants it in, has it added by
/// `transmit()`). The IPv4 header checksum's field must hold zero where `ip_checksum` is asked for,
/// which segmentation includes. Only what `Queue::offloads()` offers may be asked for.
class Packet {
  public:
    Packet() = default;
    explicit Packet(rte_mbuf* mbuf) : mbuf_{mbuf} {}

    explicit operator bool() const { return mbuf_ != nullptr; }
    [[nodiscard]] friend bool operator==(Packet, Packet) = default;

    [[nodiscard]] rte_mbuf* mbuf() const { return mbuf_; }

    /// The bytes of this segment, writable where nobody else holds the packet.
    [[nodiscard]] std::span<std::byte> bytes() const { return {first_byte(), mbuf_->data_len}; }

    /// Bytes of the whole chain; for the first segment only.
    [[nodiscard]] std::uint32_t length() const { return mbuf_->pkt_len; }

    /// The next segment of the chain, or null.
    [[nodiscard]] Packet next() const { return Packet{mbuf_->next}; }

    /// Of a received packet, until `request()`.
    [[nodiscard]] RxChecksums checksums() const {
        return {.ip = verdict(RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD),
                .l4 = verdict(RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD)};
    }

    /// Bytes of memory that the first segment pins, whatever its length.
    [[nodiscard]] std::uint32_t true_size() const {
        return static_cast<std::uint32_t>(sizeof(rte_mbuf)) + mbuf_->buf_len;
    }

    /// What a `Slice` of kind `packet` carries, and back.
    [[nodiscard]] std::uint64_t handle() const { return reinterpret_cast<std::uintptr_t>(mbuf_); }
    [[nodiscard]] static Packet from_handle(std::uint64_t handle) {
        return Packet{reinterpret_cast<rte_mbuf*>(static_cast<std::uintptr_t>(handle))};
    }

    /// Extends the first segment by `count` bytes at its end; null when they do not fit.
    [[nodiscard]] std::byte* append(std::uint32_t count) {
        const std::uint32_t end = std::uint32_t{mbuf_->data_off} + mbuf_->data_len;
        if (count > mbuf_->buf_len - end) {
            return nullptr;
        }
        std::byte* const tail = first_byte() + mbuf_->data_len;
        mbuf_->data_len = static_cast<std::uint16_t>(mbuf_->data_len + count);
        mbuf_->pkt_len += count;
        return tail;
    }

    /// Says what the port shall do when it sends the packet; clears what the port said on receipt.
    void request(const TxRequest& request) {
        // Of the old flags only those stay that say whose the buffer is.
        std::uint64_t flags = mbuf_->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
        if (request.ip_checksum || request.tcp_checksum || request.udp_checksum ||
            request.segment_size != 0) {
            flags |= tx_flags(request);
            mbuf_->tx_offload =
                rte_mbuf_tx_offload(request.l2_length, request.l3_length, request.l4_length,
                                    request.segment_size, 0, 0, 0);
        }
        mbuf_->ol_flags = flags;
    }

  private:
    [[nodiscard]] std::byte* first_byte() const {
        return static_cast<std::byte*>(mbuf_->buf_addr) + mbuf_->data_off;
    }

    [[nodiscard]] ChecksumVerdict verdict(std::uint64_t good, std::uint64_t bad) const {
        // Both bits together are DPDK's "none": vouched for without a checksum.
        if ((mbuf_->ol_flags & good) != 0) {
            return ChecksumVerdict::good;
        }
        return (mbuf_->ol_flags & bad) != 0 ? ChecksumVerdict::bad : ChecksumVerdict::unknown;
    }

    [[nodiscard]] static std::uint64_t tx_flags(const TxRequest& request) {
        std::uint64_t flags = request.ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
        const bool cut = request.segment_size != 0;
        if (request.ipv4 && (request.ip_checksum || cut)) {
            flags |= RTE_MBUF_F_TX_IP_CKSUM;
        }
        if (cut) {
            flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
        } else if (request.tcp_checksum) {
            flags |= RTE_MBUF_F_TX_TCP_CKSUM;
        } else if (request.udp_checksum) {
            flags |= RTE_MBUF_F_TX_UDP_CKSUM;
        }
        return flags;
    }

    rte_mbuf* mbuf_ = nullptr;
};

static_assert(sizeof(Packet) == sizeof(rte_mbuf*), "a burst of packets is DPDK's array of mbufs");

static_assert((RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD) ==
                      RTE_MBUF_F_RX_L4_CKSUM_NONE &&
                  (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD) ==
                      RTE_MBUF_F_RX_IP_CKSUM_NONE,
              "verdict() takes none for good by looking for the good bit first");

} // namespace millrace::nic
