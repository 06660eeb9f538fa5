#pragma once

#include "base/big_endian.hpp"
#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/ip.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t ipv6_header_bytes = 40;
inline constexpr std::size_t ipv6_fragment_header_bytes = 8;
/// Every link carries packets of this size (RFC 8200 §5).
inline constexpr std::size_t ipv6_mtu_bytes_min = 1280;
/// More extension headers than anybody honest sends; each is work for every packet.
inline constexpr unsigned ipv6_extensions_max = 8;

/// The fixed IPv6 header as it lies in a packet (RFC 8200 §3).
struct Ipv6Header {
    BigEndian<std::uint32_t> version_class_flow;
    BigEndian<std::uint16_t> payload_length;
    std::uint8_t next_header;
    std::uint8_t hop_limit;
    Ipv6Addr source;
    Ipv6Addr destination;

    static constexpr std::uint32_t flow_mask = 0xf'ffff;
};
static_assert(sizeof(Ipv6Header) == ipv6_header_bytes);

/// The fragment header as it lies in a packet (RFC 8200 §4.5).
struct Ipv6FragmentHeader {
    std::uint8_t next_header;
    std::uint8_t reserved;
    BigEndian<std::uint16_t> fragment; ///< Offset in units of eight bytes above three bits.
    BigEndian<std::uint32_t> id;

    static constexpr std::uint16_t more_fragments = 0x0001;
    static constexpr std::uint16_t offset_mask = 0xfff8;
};
static_assert(sizeof(Ipv6FragmentHeader) == ipv6_fragment_header_bytes);

/// What an ICMPv6 parameter problem is to say of a packet that was refused (RFC 4443 §3.4).
struct Ipv6Problem {
    bool report = false; ///< False: refused in silence.
    bool even_if_multicast = false;
    std::uint8_t code = 0;
    std::uint16_t pointer = 0; ///< Bytes from the beginning of the packet.
};

/// A packet behind its extension headers. `headers` and `payload` point into its bytes.
struct Ipv6Packet {
    Ipv6Addr source;
    Ipv6Addr destination;
    std::uint8_t protocol = 0; ///< What `payload` is; of a fragment that is not the first, will be.
    std::uint8_t hop_limit = 0;
    std::uint8_t traffic_class = 0; ///< See wire/ip.hpp.
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0; ///< Bytes.
    /// Where `protocol` stands: for parameter problem code 1.
    std::uint16_t next_header_offset = 0;
    std::uint32_t fragment_id = 0;
    std::uint32_t flow_label = 0;
    Ipv6Problem problem;                  ///< Means something only when the packet was refused.
    std::span<const std::byte> headers{}; ///< The fixed and the extension headers.
    std::span<const std::byte> payload{}; ///< Free of the frame's padding.

    /// False for a packet in one piece that carries a fragment header (RFC 6946).
    [[nodiscard]] constexpr bool is_fragment() const {
        return more_fragments || fragment_offset != 0;
    }
};

namespace detail {

[[nodiscard]] constexpr bool is_ipv6_extension(std::uint8_t next_header) {
    return next_header == ip_protocol::hop_by_hop || next_header == ip_protocol::routing ||
           next_header == ip_protocol::fragment || next_header == ip_protocol::destination_options;
}

/// Walks the extension headers of `packet`, whose `protocol` is the fixed header's next header and
/// whose `headers` and `payload` part behind the fixed header.
Drop walk_ipv6_extensions(Ipv6Packet& packet);

inline void read_ipv6_header(const Ipv6Header& header, Ipv6Packet& out) {
    const std::uint32_t first = header.version_class_flow;
    out.source = header.source;
    out.destination = header.destination;
    out.protocol = header.next_header;
    out.hop_limit = header.hop_limit;
    out.traffic_class = static_cast<std::uint8_t>(first >> 20);
    out.more_fragments = false;
    out.fragment_offset = 0;
    out.next_header_offset = 6;
    out.fragment_id = 0;
    out.flow_label = first & Ipv6Header::flow_mask;
}

} // namespace detail

