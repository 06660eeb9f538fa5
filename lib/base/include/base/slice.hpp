#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

/// Who owns the bytes of a slice, and so who has to be told when the last use of it ends.
enum class OwnerKind : std::uint8_t {
    nobody, ///< Static bytes, or bytes that outlive every connection.
    packet, ///< A received packet; the handle is the NIC's, the reference count its own.
    chunk,  ///< A buffer of the worker's own chunk pool; the handle is its index.
    store,  ///< A document of the content store; the handle is the store's.
};

/// A counted view of bytes that someone else owns. Copying a slice does not take a reference.
struct Slice {
    const std::byte* data = nullptr;
    std::uint32_t length = 0; ///< Bytes.
    OwnerKind owner = OwnerKind::nobody;
    std::uint64_t handle = 0; ///< Means something to the owner only.

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data, length}; }

    /// The slice without its first `count` bytes; `count` is at most `length`.
    [[nodiscard]] Slice without_first(std::uint32_t count) const {
        return {data + count, length - count, owner, handle};
    }

    /// The first `count` bytes of the slice; `count` is at most `length`.
    [[nodiscard]] Slice first(std::uint32_t count) const { return {data, count, owner, handle}; }
};

static_assert(sizeof(Slice) == 24, "three slices and their links share two cache lines");

} // namespace millrace
