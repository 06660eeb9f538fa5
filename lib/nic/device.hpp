#pragma once

#include "nic/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct rte_device;

namespace millrace::nic {

/// A device that EAL knows.
struct Device {
    std::string name; ///< Without arguments.
    std::uint16_t port = 0;
    rte_device* plugged = nullptr; ///< Null where it was there before, by EAL's command line.
};

/// "net_tap0" of "net_tap0,iface=tap0".
[[nodiscard]] std::string_view device_name(std::string_view device);

/// "tap0" for the key "iface" of "net_tap0,iface=tap0", if the key is there.
[[nodiscard]] std::optional<std::string_view> device_argument(std::string_view device,
                                                              std::string_view key);

/// Plugs in what the string names. The error says what is wrong and what to do.
[[nodiscard]] Result<Device> plug(const std::string& device);

/// Takes it out again, after its port was closed.
void unplug(rte_device* device);

/// "reason – run as root or with CAP_X" where that is what is missing; otherwise the reason, or
/// what `fallback` says where DPDK gave none.
[[nodiscard]] std::string explained(std::string_view device, std::string reason,
                                    std::string_view fallback);

} // namespace millrace::nic
