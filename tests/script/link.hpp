#pragma once

#include "script.hpp"
#include "segment.hpp"
#include "support/memory_nic.hpp"
#include "wire/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The peer's end of the link: segments as frames and frames as segments, and the answers to ARP
/// and neighbour solicitations, of which scripts do not speak.
namespace millrace::script {

enum class Family : std::uint8_t { ipv4, ipv6 };

inline constexpr wire::MacAddr our_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr wire::MacAddr peer_mac{{2, 0, 0, 0, 0, 1}};

/// Ours and the peer's address.
template <class Addr>
[[nodiscard]] Addr our_address();
template <class Addr>
[[nodiscard]] Addr peer_address();

/// Which connection a segment belongs to; `local` is the stack's port.
struct Ports {
    std::uint16_t local = 0;
    std::uint16_t remote = 0;

    bool operator==(const Ports&) const = default;
};

/// A segment with its numbers as they stand on the wire.
struct Packet {
    Ports ports;
    Segment segment;
    std::vector<std::byte> payload;
};

/// A frame from the peer to the stack.
[[nodiscard]] support::Frame frame_of(Family family, const Packet& packet);

/// A frame from a router on the way, about a segment of ours.
[[nodiscard]] support::Frame frame_of(Family family, const IcmpError& error, const Packet& quoted);

/// The TCP segment in a frame from the stack, or nothing when it is something else. Throws
/// `std::runtime_error` for one that no peer would take: wrong checksum, address, length.
[[nodiscard]] std::optional<Packet> packet_of(Family family, const support::Frame& frame);

/// Tells the stack the peer's link-layer address: a question that it answers.
[[nodiscard]] support::Frame greeting(Family family);

/// The answer to a question for the peer's link-layer address, if it is one.
[[nodiscard]] std::optional<support::Frame> answer_to(const support::Frame& frame);

/// What stands at a sequence number, in either direction: so text out of place shows.
[[nodiscard]] constexpr std::byte text_at(std::uint32_t seq) {
    return static_cast<std::byte>(seq * 2'654'435'761U >> 24);
}

} // namespace millrace::script
