#pragma once

#include "wire/address.hpp"
#include "wire/checksum.hpp"
#include "wire/drop.hpp"
#include "wire/icmp.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

namespace icmpv6_type {
inline constexpr std::uint8_t destination_unreachable = 1;
inline constexpr std::uint8_t packet_too_big = 2;
inline constexpr std::uint8_t time_exceeded = 3;
inline constexpr std::uint8_t parameter_problem = 4;
inline constexpr std::uint8_t echo_request = 128;
inline constexpr std::uint8_t echo_reply = 129;
inline constexpr std::uint8_t router_solicitation = 133;
inline constexpr std::uint8_t router_advertisement = 134;
inline constexpr std::uint8_t neighbour_solicitation = 135;
inline constexpr std::uint8_t neighbour_advertisement = 136;
inline constexpr std::uint8_t redirect = 137;
} // namespace icmpv6_type

/// Codes of `destination_unreachable` (RFC 4443 §3.1).
namespace icmpv6_unreachable {
inline constexpr std::uint8_t no_route = 0;
inline constexpr std::uint8_t administratively_prohibited = 1;
inline constexpr std::uint8_t address = 3;
inline constexpr std::uint8_t port = 4;
} // namespace icmpv6_unreachable

/// Codes of `parameter_problem` (RFC 4443 §3.4).
namespace icmpv6_problem {
inline constexpr std::uint8_t erroneous_field = 0;
inline constexpr std::uint8_t unknown_next_header = 1;
inline constexpr std::uint8_t unknown_option = 2;
} // namespace icmpv6_problem

/// An ICMPv6 message (RFC 4443); what does not belong to its type is 0. The spans point into the
/// packet.
struct Icmpv6Message {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t echo_id = 0;
    std::uint16_t echo_sequence = 0;
    std::uint32_t mtu = 0;              ///< Packet too big: bytes.
    std::uint32_t pointer = 0;          ///< Parameter problem: offset of the bad byte.
    std::span<const std::byte> data{};  ///< Behind the first 8 bytes: echo data, or the quote.
    std::span<const std::byte> whole{}; ///< From the type on: what wire/nd.hpp reads.

    [[nodiscard]] constexpr bool is_echo() const {
        return type == icmpv6_type::echo_request || type == icmpv6_type::echo_reply;
    }
    [[nodiscard]] constexpr bool is_neighbour_discovery() const {
        return type >= icmpv6_type::router_solicitation && type <= icmpv6_type::redirect;
    }
    /// Errors have the high bit of their type clear (RFC 4443 §2.1).
    [[nodiscard]] constexpr bool is_error() const { return type < 128; }
};

/// The IPv6 packet that an error quotes.
struct Icmpv6Quote {
    Ipv6Addr source;
    Ipv6Addr destination;
    QuotedTransport transport;
};

/// Reads the message that fills `bytes`, the upper layer of an IPv6 packet whose pseudo-header sums
/// up to `pseudo_header`, and verifies its checksum. Returns `icmp_too_short`, `icmp_bad_checksum`
/// or `icmp_unknown_type`.
Drop parse_icmpv6(std::span<const std::byte> bytes, ChecksumSum pseudo_header, Icmpv6Message& out);

/// Reads the quote of an error, which may be cut short: `Icmpv6Message::data`. Returns
/// `icmp_bad_quote` when it does not hold the first 8 bytes of a TCP or UDP header behind the
/// extension headers, or quotes a fragment that has none.
Drop parse_icmpv6_quote(std::span<const std::byte> data, Icmpv6Quote& out);

/// Writes an echo or error message with its data and checksum at `out`, which has room for 8 bytes
/// and `data`, and returns its length. The pseudo-header's sum covers that length.
std::size_t write_icmpv6(std::byte* out, const Icmpv6Message& message, const Ipv6Addr& source,
                         const Ipv6Addr& destination);

} // namespace millrace::wire
