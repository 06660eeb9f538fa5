#pragma once

#include "base/assert.hpp"
#include "base/packet.hpp"
#include "base/slice.hpp"
#include "stack/nic_concept.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

/// A wire in memory that costs next to nothing: both ends take their packets from one memory, and a
/// packet goes from one to the other by pointer.
namespace millrace::stack::bench {

/// One segment of a packet: its own bytes, or bytes attached that lie elsewhere.
struct alignas(64) Buffer {
    std::byte* data = nullptr; ///< Into `room`, or elsewhere when attached.
    std::uint32_t length = 0;
    std::uint32_t references = 0;
    Buffer* next = nullptr;
    Buffer* attached = nullptr; ///< Whose bytes `data` points into, where it is a packet.
    RxChecksums checksums;
    TxRequest request;
    alignas(64) std::array<std::byte, 2048> room;
};

static_assert(sizeof(Buffer) / 64 % 2 == 1, "else they would share few sets of the caches");

/// The handle of a packet.
class Packet {
  public:
    Packet() = default;
    explicit Packet(Buffer* buffer) : buffer_{buffer} {}

    explicit operator bool() const { return buffer_ != nullptr; }
    [[nodiscard]] std::span<std::byte> bytes() const { return {buffer_->data, buffer_->length}; }
    [[nodiscard]] std::uint32_t length() const {
        std::uint32_t total = 0;
        for (const Buffer* buffer = buffer_; buffer != nullptr; buffer = buffer->next) {
            total += buffer->length;
        }
        return total;
    }
    [[nodiscard]] Packet next() const { return Packet{buffer_->next}; }
    [[nodiscard]] RxChecksums checksums() const { return buffer_->checksums; }
    [[nodiscard]] std::uint32_t true_size() const { return sizeof(Buffer); }
    [[nodiscard]] std::uint64_t handle() const { return reinterpret_cast<std::uintptr_t>(buffer_); }
    [[nodiscard]] static Packet from_handle(std::uint64_t handle) {
        return Packet{reinterpret_cast<Buffer*>(handle)};
    }
    [[nodiscard]] std::byte* append(std::uint32_t count) const {
        std::byte* const end = buffer_->data + buffer_->length;
        if (count > static_cast<std::size_t>(buffer_->room.end() - end)) {
            return nullptr;
        }
        buffer_->length += count;
        return end;
    }
    void request(const TxRequest& wanted) const { buffer_->request = wanted; }
    [[nodiscard]] Buffer* buffer() const { return buffer_; }

  private:
    Buffer* buffer_ = nullptr;
};

/// What both ends take packets from.
class PacketMemory {
  public:
    explicit PacketMemory(std::size_t count) : buffers_(count), free_(count), available_{count} {
        std::ranges::transform(buffers_, free_.begin(), [](Buffer& buffer) { return &buffer; });
    }

    [[nodiscard]] std::size_t available() const { return available_; }

    /// An empty packet; there is one.
    [[nodiscard]] Buffer* take() {
        MILLRACE_ASSERT(available_ > 0);
        Buffer* const buffer = free_[--available_];
        buffer->data = buffer->room.data();
        buffer->length = 0;
        buffer->references = 1;
        buffer->next = buffer->attached = nullptr;
        return buffer;
    }

    /// One user fewer; the last frees it, and what is chained to it.
    void release(Buffer* buffer) {
        while (buffer != nullptr && --buffer->references == 0) {
            if (buffer->attached != nullptr) {
                release(buffer->attached);
            }
            free_[available_++] = buffer;
            buffer = buffer->next;
        }
    }

  private:
    std::vector<Buffer> buffers_;
    std::vector<Buffer*> free_; ///< The first `available_` of them; the last released is the next.
    std::size_t available_;
};

/// What a port does of checksums.
enum class Checksums : std::uint8_t {
    by_port,  ///< TCP's, as virtio: those received are vouched for, those sent are left to it.
    software, ///< Nothing, and it takes no chains either.
};

/// One end of the wire. Nothing of it is inlined, so that a profile tells its work, which is a
/// driver's, from the stack's.
class Port {
  public:
    using Packet = bench::Packet;

