#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

namespace millrace::wire {

/// A header as it lies in a packet: fields of one-byte alignment, in the order of the RFC's
/// diagram.
template <class T>
concept WireHeader = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> &&
                     alignof(T) == 1;

/// The header laid over the bytes that begin at `bytes`, which are at least `sizeof(Header)`:
/// whoever calls has checked. Such headers hold nothing but arrays of bytes, so reading packet
/// memory through them breaks no aliasing rule.
template <WireHeader Header>
[[nodiscard]] inline const Header& header_at(const std::byte* bytes) {
    return *reinterpret_cast<const Header*>(bytes);
}

template <WireHeader Header>
[[nodiscard]] inline Header& header_at(std::byte* bytes) {
    return *reinterpret_cast<Header*>(bytes);
}

} // namespace millrace::wire
