#pragma once

#include <cstdint>

namespace millrace::wire {

/// What stands in IPv4's protocol field and in IPv6's next header.
namespace ip_protocol {
inline constexpr std::uint8_t hop_by_hop = 0;
inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
inline constexpr std::uint8_t routing = 43;
inline constexpr std::uint8_t fragment = 44;
inline constexpr std::uint8_t icmpv6 = 58;
inline constexpr std::uint8_t no_next_header = 59;
inline constexpr std::uint8_t destination_options = 60;
} // namespace ip_protocol

/// Explicit congestion notification: the two low bits of the traffic class (RFC 3168 §5).
enum class Ecn : std::uint8_t {
    not_capable = 0,
    capable_1 = 1,
    capable_0 = 2,
    congestion = 3,
};

/// The octet that IPv4 and IPv6 share: DSCP above, ECN below.
[[nodiscard]] constexpr std::uint8_t traffic_class(std::uint8_t dscp, Ecn ecn) {
    return static_cast<std::uint8_t>(unsigned{dscp} << 2 | static_cast<unsigned>(ecn));
}
[[nodiscard]] constexpr std::uint8_t dscp_of(std::uint8_t traffic_class) {
    return traffic_class >> 2;
}
[[nodiscard]] constexpr Ecn ecn_of(std::uint8_t traffic_class) {
    return Ecn{static_cast<std::uint8_t>(traffic_class & 3U)};
}

} // namespace millrace::wire
