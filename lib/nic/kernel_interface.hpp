#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::nic {

/// A network interface of the kernel's, under a port.
struct KernelInterface {
    std::string name;
    std::uint32_t mtu = 0; ///< Bytes of an IP packet.
    bool is_up = false;
};

/// By its index, in this network namespace; nothing for 0 or where it is gone.
[[nodiscard]] std::optional<KernelInterface> kernel_interface(unsigned index);

} // namespace millrace::nic
