#pragma once

#include "wire/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace millrace::runtime {

/// An address of either family, as people write it in configurations and filters.
using IpAddr = std::variant<wire::Ipv4Addr, wire::Ipv6Addr>;

/// An address with the length of its network.
using IpPrefix = std::variant<wire::Prefix<wire::Ipv4Addr>, wire::Prefix<wire::Ipv6Addr>>;

/// One end of a connection.
struct Endpoint {
    IpAddr address;
    std::uint16_t port = 0;
};

/// Dotted decimal or one of IPv6's forms; nothing else.
[[nodiscard]] std::optional<IpAddr> ip_from_string(std::string_view text);

/// "address/length".
[[nodiscard]] std::optional<IpPrefix> prefix_from_string(std::string_view text);

/// Why a text is not what it should be, and what would be right, in words.
struct TextError {
    std::string problem;
    std::string remedy;
};

/// "first-last/length": every address from the first to the last, `count_max` at most, in their one
/// network; or "address/length" for one.
[[nodiscard]] std::variant<std::vector<IpPrefix>, TextError>
prefixes_from_string(std::string_view text, std::size_t count_max);

[[nodiscard]] std::string to_string(const IpAddr& address);
[[nodiscard]] std::string to_string(const IpPrefix& prefix);

/// The address without its length.
[[nodiscard]] IpAddr address_of(const IpPrefix& prefix);

/// False too when the families differ.
[[nodiscard]] bool contains(const IpPrefix& prefix, const IpAddr& address);

[[nodiscard]] bool is_ipv6(const IpAddr& address);

/// "198.18.0.2:80" or "[2001:db8::2]:80".
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

} // namespace millrace::runtime
