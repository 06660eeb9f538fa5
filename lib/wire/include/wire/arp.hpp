#pragma once

#include "base/big_endian.hpp"
#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

enum class ArpOperation : std::uint16_t { request = 1, reply = 2 };

/// An ARP packet for IPv4 over Ethernet as it lies in a frame (RFC 826).
struct ArpHeader {
    BigEndian<std::uint16_t> hardware_type;
    BigEndian<std::uint16_t> protocol_type;
    std::uint8_t hardware_length;
    std::uint8_t protocol_length;
    BigEndian<std::uint16_t> operation;
    MacAddr sender_mac;
    Ipv4Addr sender_ip;
    MacAddr target_mac;
    Ipv4Addr target_ip;
};

inline constexpr std::size_t arp_bytes = 28;
static_assert(sizeof(ArpHeader) == arp_bytes);

struct ArpPacket {
    ArpOperation operation = ArpOperation::request;
    MacAddr sender_mac;
    Ipv4Addr sender_ip;
    MacAddr target_mac;
    Ipv4Addr target_ip;

    /// Somebody asks whether `target_ip` is free before using it (RFC 5227 §2.1.1).
    [[nodiscard]] constexpr bool is_probe() const {
        return operation == ArpOperation::request && sender_ip.is_unspecified();
    }
    /// Somebody says that `sender_ip` is theirs now (RFC 5227 §2.3), as a request or a reply.
    [[nodiscard]] constexpr bool is_gratuitous() const {
        return sender_ip == target_ip && !sender_ip.is_unspecified();
    }

    [[nodiscard]] friend constexpr bool operator==(const ArpPacket&, const ArpPacket&) = default;
};

/// Reads an ARP packet; what follows it is padding. Returns `arp_too_short`, `arp_malformed` (not
/// IPv4 over Ethernet, or an operation other than the two) or `arp_bad_sender` (a hardware address
/// of a group or of nobody; a protocol address of a group, of loopback, or broadcast).
Drop parse_arp(std::span<const std::byte> bytes, ArpPacket& out);

/// Writes the packet at `out`, which has room for `arp_bytes`, and returns that length.
std::size_t write_arp(std::byte* out, const ArpPacket& packet);

} // namespace millrace::wire
