#include "runtime/address.hpp"

#include <fmt/format.h>

#include <type_traits>

namespace millrace::runtime {

namespace {

using Prefixes = std::variant<std::vector<IpPrefix>, TextError>;

/// The addresses from `first` to `last`, which stand in `text` before its prefix length.
template <class Addr>
Prefixes prefixes_between(std::string_view text, const Addr& first, const Addr& last,
                          std::size_t count_max) {
    constexpr unsigned likely_length = Addr::bits == 32 ? 24 : 64;
    const std::size_t slash = text.find('/');
    const std::string example = fmt::format("\"{}/{}\"", text.substr(0, slash), likely_length);
    if (slash == std::string_view::npos) {
        return TextError{fmt::format("\"{}\" has no prefix length", text),
                         "write it with one, as " + example};
    }
    const auto prefix =
        wire::Prefix<Addr>::from_string(first.to_string().append(text.substr(slash)));
    if (!prefix) {
        return TextError{fmt::format("\"{}\" has a wrong prefix length", text),
                         fmt::format("write one from 1 to {}, as {}", Addr::bits, example)};
    }
    if (last < first) {
        return TextError{fmt::format("\"{}\" ends before it begins", text),
                         fmt::format("write \"{}-{}{}\"", last.to_string(), first.to_string(),
                                     text.substr(slash))};
    }
    if (!prefix->contains(last)) {
        return TextError{fmt::format("\"{}\" goes beyond the network of its first address", text),
                         fmt::format("end it at {} at the latest, or write a shorter prefix length",
                                     prefix->last().to_string())};
    }
    const auto distance = last.value() - first.value();
    if (distance >= count_max) {
        return TextError{fmt::format("\"{}\" has more than {} addresses", text, count_max),
                         "write a shorter range"};
    }
    std::vector<IpPrefix> all;
    for (std::uint32_t i = 0; i <= distance; ++i) {
        all.push_back(wire::Prefix<Addr>{Addr::from_value(first.value() + i), prefix->length});
    }
    return all;
}

} // namespace

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

Prefixes prefixes_from_string(std::string_view text, std::size_t count_max) {
    const std::string_view ends = text.substr(0, text.find('/'));
    const std::size_t dash = ends.find('-');
    const bool is_range = dash != std::string_view::npos;
    const auto first = ip_from_string(ends.substr(0, dash));
    const auto last = is_range ? ip_from_string(ends.substr(dash + 1)) : first;
    if (is_range && (!first || !last)) {
        return TextError{fmt::format("\"{}\" is not a range of addresses", text),
                         R"(write both its ends, as "198.18.1.0-198.18.1.255/16")"};
    }
    if (!first) {
        return TextError{
            fmt::format("\"{}\" is not an address", text),
            R"(write one with its prefix length, as "198.18.0.2/24" or "2001:db8::2/64")"};
    }
    if (is_ipv6(*first) != is_ipv6(*last)) {
        return TextError{fmt::format("\"{}\" has ends of two families", text),
                         "write two IPv4 or two IPv6 addresses"};
    }
    return std::visit(
        [&]<class Addr>(const Addr& from) {
            return prefixes_between(text, from, std::get<Addr>(*last), count_max);
        },
        *first);
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
