#pragma once

#include "base/big_endian.hpp"
#include "wire/address.hpp"
#include "wire/checksum.hpp"
#include "wire/drop.hpp"
#include "wire/ip.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t ipv4_header_bytes_min = 20;
inline constexpr std::size_t ipv4_header_bytes_max = 60;
inline constexpr std::size_t ipv4_packet_bytes_max = 0xffff;

/// The IPv4 header as it lies in a packet (RFC 791 §3.1).
struct Ipv4Header {
    std::uint8_t version_length; ///< Version above, header length in 32-bit words below.
    std::uint8_t traffic_class;
    BigEndian<std::uint16_t> total_length;
    BigEndian<std::uint16_t> id;
    BigEndian<std::uint16_t> fragment; ///< Three flags, then the offset in units of eight bytes.
    std::uint8_t ttl;
    std::uint8_t protocol;
    BigEndian<std::uint16_t> checksum;
    Ipv4Addr source;
    Ipv4Addr destination;

    static constexpr std::uint16_t dont_fragment = 0x4000;
    static constexpr std::uint16_t more_fragments = 0x2000;
    static constexpr std::uint16_t offset_mask = 0x1fff;
};
static_assert(sizeof(Ipv4Header) == ipv4_header_bytes_min);

/// A packet. `header` and `payload` point into its bytes; `payload` is free of the frame's padding.
struct Ipv4Packet {
    Ipv4Addr source;
    Ipv4Addr destination;
    std::uint8_t protocol = 0;
    std::uint8_t ttl = 0;
    std::uint8_t traffic_class = 0; ///< See wire/ip.hpp.
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint16_t id = 0;
    std::uint16_t fragment_offset = 0; ///< Bytes.
    std::span<const std::byte> header{};
    std::span<const std::byte> payload{};

    [[nodiscard]] constexpr bool is_fragment() const {
        return more_fragments || fragment_offset != 0;
    }
    [[nodiscard]] constexpr std::span<const std::byte> options() const {
        return header.subspan(ipv4_header_bytes_min);
    }
};

namespace detail {
/// The first byte of a header of version 4 and five words.
inline constexpr std::uint8_t ipv4_without_options = 0x45;
/// The options of a header longer than 20 bytes.
Drop check_ipv4_options(std::span<const std::byte> options);
Drop check_ipv4_fragment(std::size_t offset_bytes, std::size_t payload_bytes, bool more_fragments);
} // namespace detail

/// Reads the packet that `bytes` begin with; what lies beyond its total length is the frame's
/// padding. The header's checksum is left to `ipv4_header_is_intact`, for a port may have looked at
/// it. Returns `ipv4_too_short`, `ipv4_bad_version`, `ipv4_bad_header_length`,
/// `ipv4_bad_total_length`, `ipv4_bad_options`, `ipv4_source_route` (RFC 7126 §4.3) or
/// `fragment_malformed`; then only `header`, when it is not empty, means something.
inline Drop parse_ipv4(std::span<const std::byte> bytes, Ipv4Packet& out) {
    if (bytes.size() < ipv4_header_bytes_min) [[unlikely]] {
        return Drop::ipv4_too_short;
    }
    const auto& header = header_at<Ipv4Header>(bytes.data());
    std::size_t header_bytes = ipv4_header_bytes_min;
    if (header.version_length != detail::ipv4_without_options) [[unlikely]] {
        header_bytes = (header.version_length & 0xfU) * std::size_t{4};
        if (header.version_length >> 4 != 4) {
            return Drop::ipv4_bad_version;
        }
        if (header_bytes < ipv4_header_bytes_min || header_bytes > bytes.size()) {
            return Drop::ipv4_bad_header_length;
        }
    }
    out.header = bytes.first(header_bytes);
    const std::size_t total = header.total_length;
    if (total < header_bytes || total > bytes.size()) [[unlikely]] {
        return Drop::ipv4_bad_total_length;
    }
    const std::uint16_t fragment = header.fragment;
    out.source = header.source;
    out.destination = header.destination;
    out.protocol = header.protocol;
    out.ttl = header.ttl;
    out.traffic_class = header.traffic_class;
    out.dont_fragment = (fragment & Ipv4Header::dont_fragment) != 0;
    out.more_fragments = (fragment & Ipv4Header::more_fragments) != 0;
    out.id = header.id;
    out.fragment_offset = static_cast<std::uint16_t>(fragment << 3);
    out.payload = bytes.first(total).subspan(header_bytes);
    if (header_bytes != ipv4_header_bytes_min) [[unlikely]] {
        if (const Drop drop = detail::check_ipv4_options(out.options()); drop != Drop::none) {
            return drop;
        }
    }
    constexpr unsigned is_fragment = Ipv4Header::more_fragments | Ipv4Header::offset_mask;
    if ((fragment & is_fragment) != 0) [[unlikely]] {
        return detail::check_ipv4_fragment(out.fragment_offset, out.payload.size(),
                                           out.more_fragments);
    }
    return Drop::none;
}

