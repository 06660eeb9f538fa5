#pragma once

#include "base/slice.hpp"
#include "tcp/buffers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::tcp {

/// The byte at a place in one of the test's two streams: seldom the same at two places, so that a
/// byte that is lost, repeated or moved is seen. Places wrap as sequence numbers do.
inline std::byte pattern(std::uint64_t stream, std::uint64_t place) {
    std::uint64_t mixed = ((place & UINT32_MAX) + 1) * 0x9E37'79B9'7F4A'7C15U + stream;
    mixed ^= mixed >> 29;
    return static_cast<std::byte>((mixed * 0xBF58'476D'1CE4'E5B9U) >> 56);
}

/// Packet memory whose references are counted: what is wrong with them is a failure of the test.
class PacketStore {
  public:
    /// A packet with `length` bytes of a stream from `place` on; the caller holds one reference.
    [[nodiscard]] Slice make(std::uint64_t stream, std::uint64_t place, std::uint32_t length) {
        std::vector<std::byte> bytes(length);
        for (std::uint32_t i = 0; i < length; ++i) {
            bytes[i] = pattern(stream, place + i);
        }
        return make(bytes);
    }

    /// A packet with a copy of `bytes`; the caller holds one reference.
    [[nodiscard]] Slice make(std::span<const std::byte> bytes) {
        Packet packet{std::make_unique<std::byte[]>(bytes.size()), 1};
        std::copy(bytes.begin(), bytes.end(), packet.bytes.get());
        const std::byte* const data = packet.bytes.get();
        packets_.push_back(std::move(packet));
        return {data, static_cast<std::uint32_t>(bytes.size()), OwnerKind::packet,
                packets_.size() - 1};
    }

    void retain(const Slice& slice, std::uint32_t count) {
        packets_[slice.handle].references += count;
    }

    void release(const Slice& slice) {
        ASSERT_LT(slice.handle, packets_.size());
        Packet& packet = packets_[slice.handle];
        ASSERT_GT(packet.references, 0U) << "a packet is released once too often";
        if (--packet.references == 0) {
            packet.bytes.reset(); // Use after this is the address sanitizer's to find.
        }
    }

    /// Tells the packets' owners what the queues have let go.
    void collect(Buffers& buffers) {
        buffers.take_released([this](const Slice& slice) {
            if (slice.owner == OwnerKind::packet) {
                release(slice);
            }
        });
    }

    [[nodiscard]] std::uint64_t references() const {
        std::uint64_t sum = 0;
        for (const Packet& packet : packets_) {
            sum += packet.references;
        }
        return sum;
    }

  private:
    struct Packet {
        std::unique_ptr<std::byte[]> bytes;
        std::uint32_t references = 0;
    };

    std::vector<Packet> packets_;
};

} // namespace millrace::tcp
