#pragma once

#include "base/big_endian.hpp"
#include "wire/drop.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t udp_header_bytes = 8;

/// The UDP header as it lies in a packet (RFC 768).
struct UdpHeader {
    BigEndian<std::uint16_t> source_port;
    BigEndian<std::uint16_t> destination_port;
    BigEndian<std::uint16_t> length;
    BigEndian<std::uint16_t> checksum;
};
static_assert(sizeof(UdpHeader) == udp_header_bytes);

/// A datagram; the spans point into the packet.
struct UdpDatagram {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t checksum = 0;           ///< As it was sent; 0: none (RFC 768), not over IPv6.
    std::span<const std::byte> covered{}; ///< Header and payload: what the checksum covers.
    std::span<const std::byte> payload{};

    [[nodiscard]] constexpr bool has_checksum() const { return checksum != 0; }
};

/// Reads the datagram that fills `bytes`, the IP payload; the checksum is verified elsewhere, over
/// `covered` and the pseudo-header. What lies beyond the UDP length is left out (RFC 9868 options
/// are not read). Returns `udp_too_short` or `udp_bad_length`.
inline Drop parse_udp(std::span<const std::byte> bytes, UdpDatagram& out) {
    if (bytes.size() < udp_header_bytes) [[unlikely]] {
        return Drop::udp_too_short;
    }
    const auto& header = header_at<UdpHeader>(bytes.data());
    const std::size_t length = header.length;
    if (length < udp_header_bytes || length > bytes.size()) [[unlikely]] {
        return Drop::udp_bad_length;
    }
    out.source_port = header.source_port;
    out.destination_port = header.destination_port;
    out.checksum = header.checksum;
    out.covered = bytes.first(length);
    out.payload = out.covered.subspan(udp_header_bytes);
    return Drop::none;
}

/// Writes the header at `out`, which has room for 8 bytes, for a payload of `payload_bytes`, and
/// returns its length. The checksum is zero: see `finish_udp` in wire/checksum.hpp.
inline std::size_t write_udp(std::byte* out, const UdpDatagram& datagram,
                             std::size_t payload_bytes) {
    header_at<UdpHeader>(out) = {.source_port = datagram.source_port,
                                 .destination_port = datagram.destination_port,
                                 .length =
                                     static_cast<std::uint16_t>(udp_header_bytes + payload_bytes),
                                 .checksum = std::uint16_t{0}};
    return udp_header_bytes;
}

} // namespace millrace::wire
