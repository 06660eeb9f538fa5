#pragma once

#include "stack/interface.hpp"
#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/ip.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

#include <algorithm>

/// Which frames and packets are let in, by their addresses alone. Pure functions.
namespace millrace::stack {

/// True for the groups that a host belongs to without asking: 224.0.0.1 (RFC 1112 §4); ff02::1 and
/// the solicited-node groups of its addresses (RFC 4291 §2.8).
[[nodiscard]] inline bool is_our_group(const Interface& /*interface*/,
                                       const wire::Ipv4Addr& address) {
    return address == wire::Ipv4Addr{224, 0, 0, 1};
}
[[nodiscard]] inline bool is_our_group(const Interface& interface, const wire::Ipv6Addr& address) {
    return address == wire::Ipv6Addr::all_nodes ||
           (address.is_solicited_node() && interface.ipv6.endings().contains(address.ending()));
}

/// True for the limited broadcast address and for those of our subnets.
[[nodiscard]] inline bool is_broadcast(const Interface& interface, const wire::Ipv4Addr& address) {
    for (const auto& own : interface.ipv4.subnets()) {
        if (wire::is_directed_broadcast(own, address)) {
            return true;
        }
    }
    return address.is_broadcast();
}
[[nodiscard]] constexpr bool is_broadcast(const Interface& /*interface*/,
                                          const wire::Ipv6Addr& /*address*/) {
    return false;
}

/// Whether the port should have taken the frame: its own address, broadcast, or a group that one of
/// our IP groups maps to. Else `frame_not_for_us`. A port in promiscuous mode hands over the rest.
[[nodiscard]] inline wire::Drop check_frame_destination(const Interface& interface,
                                                        const wire::MacAddr& destination) {
    if (destination == interface.mac || destination.is_broadcast()) [[likely]] {
        return wire::Drop::none;
    }
    if (destination == wire::multicast_mac(wire::Ipv4Addr{224, 0, 0, 1}) ||
        destination == wire::multicast_mac(wire::Ipv6Addr::all_nodes)) {
        return wire::Drop::none;
    }
    // What a solicited-node group maps to ends as the group does.
    wire::Ipv6Addr group;
    std::copy_n(destination.bytes.end() - 3, 3, group.bytes.end() - 3);
    group = group.solicited_node();
    const bool ours = destination == wire::multicast_mac(group) && is_our_group(interface, group);
    return ours ? wire::Drop::none : wire::Drop::frame_not_for_us;
}

/// True for a packet that may be a neighbour advertisement: whoever has one of our addresses too
/// tells us so from that address (RFC 4862 §5.4.4), so it has to get as far as `Control`.
[[nodiscard]] constexpr bool may_tell_of_conflict(const wire::Ipv4Packet& /*packet*/) {
    return false; // That is ARP's part.
}
[[nodiscard]] constexpr bool may_tell_of_conflict(const wire::Ipv6Packet& packet) {
    return packet.protocol == wire::ip_protocol::icmpv6 && packet.hop_limit == 255;
}

/// Whether the packet's source may send to us (RFC 1122 §3.2.1.3): else `ip_martian_source`,
/// `ip_martian_destination` (both by wire's `check_addresses`) or `ip_own_source`.
template <class Packet>
[[nodiscard]] wire::Drop check_source(const Interface& interface, const Packet& packet) {
    if (const wire::Drop drop = wire::check_addresses(packet); drop != wire::Drop::none)
        [[unlikely]] {
        return drop;
    }
    if (interface.owns(packet.source)) [[unlikely]] {
        return may_tell_of_conflict(packet) ? wire::Drop::none : wire::Drop::ip_own_source;
    }
    return is_broadcast(interface, packet.source) ? wire::Drop::ip_martian_source
                                                  : wire::Drop::none;
}

/// Whether the packet is for us: `ip_not_our_address` when it is not, and `tcp_not_unicast` when it
/// is TCP to a broadcast address or a group (RFC 9293 §3.9.2, MUST-57). That one of our addresses
/// may not be used yet, `Control::may_use` knows.
template <class Packet>
[[nodiscard]] wire::Drop check_destination(const Interface& interface, const Packet& packet) {
    if (interface.owns(packet.destination)) [[likely]] {
        return wire::Drop::none;
    }
    if (!packet.destination.is_multicast() && !is_broadcast(interface, packet.destination)) {
        return wire::Drop::ip_not_our_address;
    }
    if (packet.protocol == wire::ip_protocol::tcp) {
        return wire::Drop::tcp_not_unicast;
    }
    const bool ours =
        is_broadcast(interface, packet.destination) || is_our_group(interface, packet.destination);
    return ours ? wire::Drop::none : wire::Drop::ip_not_our_address;
}

/// Whether a packet for one host came in a frame for one: else `frame_not_for_us` (RFC 1122
/// §3.3.6).
template <class Packet>
[[nodiscard]] wire::Drop check_cast(const Interface& interface,
                                    const wire::MacAddr& frame_destination, const Packet& packet) {
    const bool agree = !frame_destination.is_multicast() || !interface.owns(packet.destination);
    return agree ? wire::Drop::none : wire::Drop::frame_not_for_us;
}

/// Both `check_source` and `check_destination`: the first objection, or none.
template <class Packet>
[[nodiscard]] wire::Drop admit(const Interface& interface, const Packet& packet) {
    const wire::Drop drop = check_source(interface, packet);
    return drop != wire::Drop::none ? drop : check_destination(interface, packet);
}

} // namespace millrace::stack
