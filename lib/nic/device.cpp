#include "device.hpp"

#include "driver_traits.hpp"
#include "nic/log_capture.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

namespace millrace::nic {
namespace {

namespace fs = std::filesystem;

/// "0000:01:00.0" or "01:00.0".
bool is_pci_address(std::string_view name) {
    const auto shape = [](std::string_view text, std::string_view pattern) {
        return std::ranges::equal(text, pattern, [](char c, char p) {
            return p == 'x' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == p;
        });
    };
    return shape(name, "xxxx:xx:xx.x") || shape(name, "xx:xx.x");
}

bool has_capability(int capability) {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        constexpr std::string_view key = "CapEff:\t";
        if (line.starts_with(key)) {
            std::uint64_t set = 0;
            std::from_chars(line.data() + key.size(), line.data() + line.size(), set, 16);
            return (set >> static_cast<unsigned>(capability) & 1U) != 0;
        }
    }
    return true;
}

std::string known_driver_names() {
    std::vector<std::string_view> names;
    for (const DriverTraits& row : known_drivers()) {
        if (row.driver != "net_virtio") { // a PCI driver, not for device strings
            names.push_back(row.driver);
        }
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

Error no_such_driver(std::string_view name) {
    return {
        fmt::format("no such device: '{}' – no driver of that name; known drivers: {}, each with "
                    "a number behind it (net_tap0); or give a PCI address such as 0000:01:00.0",
                    name, known_driver_names())};
}

/// What can be seen to be missing before DPDK is asked, which would say it less clearly.
std::optional<Error> missing_parts(const std::string& device, std::string_view name) {
    const DriverTraits& traits = traits_of_device(name);
    if (!traits.interface_argument.empty()) {
        const auto interface = device_argument(device, traits.interface_argument);
        if (!interface) {
            return Error{fmt::format("'{}' names no network interface – write '{},{}=eth0'", device,
                                     name, traits.interface_argument)};
        }
        if (if_nametoindex(std::string{*interface}.c_str()) == 0) {
            return Error{fmt::format("cannot open {} on '{}': no network interface of that name in "
                                     "this network namespace – see 'ip link'",
                                     traits.title, *interface)};
        }
    }
    if (!traits.socket_argument.empty()) {
        const auto socket = device_argument(device, traits.socket_argument);
        if (!socket) {
            return Error{fmt::format("'{}' names no socket – write '{},{}=/run/vhost.sock'", device,
                                     name, traits.socket_argument)};
        }
        std::error_code ignored;
        if (!fs::exists(fs::path{std::string{*socket}}, ignored)) {
            return Error{
                fmt::format("cannot open '{}': there is no '{}' – start the vhost side that "
                            "makes it first",
                            name, *socket)};
        }
    }
    return std::nullopt;
}

Error no_such_pci_device(std::string_view name) {
    return {fmt::format("no such device: PCI '{}' – 'dpdk-devbind.py --status' lists what there is",
                        name)};
}

/// Why a PCI device did not become a port.
Error pci_failure(std::string_view name, const std::string& reason) {
    const std::string address = fmt::format("{}{}", name.size() == 7 ? "0000:" : "", name);
    const fs::path node = fs::path{"/sys/bus/pci/devices"} / address;
    std::error_code error;
    if (!fs::exists(node, error)) {
        return no_such_pci_device(name);
    }
    const std::string driver = fs::read_symlink(node / "driver", error).filename().string();
    if (driver.empty() ||
        !(driver.starts_with("vfio") || driver.find("uio") != std::string::npos)) {
        return {fmt::format("cannot open PCI device '{}': {} – bind it to vfio-pci with "
                            "drivers-cfg/bind.sh",
                            name,
                            driver.empty() ? "no kernel driver holds it"
                                           : fmt::format("it belongs to the kernel's {}", driver))};
    }
    return {fmt::format("cannot open PCI device '{}': {}", name,
                        reason.empty() ? "no DPDK driver takes it" : reason)};
}

/// "AF_PACKET on 'v0'" or "'net_ring0,…'".
std::string title_of(const std::string& device, std::string_view name) {
    const DriverTraits& traits = traits_of_device(name);
    const auto interface = traits.interface_argument.empty()
                               ? std::nullopt
                               : device_argument(device, traits.interface_argument);
    return interface ? fmt::format("{} on '{}'", traits.title, *interface)
                     : fmt::format("'{}'", device);
}

Error plug_failure(const std::string& device, std::string_view name, std::string reason) {
    if (is_pci_address(name)) {
        return pci_failure(name, reason);
    }
    if (reason.starts_with("Driver cannot attach the device")) {
        reason.clear(); // EAL's words for "no"; the driver gave none
    }
    return {fmt::format(
        "cannot open {}: {}", title_of(device, name),
        explained(device, reason, "the driver does not take its arguments – see drivers-cfg/"))};
}

rte_device* device_of_port(std::uint16_t port) {
    rte_eth_dev_info info{};
    return rte_eth_dev_info_get(port, &info) == 0 ? info.device : nullptr;
}

/// True when some bus takes the name for one of its devices.
bool is_understood(const std::string& device) {
    rte_devargs parsed{};
    const bool understood = rte_devargs_parse(&parsed, device.c_str()) == 0;
    std::free(
        parsed.data); // the text that the others point into; rte_devargs_reset() is experimental
    return understood;
}

} // namespace

std::string_view device_name(std::string_view device) {
    return device.substr(0, device.find(','));
}

std::optional<std::string_view> device_argument(std::string_view device, std::string_view key) {
    while (true) {
        const std::size_t comma = device.find(',');
        if (comma == std::string_view::npos) {
            return std::nullopt;
        }
        device.remove_prefix(comma + 1);
        const std::string_view argument = device.substr(0, device.find(','));
        if (argument.starts_with(key) && argument.substr(key.size()).starts_with('=')) {
            return argument.substr(key.size() + 1);
        }
    }
}

Result<Device> plug(const std::string& device) {
    const std::string name{device_name(device)};
    Device result{.name = name};
    if (rte_eth_dev_get_port_by_name(name.c_str(), &result.port) == 0) {
        rte_eth_dev_owner owner{};
        if (rte_eth_dev_owner_get(result.port, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER) {
            return Error{fmt::format(
                "device '{}' is open already – give each port a device of its own", name)};
        }
        return result;
    }
    LogCapture log;
    if (!is_understood(device)) {
        return no_such_driver(name);
    }
    if (auto missing = missing_parts(device, name)) {
        return *std::move(missing);
    }
    if (rte_dev_probe(device.c_str()) != 0 ||
        rte_eth_dev_get_port_by_name(name.c_str(), &result.port) != 0) {
        return plug_failure(device, name, log.reason());
    }
    result.plugged = device_of_port(result.port);
    return result;
}

void unplug(rte_device* device) {
    if (device != nullptr) {
        rte_dev_remove(device);
    }
}

std::string explained(std::string_view device, std::string reason, std::string_view fallback) {
    const DriverTraits& traits = traits_of_device(device);
    if (traits.capability >= 0 && !has_capability(traits.capability)) {
        return fmt::format("{}Operation not permitted – run as root or with {}",
                           reason.empty() ? "" : reason + ": ", traits.capability_name);
    }
    return reason.empty() ? std::string{fallback} : reason;
}

} // namespace millrace::nic
