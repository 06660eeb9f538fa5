#pragma once

#include "stack/own_addresses.hpp"
#include "wire/address.hpp"

#include <cstdint>
#include <optional>
#include <type_traits>

namespace millrace::stack {

/// The largest TCP payload that a packet of `mtu` bytes has room for, with headers that have no
/// options (RFC 6691 §2).
template <class Addr>
[[nodiscard]] constexpr std::uint16_t mss_of(std::uint16_t mtu) {
    constexpr unsigned headers = std::is_same_v<Addr, wire::Ipv4Addr> ? 20 + 20 : 40 + 20;
    return static_cast<std::uint16_t>(mtu - headers);
}

/// One port as IP sees it. It does not change while workers run, so they share it.
struct Interface {
    wire::MacAddr mac;
    std::uint16_t mtu = 1500;    ///< Bytes of the largest IP packet.
    std::uint8_t hop_limit = 64; ///< Or TTL, of what we send (what discovers the link has its own).
    std::uint8_t dscp = 0;       ///< Of our TCP segments (RFC 2474).
    OwnAddresses<wire::Ipv4Addr> ipv4;
    OwnAddresses<wire::Ipv6Addr> ipv6; ///< See `add_link_local`.
    std::optional<wire::Ipv4Addr> gateway4;
    std::optional<wire::Ipv6Addr> gateway6;

    /// Gives the port the link-local address made from its MAC address (RFC 4291 appendix A),
    /// unless it has a link-local address already. Without one there is no neighbour discovery.
    void add_link_local() {
        for (const auto& own : ipv6) {
            if (own.address.is_link_local()) {
                return;
            }
        }
        ipv6.push_back({wire::Ipv6Addr::link_local_from(mac), 64});
    }

    [[nodiscard]] bool owns(const wire::Ipv4Addr& address) const { return ipv4.contains(address); }
    [[nodiscard]] bool owns(const wire::Ipv6Addr& address) const { return ipv6.contains(address); }

    template <class Addr>
    [[nodiscard]] const OwnAddresses<Addr>& addresses() const {
        if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
            return ipv4;
        } else {
            return ipv6;
        }
    }

    template <class Addr>
    [[nodiscard]] const std::optional<Addr>& gateway() const {
        if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
            return gateway4;
        } else {
            return gateway6;
        }
    }
};

} // namespace millrace::stack