/// Reads the packet that `bytes` begin with, extension headers included; what lies beyond its
/// payload length is the frame's padding. Returns `ipv6_too_short`, `ipv6_bad_version`,
/// `ipv6_bad_payload_length`, `ipv6_bad_extension`, `ipv6_extension_order` (hop-by-hop not first),
/// `ipv6_too_many_extensions`, `ipv6_bad_option`, `ipv6_routing_header` (segments left) or
/// `fragment_malformed`. When a packet is refused behind its fixed header, `problem` says what to
/// answer. The walk ends at a fragment header, unless the packet is whole.
inline Drop parse_ipv6(std::span<const std::byte> bytes, Ipv6Packet& out) {
    out.problem.report = false;
    if (bytes.size() < ipv6_header_bytes) [[unlikely]] {
        return Drop::ipv6_too_short;
    }
    const auto& header = header_at<Ipv6Header>(bytes.data());
    if (header.version_class_flow >> 28 != 6) [[unlikely]] {
        return Drop::ipv6_bad_version;
    }
    const std::size_t payload_bytes = header.payload_length;
    if (payload_bytes > bytes.size() - ipv6_header_bytes) [[unlikely]] {
        return Drop::ipv6_bad_payload_length;
    }
    detail::read_ipv6_header(header, out);
    out.headers = bytes.first(ipv6_header_bytes);
    out.payload = bytes.subspan(ipv6_header_bytes).first(payload_bytes);
    if (detail::is_ipv6_extension(out.protocol)) [[unlikely]] {
        // A copy, so that a packet which the caller keeps in registers is not forced into memory.
        Ipv6Packet walked = out;
        const Drop drop = detail::walk_ipv6_extensions(walked);
        out = walked;
        return drop;
    }
    return Drop::none;
}

/// Reads what an error message quotes of a packet: as `parse_ipv6`, but the payload may be cut
/// short.
Drop parse_ipv6_quote(std::span<const std::byte> bytes, Ipv6Packet& out);

/// Whether the packet's addresses may appear on a wire (RFC 4291 §2.5, §2.7, RFC 6890): else
/// `ip_martian_source` or `ip_martian_destination`. The unspecified address may send ICMPv6 only
/// (duplicate address detection).
[[nodiscard]] constexpr Drop check_addresses(const Ipv6Packet& packet) {
    const Ipv6Addr& from = packet.source;
    const Ipv6Addr& to = packet.destination;
    if (from.is_multicast() || from.is_loopback() || from.is_ipv4_mapped() ||
        (from.is_unspecified() && packet.protocol != ip_protocol::icmpv6)) {
        return Drop::ip_martian_source;
    }
    const bool stays_on_node = to.is_multicast() && (to.bytes[1] & 0xfU) <= 1;
    if (to.is_unspecified() || to.is_loopback() || to.is_ipv4_mapped() || stays_on_node) {
        return Drop::ip_martian_destination;
    }
    return Drop::none;
}

/// Writes the fixed header at `out`, which has room for 40 bytes, for `payload_bytes` of upper
/// layer behind it, and returns its length. The packet's spans and fragment fields are not looked
/// at.
inline std::size_t write_ipv6(std::byte* out, const Ipv6Packet& packet, std::size_t payload_bytes) {
    header_at<Ipv6Header>(out) = {.version_class_flow = 0x6000'0000U |
                                                        std::uint32_t{packet.traffic_class} << 20 |
                                                        (packet.flow_label & Ipv6Header::flow_mask),
                                  .payload_length = static_cast<std::uint16_t>(payload_bytes),
                                  .next_header = packet.protocol,
                                  .hop_limit = packet.hop_limit,
                                  .source = packet.source,
                                  .destination = packet.destination};
    return ipv6_header_bytes;
}

} // namespace millrace::wire
