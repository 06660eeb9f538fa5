#pragma once

#include "stack/interface.hpp"
#include "wire/address.hpp"

#include <optional>

/// The routes of one port: its subnets, and one way out of them. Pure functions.
namespace millrace::stack {

/// True when `address` is a neighbour's: it lies in a subnet of ours or is the gateway, or it is
/// link-local (IPv6).
[[nodiscard]] bool is_on_link(const Interface& interface, const wire::Ipv4Addr& address);
[[nodiscard]] bool is_on_link(const Interface& interface, const wire::Ipv6Addr& address);

/// Where a packet for `destination` goes next: there itself, or to the gateway; nothing when there
/// is no way. Addresses that are not one host's have no next hop, nor has our own. A configured
/// gateway goes before `learnt_router`, which a router advertisement has made known (see
/// `Control::next_hop`).
template <class Addr>
[[nodiscard]] std::optional<Addr> next_hop(const Interface& interface, const Addr& destination,
                                           const std::optional<Addr>& learnt_router = {});

/// The address of ours that packets to `destination` shall come from: the one in the longest subnet
/// with it, else the one in the gateway's, else the first (for IPv6, of the destination's scope, as
/// RFC 6724 rule 2 has it).
template <class Addr>
[[nodiscard]] std::optional<Addr> source_for(const Interface& interface, const Addr& destination);

extern template std::optional<wire::Ipv4Addr> next_hop(const Interface&, const wire::Ipv4Addr&,
                                                       const std::optional<wire::Ipv4Addr>&);
extern template std::optional<wire::Ipv6Addr> next_hop(const Interface&, const wire::Ipv6Addr&,
                                                       const std::optional<wire::Ipv6Addr>&);
extern template std::optional<wire::Ipv4Addr> source_for(const Interface&, const wire::Ipv4Addr&);
extern template std::optional<wire::Ipv6Addr> source_for(const Interface&, const wire::Ipv6Addr&);

} // namespace millrace::stack
