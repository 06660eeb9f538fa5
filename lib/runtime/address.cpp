#include "runtime/address.hpp"

#include <type_traits>

namespace millrace::runtime {

std::optional<IpAddr> ip_from_string(std::string_view text) {
    if (const auto ipv4 = wire::Ipv4Addr::from_string(text)) {
        return *ipv4;
    }
    if (const auto ipv6 = wire::Ipv6Addr::from_string(text)) {
        return *ipv6;
    }
    return std::nullopt;
}

std::optional<IpPrefix> prefix_from_string(std::string_view text) {
    if (const auto ipv4 = wire::Prefix<wire::Ipv4Addr>::from_string(text)) {
        return *ipv4;
    }
    if (const auto ipv6 = wire::Prefix<wire::Ipv6Addr>::from_string(text)) {
        return *ipv6;
    }
    return std::nullopt;
}

std::string to_string(const IpAddr& address) {
    return std::visit([](const auto& known) { return known.to_string(); }, address);
}

std::string to_string(const IpPrefix& prefix) {
    return std::visit([](const auto& known) { return known.to_string(); }, prefix);
}

IpAddr address_of(const IpPrefix& prefix) {
    return std::visit([](const auto& known) { return IpAddr{known.address}; }, prefix);
}

bool contains(const IpPrefix& prefix, const IpAddr& address) {
    return std::visit(
        [](const auto& network, const auto& host) {
            if constexpr (std::is_same_v<std::decay_t<decltype(network.address)>,
                                         std::decay_t<decltype(host)>>) {
                return network.contains(host);
            } else {
                return false;
            }
        },
        prefix, address);
}

bool is_ipv6(const IpAddr& address) {
    return std::holds_alternative<wire::Ipv6Addr>(address);
}

std::string to_string(const Endpoint& endpoint) {
    const std::string address = to_string(endpoint.address);
    const std::string port = std::to_string(endpoint.port);
    return is_ipv6(endpoint.address) ? '[' + address + "]:" + port : address + ':' + port;
}

} // namespace millrace::runtime
