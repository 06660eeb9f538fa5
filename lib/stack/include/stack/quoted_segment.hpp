#pragma once

#include "flow/four_tuple.hpp"
#include "wire/address.hpp"
#include "wire/seq_num.hpp"

#include <cstdint>
#include <type_traits>
#include <variant>

namespace millrace::stack {

/// What an ICMP or ICMPv6 error says of a packet of ours.
enum class Complaint : std::uint8_t {
    packet_too_big, ///< Fragmentation needed, or packet too big.
    unreachable,    ///< Destination unreachable for any other reason.
    other,          ///< Time exceeded, parameter problem, source quench.
};

/// A TCP segment of ours that an ICMP error quotes. Anybody may have sent that: it is believed only
/// when `seq` is in flight (RFC 5927 §4.1).
template <class Addr>
struct QuotedSegment {
    flow::FourTuple<Addr> key;
    wire::SeqNum seq;
    Complaint complaint = Complaint::other;
    std::uint32_t mtu = 0; ///< Of the link that the packet was too big for, in bytes.
};

/// What `quote` (wire's `IcmpQuote` or `Icmpv6Quote`) is of.
template <class Quote>
[[nodiscard]] auto quoted_segment(const Quote& quote, Complaint complaint, std::uint32_t mtu) {
    using Addr = std::remove_cvref_t<decltype(quote.source)>;
    const auto& tcp = quote.transport;
    return QuotedSegment<Addr>{
        {quote.source, quote.destination, tcp.source_port, tcp.destination_port},
        tcp.seq,
        complaint,
        mtu};
}

/// Nothing, or a quote of either family.
using QuotedSegments =
    std::variant<std::monostate, QuotedSegment<wire::Ipv4Addr>, QuotedSegment<wire::Ipv6Addr>>;

} // namespace millrace::stack