namespace detail {
/// The sum of a header without options, to be folded as it is: it fills all 64 bits.
[[nodiscard]] inline ChecksumSum sum_ipv4_header(const std::byte* header) {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint32_t third = 0;
    std::memcpy(&first, header, 8);
    std::memcpy(&second, header + 8, 8);
    std::memcpy(&third, header + 16, 4);
    return {add_with_carry(add_with_carry(first, second), third)};
}
} // namespace detail

/// True when the header's checksum is right; `header` is `Ipv4Packet::header`.
[[nodiscard]] inline bool ipv4_header_is_intact(std::span<const std::byte> header) {
    return is_intact(header.size() == ipv4_header_bytes_min ? detail::sum_ipv4_header(header.data())
                                                            : sum(header));
}

/// Whether the packet's addresses may appear on a wire (RFC 1122 §3.2.1.3, RFC 6890): else
/// `ip_martian_source` or `ip_martian_destination`. A source that is our own, and a subnet's own
/// broadcast address as source, only the stack knows.
[[nodiscard]] constexpr Drop check_addresses(const Ipv4Packet& packet) {
    const Ipv4Addr& from = packet.source;
    const Ipv4Addr& to = packet.destination;
    if (from.is_multicast() || from.is_reserved() || from.is_loopback() || from.is_this_network()) {
        return Drop::ip_martian_source;
    }
    if (to.is_loopback() || to.is_this_network() || (to.is_reserved() && !to.is_broadcast())) {
        return Drop::ip_martian_destination;
    }
    return Drop::none;
}

/// Writes a header without options at `out`, which has room for 20 bytes, for a payload of
/// `payload_bytes`, and returns its length. `header` and `payload` of the packet are not looked at.
/// The checksum is zero, which is what a port wants that fills it in.
inline std::size_t write_ipv4(std::byte* out, const Ipv4Packet& packet, std::size_t payload_bytes) {
    const unsigned flags = (packet.dont_fragment ? Ipv4Header::dont_fragment : 0U) |
                           (packet.more_fragments ? Ipv4Header::more_fragments : 0U);
    header_at<Ipv4Header>(out) = {
        .version_length = detail::ipv4_without_options,
        .traffic_class = packet.traffic_class,
        .total_length = static_cast<std::uint16_t>(ipv4_header_bytes_min + payload_bytes),
        .id = packet.id,
        .fragment = static_cast<std::uint16_t>(flags | unsigned{packet.fragment_offset} >> 3),
        .ttl = packet.ttl,
        .protocol = packet.protocol,
        .checksum = std::uint16_t{0},
        .source = packet.source,
        .destination = packet.destination};
    return ipv4_header_bytes_min;
}

/// Fills in the checksum of a header of 20 bytes whose checksum field is zero.
inline void fill_ipv4_checksum(std::byte* header) {
    header_at<Ipv4Header>(header).checksum = finish(detail::sum_ipv4_header(header));
}

} // namespace millrace::wire
