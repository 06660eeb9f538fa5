#include "kernel_interface.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::nic {

std::optional<KernelInterface> kernel_interface(unsigned index) {
    ifreq request{};
    if (index == 0 || if_indextoname(index, static_cast<char*>(request.ifr_name)) == nullptr) {
        return std::nullopt;
    }
    const int socket_of_any_kind = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_of_any_kind < 0) {
        return std::nullopt;
    }
    KernelInterface result{.name = static_cast<const char*>(request.ifr_name)};
    if (ioctl(socket_of_any_kind, SIOCGIFMTU, &request) == 0) {
        result.mtu = static_cast<std::uint32_t>(request.ifr_mtu);
    }
    if (ioctl(socket_of_any_kind, SIOCGIFFLAGS, &request) == 0) {
        result.is_up = (request.ifr_flags & IFF_UP) != 0;
    }
    close(socket_of_any_kind);
    return result;
}

} // namespace millrace::nic
