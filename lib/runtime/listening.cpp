#include "runtime/listening.hpp"

#include <algorithm>

namespace millrace::runtime {

namespace {

/// The unspecified address of each family that some port has, IPv4 first.
std::vector<IpAddr> any_addresses(const Config& config) {
    std::vector<IpAddr> result;
    for (const IpAddr& any : {IpAddr{wire::Ipv4Addr{}}, IpAddr{wire::Ipv6Addr{}}}) {
        const bool has_family =
            std::any_of(config.ports.begin(), config.ports.end(), [&](const PortConfig& port) {
                return std::any_of(port.addresses.begin(), port.addresses.end(),
                                   [&](const IpPrefix& prefix) {
                                       return is_ipv6(address_of(prefix)) == is_ipv6(any);
                                   });
            });
        if (has_family) {
            result.push_back(any);
        }
    }
    return result;
}

IpAddr unspecified_like(const IpAddr& address) {
    return is_ipv6(address) ? IpAddr{wire::Ipv6Addr{}} : IpAddr{wire::Ipv4Addr{}};
}

} // namespace

std::vector<ConnectionInfo> listening(const Config& config) {
    std::vector<ConnectionInfo> lines;
    for (const ListenConfig& listener : config.listeners) {
        if (listener.protocol != Protocol::tcp) {
            continue;
        }
        const std::vector<IpAddr> addresses =
            listener.addresses.empty() ? any_addresses(config) : listener.addresses;
        for (const IpAddr& address : addresses) {
            ConnectionInfo line;
            line.state = tcp::State::listen;
            line.local = {address, listener.port};
            line.remote = {unspecified_like(address), 0};
            line.service = name(listener.service);
            lines.push_back(line);
        }
    }
    return lines;
}

} // namespace millrace::runtime
