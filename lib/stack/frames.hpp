#pragma once

#include "wire/address.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip.hpp"
#include "wire/ipv6.hpp"
#include "wire/nd.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <span>

/// How control frames are put together: the ones we begin ourselves, untagged, and the link header
/// of replies, written over the frame that they answer.
namespace millrace::stack {

/// Where a packet that lies in `buffer` begins: behind the link header.
[[nodiscard]] inline std::size_t link_bytes_before(std::span<const std::byte> buffer,
                                                   std::span<const std::byte> packet) {
    return static_cast<std::size_t>(packet.data() - buffer.data());
}

[[nodiscard]] inline const wire::EthernetHeader& link_header(std::span<const std::byte> buffer) {
    return wire::header_at<wire::EthernetHeader>(buffer.data());
}

/// Sends the frame on to `destination`; its type and VLAN tag stay. (By value: what is handed in
/// may stand in the very header.)
inline void readdress(std::span<std::byte> buffer, wire::MacAddr source,
                      wire::MacAddr destination) {
    auto& header = wire::header_at<wire::EthernetHeader>(buffer.data());
    header.source = source;
    header.destination = destination;
}

[[nodiscard]] inline std::size_t write_arp_frame(std::span<std::byte> out,
                                                 const wire::ArpPacket& packet,
                                                 const wire::MacAddr& destination) {
    const std::size_t link_bytes =
        wire::write_ethernet(out.data(), {.destination = destination,
                                          .source = packet.sender_mac,
                                          .ethertype = wire::ethertype::arp});
    return link_bytes + wire::write_arp(out.data() + link_bytes, packet);
}

/// A neighbour discovery message behind its link and IPv6 headers; returns the frame's length.
template <class Message>
[[nodiscard]] std::size_t
write_nd_frame(std::span<std::byte> out, const wire::MacAddr& source_mac,
               const wire::MacAddr& destination_mac, const wire::Ipv6Addr& source,
               const wire::Ipv6Addr& destination, const Message& message) {
    const std::size_t link_bytes = wire::write_ethernet(
        out.data(),
        {.destination = destination_mac, .source = source_mac, .ethertype = wire::ethertype::ipv6});
    std::byte* const ip = out.data() + link_bytes;
    const std::size_t length =
        wire::write_nd(ip + wire::ipv6_header_bytes, message, source, destination);
    wire::write_ipv6(ip,
                     {.source = source,
                      .destination = destination,
                      .protocol = wire::ip_protocol::icmpv6,
                      .hop_limit = wire::nd_hop_limit},
                     length);
    return link_bytes + wire::ipv6_header_bytes + length;
}

} // namespace millrace::stack
