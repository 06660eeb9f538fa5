#include "stack/routes.hpp"

#include "stack/admission.hpp"

#include <type_traits>

namespace millrace::stack {
namespace {

/// The longest of our subnets that holds `address`, or null.
template <class Addr>
const wire::Prefix<Addr>* subnet_of(const Interface& interface, const Addr& address) {
    const wire::Prefix<Addr>* longest = nullptr;
    for (const auto& own : interface.addresses<Addr>().subnets()) {
        if (own.contains(address) && (longest == nullptr || own.length > longest->length)) {
            longest = &own;
        }
    }
    return longest;
}

template <class Addr>
bool is_in_subnet_or_gateway(const Interface& interface, const Addr& address) {
    return subnet_of(interface, address) != nullptr || interface.gateway<Addr>() == address;
}

/// False for addresses that no single other host has.
template <class Addr>
bool is_another_host(const Interface& interface, const Addr& address) {
    return !address.is_unspecified() && !address.is_multicast() &&
           !is_broadcast(interface, address) && !address.is_loopback() && !interface.owns(address);
}

/// The first of our addresses that is link-local, or that is not.
std::optional<wire::Ipv6Addr> first_of_scope(const Interface& interface, bool link_local) {
    for (const auto& own : interface.ipv6.subnets()) {
        if (own.address.is_link_local() == link_local) {
            return own.address;
        }
    }
    return std::nullopt;
}

/// Groups of the link and of less are reached from a link-local address.
bool stays_on_link(const wire::Ipv6Addr& address) {
    const bool narrow_group = address.is_multicast() && (address.bytes[1] & 0xfU) <= 2;
    return address.is_link_local() || narrow_group;
}

std::optional<wire::Ipv6Addr> source_of_scope(const Interface& interface,
                                              const wire::Ipv6Addr& destination) {
    if (stays_on_link(destination)) {
        return first_of_scope(interface, true);
    }
    if (const auto* const subnet = subnet_of(interface, destination)) {
        return subnet->address;
    }
    if (interface.gateway6 && !interface.gateway6->is_link_local()) {
        if (const auto* const subnet = subnet_of(interface, *interface.gateway6)) {
            return subnet->address;
        }
    }
    return first_of_scope(interface, false);
}

std::optional<wire::Ipv4Addr> source_in_subnet(const Interface& interface,
                                               const wire::Ipv4Addr& destination) {
    if (const auto* const subnet = subnet_of(interface, destination)) {
        return subnet->address;
    }
    if (interface.gateway4) {
        if (const auto* const subnet = subnet_of(interface, *interface.gateway4)) {
            return subnet->address;
        }
    }
    return interface.ipv4.empty() ? std::nullopt : std::optional{interface.ipv4.front().address};
}

} // namespace

bool is_on_link(const Interface& interface, const wire::Ipv4Addr& address) {
    return is_in_subnet_or_gateway(interface, address);
}

bool is_on_link(const Interface& interface, const wire::Ipv6Addr& address) {
    return address.is_link_local() || is_in_subnet_or_gateway(interface, address);
}

template <class Addr>
std::optional<Addr> next_hop(const Interface& interface, const Addr& destination,
                             const std::optional<Addr>& learnt_router) {
    if (!is_another_host(interface, destination)) {
        return std::nullopt;
    }
    if (is_on_link(interface, destination)) {
        return destination;
    }
    const std::optional<Addr>& gateway = interface.gateway<Addr>();
    return gateway ? gateway : learnt_router;
}

template <class Addr>
std::optional<Addr> source_for(const Interface& interface, const Addr& destination) {
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        return source_in_subnet(interface, destination);
    } else {
        return source_of_scope(interface, destination);
    }
}

template std::optional<wire::Ipv4Addr> next_hop(const Interface&, const wire::Ipv4Addr&,
                                                const std::optional<wire::Ipv4Addr>&);
template std::optional<wire::Ipv6Addr> next_hop(const Interface&, const wire::Ipv6Addr&,
                                                const std::optional<wire::Ipv6Addr>&);
template std::optional<wire::Ipv4Addr> source_for(const Interface&, const wire::Ipv4Addr&);
template std::optional<wire::Ipv6Addr> source_for(const Interface&, const wire::Ipv6Addr&);

} // namespace millrace::stack
