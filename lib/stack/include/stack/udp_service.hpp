#pragma once

#include "wire/address.hpp"

#include <cstdint>
#include <vector>

namespace millrace::stack {

/// What becomes of datagrams to a port.
enum class UdpAction : std::uint8_t { echo, discard };

/// A UDP port that is served.
struct UdpService {
    std::uint16_t port = 0;
    UdpAction action = UdpAction::echo;
    std::vector<wire::Ipv4Addr> ipv4_addresses; ///< With the next one: none means all.
    std::vector<wire::Ipv6Addr> ipv6_addresses;
};

} // namespace millrace::stack
