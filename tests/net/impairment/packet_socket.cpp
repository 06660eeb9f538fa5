#include "packet_socket.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace millrace::impairment {

namespace {

constexpr std::size_t burst = 64;
constexpr int socket_buffer_bytes = 64 << 20;

[[noreturn]] void fail(std::string_view what) {
    throw std::runtime_error{fmt::format("{}: {}", what, std::strerror(errno))};
}

void set_option(int descriptor, int level, int option, int value) {
    if (setsockopt(descriptor, level, option, &value, sizeof value) != 0) {
        fail("setsockopt");
    }
}

Duration read_clock(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

std::string driver_of(int descriptor, const std::string& interface) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq request{};
    interface.copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&info);
    if (ioctl(descriptor, SIOCETHTOOL, &request) != 0) {
        fail(interface);
    }
    return static_cast<const char*>(info.driver);
}

/// How long ago the kernel took the frame in: reading it late must not delay it.
Duration age(msghdr& header, Duration real_time) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            const Duration came =
                std::chrono::seconds{stamp.tv_sec} + std::chrono::nanoseconds{stamp.tv_nsec};
            return std::clamp(real_time - came, Duration{}, Duration{1s});
        }
    }
    return Duration{};
}

} // namespace

Instant now() {
    return Instant{read_clock(CLOCK_MONOTONIC)};
}

PacketSocket::PacketSocket(const std::string& interface) : buffers_(burst * frame_bytes_max) {
    // Closed to all protocols until it is bound, or frames of other interfaces would come first.
    descriptor_ = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) {
        fail("a packet socket");
    }
    try {
        open(interface);
    } catch (...) {
        close(descriptor_);
        throw;
    }
}

void PacketSocket::open(const std::string& interface) {
    const std::string driver = driver_of(descriptor_, interface);
    if (driver != "veth" && driver != "tun") {
        throw std::runtime_error{
            fmt::format("{} is no veth and no TAP: only virtual links are impaired", interface)};
    }
    configure();
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    if (bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        fail(interface);
    }
    packet_mreq promiscuous{};
    promiscuous.mr_ifindex = address.sll_ifindex;
    promiscuous.mr_type = PACKET_MR_PROMISC;
    if (setsockopt(descriptor_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
                   sizeof promiscuous) != 0) {
        fail("promiscuous mode");
    }
}

void PacketSocket::configure() {
    set_option(descriptor_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set_option(descriptor_, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    set_option(descriptor_, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set_option(descriptor_, SOL_SOCKET, SO_RCVBUFFORCE, socket_buffer_bytes);
    set_option(descriptor_, SOL_SOCKET, SO_SNDBUFFORCE, socket_buffer_bytes);
}

PacketSocket::~PacketSocket() {
    close(descriptor_);
}

bool PacketSocket::receive(const std::function<void(Frame, Instant)>& take) {
    struct alignas(cmsghdr) Control {
        std::array<std::byte, CMSG_SPACE(sizeof(timespec))> bytes;
    };
    std::array<mmsghdr, burst> messages{};
    std::array<iovec, burst> places{};
    std::array<Control, burst> controls{};
    for (std::size_t i = 0; i < burst; ++i) {
        places[i] = {buffers_.data() + i * frame_bytes_max, frame_bytes_max};
        messages[i].msg_hdr = {.msg_iov = &places[i],
                               .msg_iovlen = 1,
                               .msg_control = &controls[i],
                               .msg_controllen = sizeof controls[i]};
    }
    const int count = recvmmsg(descriptor_, messages.data(), burst, 0, nullptr);
    if (count < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return false;
        }
        fail("the interface is gone");
    }
    const Instant clock = now();
    const Duration real_time = read_clock(CLOCK_REALTIME);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const auto* const first = static_cast<const std::byte*>(places[i].iov_base);
        last_came_ = std::max(last_came_, clock - age(messages[i].msg_hdr, real_time));
        take(Frame{first, first + messages[i].msg_len}, last_came_);
    }
    return count == burst;
}

void PacketSocket::send(std::span<const Frame> frames) {
    for (const Frame& frame : frames) {
        if (::send(descriptor_, frame.data(), frame.size(), 0) < 0) {
            ++refused_;
        }
    }
}

std::uint64_t PacketSocket::take_missed() {
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    if (getsockopt(descriptor_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0) {
        fail("PACKET_STATISTICS");
    }
    return stats.tp_drops;
}

} // namespace millrace::impairment
