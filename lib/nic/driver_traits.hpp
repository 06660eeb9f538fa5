#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::nic {

/// What a driver of DPDK 22.11 does that its own description does not say. A driver without a row
/// is taken at its word.
struct DriverTraits {
    std::string_view driver; ///< As devices and `rte_eth_dev_info` name it.
    std::string_view title;  ///< As a person would.
    /// The device argument that names a network interface of the kernel's, which must exist; "" for
    /// none.
    std::string_view interface_argument;
    /// The device argument that names the peer's socket, which must exist; "" for none.
    std::string_view socket_argument;
    /// The device argument with the bytes of a buffer, which must hold a whole frame; "" for none.
    std::string_view buffer_argument;
    int capability = -1; ///< Linux's number; -1: none needed.
    std::string_view capability_name;
    bool interface_is_the_kernels = false; ///< Its address and flags belong to the machine.
    bool kernel_has_the_ports_mac = false; ///< So the stack needs another.
    bool queues_in_pairs = false;          ///< As many receive queues as transmit queues.
    bool one_segment = false;              ///< Chains and borrowed buffers leave as garbage.
    bool pool_in_one_piece = false;
    /// A chain whose pieces are not all of even length (but the last) gets a wrong checksum.
    bool odd_pieces_break_checksums = false;
    bool prepare_for_segmentation_only = false;
    std::uint32_t packets_kept = 0;   ///< Per receive queue; never given back, not even at close.
    std::string_view no_segmentation; ///< Why TSO is not to be used although offered.
    std::string_view no_tx_checksum;  ///< Likewise for transmit checksums.
    std::string_view no_rss;          ///< Likewise for RSS.
};

/// The traits of a driver by its name, or of a driver about which nothing is known.
[[nodiscard]] const DriverTraits& traits_of_driver(std::string_view driver);

/// The traits of the driver that a device string such as "net_tap0,iface=tap0" will get.
[[nodiscard]] const DriverTraits& traits_of_device(std::string_view device);

/// Every driver with traits: those this project is tested with.
[[nodiscard]] std::span<const DriverTraits> known_drivers();

} // namespace millrace::nic
