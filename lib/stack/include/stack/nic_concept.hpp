#pragma once

#include "base/packet.hpp"
#include "base/slice.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace millrace::stack {

/// A packet as the stack holds it: a handle as cheap as a pointer, null when default-made. Copying
/// it copies no ownership. A received packet may be a chain of segments; every header is in the
/// first.
template <class P>
concept PacketHandle = std::is_trivially_copyable_v<P> && std::default_initializable<P> &&
    requires(P packet, std::uint32_t count, std::uint64_t handle, const TxRequest& request) {
    static_cast<bool>(packet);
    /// The bytes of this segment, writable.
    { packet.bytes() } -> std::same_as<std::span<std::byte>>;
    /// Bytes of the whole chain.
    { packet.length() } -> std::same_as<std::uint32_t>;
    /// The next segment of the chain (owned by the first), or null.
    { packet.next() } -> std::same_as<P>;
    { packet.checksums() } -> std::same_as<RxChecksums>;
    /// Bytes of memory that the first segment pins, whatever its length.
    { packet.true_size() } -> std::same_as<std::uint32_t>;
    /// What a `Slice` of kind `packet` carries, and back.
    { packet.handle() } -> std::same_as<std::uint64_t>;
    { P::from_handle(handle) } -> std::same_as<P>;
    /// Extends the first segment by `count` bytes at its end; null when they do not fit.
    { packet.append(count) } -> std::same_as<std::byte*>;
    /// Says what the port shall do when it sends the packet.
    packet.request(request);
};

/// One worker's queues on a port, and the packet memory they use. Only that worker calls it.
template <class N>
concept Nic = PacketHandle<typename N::Packet> &&
    requires(N& nic, const N& quiet, std::span<typename N::Packet> burst, typename N::Packet packet,
             const Slice& slice) {
    /// Fills `burst` from the receive queue; the caller owns what it gets.
    { nic.receive(burst) } -> std::same_as<std::size_t>;
    /// Sends from the front of `burst`; those sent are the port's, the rest stay the
    /// caller's.
    { nic.transmit(burst) } -> std::same_as<std::size_t>;
    /// Fills `burst` with empty packets that have headroom; all or none.
    { nic.allocate(burst) } -> std::same_as<bool>;
    /// One more user of a packet's memory, and one fewer; the last frees it.
    nic.retain(packet);
    nic.release(packet);
    /// Chains a slice to the end of a packet without copying, keeping its owner alive
    /// until the packet is sent; false when this port or owner cannot: then copy.
    { nic.attach(packet, slice) } -> std::same_as<bool>;
    { quiet.offloads() } -> std::same_as<TxOffloads>;
};

} // namespace millrace::stack