    Port(PacketMemory& memory, Checksums checksums) : memory_{memory} {
        if (checksums == Checksums::by_port) {
            offloads_ = {.tcp_checksum = true, .udp_checksum = true, .multi_segment = true};
            verdicts_.l4 = ChecksumVerdict::good;
        }
    }
    ~Port() {
        while (first_ != end_) {
            release(received_[first_++ % received_.size()]);
        }
    }

    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    /// Both ends of a wire; what is sent before that is an error.
    static void join(Port& one, Port& other) {
        one.peer_ = &other;
        other.peer_ = &one;
    }

    // The concept
    [[gnu::noinline]] std::size_t receive(std::span<Packet> burst) {
        const std::size_t count = std::min(burst.size(), end_ - first_);
        for (Packet& packet : burst.first(count)) {
            packet = received_[first_++ % received_.size()];
        }
        return count;
    }

    [[gnu::noinline]] std::size_t transmit(std::span<Packet> burst) {
        const std::size_t count = std::min(burst.size(), peer_->room());
        for (const Packet packet : burst.first(count)) {
            join_chain(packet);
            peer_->arrives(packet);
        }
        return count;
    }

    [[nodiscard, gnu::noinline]] bool allocate(std::span<Packet> burst) {
        if (memory_.available() < burst.size()) {
            return false;
        }
        for (Packet& packet : burst) {
            packet = Packet{memory_.take()};
        }
        return true;
    }

    [[gnu::noinline]] void retain(Packet packet) { ++packet.buffer()->references; }
    [[gnu::noinline]] void release(Packet packet) { memory_.release(packet.buffer()); }

    /// As a DPDK port: documents of the store and received packets are attached.
    [[nodiscard, gnu::noinline]] bool attach(Packet packet, const Slice& slice) {
        const bool lasts = slice.owner == OwnerKind::store || slice.owner == OwnerKind::packet;
        if (!offloads_.multi_segment || !lasts || memory_.available() == 0) {
            return false;
        }
        Buffer* const part = memory_.take();
        part->data = const_cast<std::byte*>(slice.data);
        part->length = slice.length;
        if (slice.owner == OwnerKind::packet) {
            part->attached = Packet::from_handle(slice.handle).buffer();
            ++part->attached->references;
        }
        Buffer* last = packet.buffer();
        while (last->next != nullptr) {
            last = last->next;
        }
        last->next = part;
        return true;
    }

    [[nodiscard]] TxOffloads offloads() const { return offloads_; }

    /// How many packets this end can still receive.
    [[nodiscard]] std::size_t room() const { return received_.size() - (end_ - first_); }

    /// A packet reaches this end.
    void arrives(Packet packet) {
        packet.buffer()->checksums = verdicts_;
        received_[end_++ % received_.size()] = packet;
    }

  private:
    /// A frame on the wire is in one piece, as if a NIC had fetched the parts of it.
    void join_chain(Packet packet) {
        Buffer* const parts = packet.buffer()->next;
        for (const Buffer* part = parts; part != nullptr; part = part->next) {
            std::byte* const out = packet.append(part->length);
            MILLRACE_ASSERT(out != nullptr);
            std::memcpy(out, part->data, part->length);
        }
        packet.buffer()->next = nullptr;
        memory_.release(parts);
    }

    PacketMemory& memory_;
    TxOffloads offloads_;
    RxChecksums verdicts_;
    Port* peer_ = nullptr;
    std::size_t first_ = 0; ///< Of what has arrived and was not taken yet,
    std::size_t end_ = 0;   ///< and behind it.
    std::array<Packet, 4096> received_;
};

static_assert(Nic<Port>);

} // namespace millrace::stack::bench
