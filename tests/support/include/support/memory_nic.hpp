#pragma once

#include "base/packet.hpp"
#include "base/slice.hpp"
#include "stack/nic_concept.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace millrace::support {

class MemoryNic;

/// One segment of a packet in memory: its own bytes, or bytes attached that lie elsewhere.
struct PacketBuffer {
    static constexpr std::uint32_t capacity = 2176;
    static constexpr std::uint32_t headroom = 128;

    MemoryNic* owner = nullptr;
    std::uint32_t references = 0;
    std::uint32_t length = 0;
    std::byte* data = nullptr; ///< Into `room`, or elsewhere when attached.
    PacketBuffer* next = nullptr;
    PacketBuffer* attached = nullptr; ///< Whose bytes `data` points into.
    RxChecksums checksums;
    TxRequest request;
    std::array<std::byte, capacity> room;
};

/// The handle of a packet in memory.
class MemoryPacket {
  public:
    MemoryPacket() = default;
    explicit MemoryPacket(PacketBuffer* buffer) : buffer_{buffer} {}

    explicit operator bool() const { return buffer_ != nullptr; }
    [[nodiscard]] std::span<std::byte> bytes() const { return {buffer_->data, buffer_->length}; }
    [[nodiscard]] std::uint32_t length() const;
    [[nodiscard]] MemoryPacket next() const { return MemoryPacket{buffer_->next}; }
    [[nodiscard]] RxChecksums checksums() const { return buffer_->checksums; }
    [[nodiscard]] std::uint32_t true_size() const { return sizeof(PacketBuffer); }
    [[nodiscard]] std::uint64_t handle() const { return reinterpret_cast<std::uintptr_t>(buffer_); }
    [[nodiscard]] static MemoryPacket from_handle(std::uint64_t handle) {
        return MemoryPacket{reinterpret_cast<PacketBuffer*>(handle)};
    }
    [[nodiscard]] std::byte* append(std::uint32_t count) const;
    void request(const TxRequest& wanted) const { buffer_->request = wanted; }
    [[nodiscard]] PacketBuffer* buffer() const { return buffer_; }

  private:
    PacketBuffer* buffer_ = nullptr;
};

/// A frame as a wire carries it.
using Frame = std::vector<std::byte>;

/// A port in memory. Frames are put into its receive queue and taken out of its transmit queue by
/// the test; what it offers of offloads, how many packets it has and how many it sends at once can
/// be set.
class MemoryNic {
  public:
    using Packet = MemoryPacket;

    explicit MemoryNic(std::size_t packets, TxOffloads offloads = {});
    ~MemoryNic();

    MemoryNic(const MemoryNic&) = delete;
    MemoryNic& operator=(const MemoryNic&) = delete;

    // The concept
    [[nodiscard]] std::size_t receive(std::span<Packet> burst);
    [[nodiscard]] std::size_t transmit(std::span<Packet> burst);
    [[nodiscard]] bool allocate(std::span<Packet> burst);
    void retain(Packet packet);
    void release(Packet packet);
    [[nodiscard]] bool attach(Packet packet, const Slice& slice);
    [[nodiscard]] TxOffloads offloads() const { return offloads_; }

    // The test's side
    /// Puts a frame into the receive queue; false when no packet is free (a real port's rx_nombuf).
    bool deliver(const Frame& frame, RxChecksums checksums = {});
    /// Takes the oldest frame sent, with its checksums filled in where the port was asked to.
    [[nodiscard]] bool take_sent(Frame& frame);
    [[nodiscard]] std::size_t packets_in_use() const { return buffers_.size() - free_.size(); }
    [[nodiscard]] std::size_t packets() const { return buffers_.size(); }
    /// How many more packets `transmit` accepts; a full ring is 0.
    std::size_t transmit_room = SIZE_MAX;

  private:
    [[nodiscard]] PacketBuffer* take();

    TxOffloads offloads_;
    std::vector<std::unique_ptr<PacketBuffer>> buffers_;
    std::vector<PacketBuffer*> free_;
    std::deque<PacketBuffer*> received_;
    std::deque<Frame> sent_;
};

static_assert(stack::Nic<MemoryNic>);

} // namespace millrace::support
