#pragma once

#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv6.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace millrace::wire {

/// Every ND packet leaves and arrives with this hop limit: no router has passed it on (RFC 4861
/// §3.1).
inline constexpr std::uint8_t nd_hop_limit = 255;

/// Asks for the link-layer address of `target`, or whether anybody has it (RFC 4861 §4.3).
struct NeighbourSolicitation {
    Ipv6Addr target;
    std::optional<MacAddr> source_mac; ///< The sender's; none in duplicate address detection.

    [[nodiscard]] friend bool operator==(const NeighbourSolicitation&,
                                         const NeighbourSolicitation&) = default;
};

/// Tells the link-layer address of `target` (RFC 4861 §4.4).
struct NeighbourAdvertisement {
    Ipv6Addr target;
    bool router = false;
    bool solicited = false;
    bool override = false; ///< May replace an address that is known already.
    std::optional<MacAddr> target_mac;

    [[nodiscard]] friend bool operator==(const NeighbourAdvertisement&,
                                         const NeighbourAdvertisement&) = default;
};

/// Asks routers to advertise themselves (RFC 4861 §4.1).
struct RouterSolicitation {
    std::optional<MacAddr> source_mac;

    [[nodiscard]] friend bool operator==(const RouterSolicitation&,
                                         const RouterSolicitation&) = default;
};

/// A prefix of the link (RFC 4861 §4.6.2).
struct PrefixInformation {
    Prefix<Ipv6Addr> prefix;
    bool on_link = false;
    bool autonomous = false;       ///< Addresses may be made from it (RFC 4862).
    std::uint32_t valid_s = 0;     ///< Seconds; UINT32_MAX is for ever.
    std::uint32_t preferred_s = 0; ///< Likewise.

    [[nodiscard]] friend bool operator==(const PrefixInformation&,
                                         const PrefixInformation&) = default;
};

/// What a router says of itself and the link (RFC 4861 §4.2). Prefixes beyond the fourth are
/// ignored.
struct RouterAdvertisement {
    static constexpr std::size_t prefixes_max = 4;

    std::uint8_t hop_limit = 0;      ///< 0: unspecified.
    bool managed = false;            ///< Addresses by DHCPv6.
    bool other = false;              ///< Other configuration by DHCPv6.
    std::uint16_t lifetime_s = 0;    ///< As a default router; 0: it is none.
    std::uint32_t reachable_ms = 0;  ///< 0: unspecified.
    std::uint32_t retransmit_ms = 0; ///< 0: unspecified.
    std::optional<MacAddr> source_mac;
    std::optional<std::uint32_t> mtu; ///< Bytes.
    std::size_t prefix_count = 0;
    std::array<PrefixInformation, prefixes_max> prefixes{};

    [[nodiscard]] friend bool operator==(const RouterAdvertisement&,
                                         const RouterAdvertisement&) = default;
};

/// Each reads one kind of message: `message` is what `parse_icmpv6` made of the payload of
/// `packet`, and has that type. They apply every check of RFC 4861 §6.1 and §7.1 and return
/// `nd_hop_limit`, `nd_too_short`, `nd_malformed` (code, flags or addresses), `nd_bad_source` or
/// `nd_bad_options`. Options that are unknown, or mean nothing in this message, are skipped.
Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, NeighbourSolicitation& out);
Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, NeighbourAdvertisement& out);
Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, RouterSolicitation& out);
Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, RouterAdvertisement& out);

/// The most that `write_nd` writes.
inline constexpr std::size_t nd_bytes_max = 16 + 8 + 8 + RouterAdvertisement::prefixes_max * 32;

/// Each writes its message with options and checksum at `out`, which has room for `nd_bytes_max`,
/// and returns its length. The addresses are those of the packet that will carry it.
std::size_t write_nd(std::byte* out, const NeighbourSolicitation& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination);
std::size_t write_nd(std::byte* out, const NeighbourAdvertisement& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination);
std::size_t write_nd(std::byte* out, const RouterSolicitation& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination);
std::size_t write_nd(std::byte* out, const RouterAdvertisement& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination);

} // namespace millrace::wire
