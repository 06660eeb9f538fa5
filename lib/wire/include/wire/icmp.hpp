#pragma once

#include "base/big_endian.hpp"
#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/seq_num.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

namespace icmp_type {
inline constexpr std::uint8_t echo_reply = 0;
inline constexpr std::uint8_t destination_unreachable = 3;
inline constexpr std::uint8_t source_quench = 4;
inline constexpr std::uint8_t redirect = 5;
inline constexpr std::uint8_t echo_request = 8;
inline constexpr std::uint8_t time_exceeded = 11;
inline constexpr std::uint8_t parameter_problem = 12;
} // namespace icmp_type

/// Codes of `destination_unreachable` (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
namespace icmp_unreachable {
inline constexpr std::uint8_t net = 0;
inline constexpr std::uint8_t host = 1;
inline constexpr std::uint8_t protocol = 2;
inline constexpr std::uint8_t port = 3;
inline constexpr std::uint8_t fragmentation_needed = 4;
inline constexpr std::uint8_t administratively_prohibited = 13;
} // namespace icmp_unreachable

/// The code of `time_exceeded` for fragments that did not all come in time; ICMPv6 has the same.
inline constexpr std::uint8_t icmp_time_exceeded_reassembly = 1;

inline constexpr std::size_t icmp_header_bytes = 8;
/// An ICMPv4 error is never longer than this, IP header included (RFC 1812 §4.3.2.3).
inline constexpr std::size_t icmp_error_packet_bytes_max = 576;

/// The ICMP header as it lies in a packet (RFC 792); ICMPv6 has the same shape (RFC 4443 §2.1).
struct IcmpHeader {
    std::uint8_t type;
    std::uint8_t code;
    BigEndian<std::uint16_t> checksum;
    BigEndian<std::uint16_t> first;  ///< Echo: identifier. Parameter problem: upper byte, pointer.
    BigEndian<std::uint16_t> second; ///< Echo: sequence number. Fragmentation needed: MTU.
};
static_assert(sizeof(IcmpHeader) == icmp_header_bytes);

/// An ICMP message; what does not belong to its type is 0. `data` points into the packet: what an
/// echo carries, or the packet that an error quotes.
struct IcmpMessage {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t echo_id = 0;
    std::uint16_t echo_sequence = 0;
    std::uint16_t mtu = 0; ///< Bytes, of the next hop (RFC 1191 §4); 0: an old router does not say.
    std::uint8_t pointer = 0; ///< Parameter problem: offset of the bad byte.
    std::span<const std::byte> data{};

    [[nodiscard]] constexpr bool is_echo() const {
        return type == icmp_type::echo_request || type == icmp_type::echo_reply;
    }
    [[nodiscard]] constexpr bool is_fragmentation_needed() const {
        return type == icmp_type::destination_unreachable &&
               code == icmp_unreachable::fragmentation_needed;
    }
    /// Says that something went wrong with a packet of ours, and quotes it.
    [[nodiscard]] constexpr bool is_error() const;
};

constexpr bool IcmpMessage::is_error() const {
    return type == icmp_type::destination_unreachable || type == icmp_type::source_quench ||
           type == icmp_type::redirect || type == icmp_type::time_exceeded ||
           type == icmp_type::parameter_problem;
}

/// What an ICMP error (of either version) quotes of a packet's transport header.
struct QuotedTransport {
    std::uint8_t protocol = 0;
    std::uint16_t source_port = 0;      ///< TCP and UDP; ours, since the packet was.
    std::uint16_t destination_port = 0; ///< Likewise; the peer's.
    SeqNum seq;                         ///< TCP: what RFC 5927 §4.1 checks to be in flight.
};

/// The IPv4 packet that an error quotes.
struct IcmpQuote {
    Ipv4Addr source;
    Ipv4Addr destination;
    QuotedTransport transport;
};

/// Reads the message that fills `bytes`, the IP payload, and verifies its checksum. Returns
/// `icmp_too_short`, `icmp_bad_checksum` or `icmp_unknown_type`.
Drop parse_icmp(std::span<const std::byte> bytes, IcmpMessage& out);

/// Reads the quote of an error, which is cut short as a rule: `IcmpMessage::data`. Returns
/// `icmp_bad_quote` when it does not hold the first 8 bytes of a TCP or UDP header, or quotes a
/// fragment that has none.
Drop parse_icmp_quote(std::span<const std::byte> data, IcmpQuote& out);

/// Writes the message with its data and checksum at `out`, which has room for 8 bytes and `data`,
/// and returns its length.
std::size_t write_icmp(std::byte* out, const IcmpMessage& message);

namespace detail {
/// Reads the transport header whose first bytes are `bytes`.
Drop read_quoted_transport(std::uint8_t protocol, std::span<const std::byte> bytes,
                           QuotedTransport& out);
} // namespace detail

} // namespace millrace::wire
