#include "driver_traits.hpp"

#include <linux/capability.h>

#include <algorithm>
#include <array>

namespace millrace::nic {
namespace {

constexpr DriverTraits nothing_known{};

constexpr std::array drivers{
    DriverTraits{
        .driver = "net_af_packet",
        .title = "AF_PACKET",
        .interface_argument = "iface",
        .capability = CAP_NET_RAW,
        .capability_name = "CAP_NET_RAW",
        .interface_is_the_kernels = true,
        .queues_in_pairs = true,
    },
    DriverTraits{
        .driver = "net_af_xdp",
        .title = "AF_XDP",
        .interface_argument = "iface",
        .capability = CAP_NET_ADMIN,
        .capability_name = "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF",
        .interface_is_the_kernels = true,
        .queues_in_pairs = true,
        // The transmit path computes an offset into its own pool from the header's address alone.
        .one_segment = true,
        // The pool's first piece of memory becomes the umem.
        .pool_in_one_piece = true,
        .packets_kept = 4'096,
    },
    DriverTraits{
        .driver = "net_memif",
        .title = "memif",
        // A descriptor once part of a chain keeps saying that another follows.
        .buffer_argument = "bsize",
    },
    DriverTraits{
        .driver = "net_null",
        .title = "null",
    },
    DriverTraits{
        .driver = "net_pcap",
        .title = "pcap",
        .queues_in_pairs = true,
    },
    DriverTraits{
        .driver = "net_ring",
        .title = "ring",
    },
    DriverTraits{
        .driver = "net_tap",
        .title = "TAP",
        .capability = CAP_NET_ADMIN,
        .capability_name = "CAP_NET_ADMIN",
        .kernel_has_the_ports_mac = true,
        .queues_in_pairs = true,
        // Such a packet stays at the front of the queue for ever.
        .no_segmentation = "the driver holds segments against the MTU with their Ethernet header",
        .no_tx_checksum = "the driver sums chains with pieces of odd length wrongly",
        .no_rss = "its key is fixed",
    },
    DriverTraits{
        .driver = "net_vhost",
        .title = "vhost",
        // By rte_raw_cksum_mbuf(), which drops carries where it swaps bytes; the driver sums itself
        // where the peer did not agree to unfinished checksums, and nobody is told.
        .odd_pieces_break_checksums = true,
        .prepare_for_segmentation_only = true,
    },
    DriverTraits{
        .driver = "net_virtio_user",
        .title = "virtio-user",
        .socket_argument = "path",
        .prepare_for_segmentation_only = true,
    },
    DriverTraits{
        .driver = "net_virtio",
        .title = "virtio",
        .prepare_for_segmentation_only = true,
    },
};

} // namespace

const DriverTraits& traits_of_driver(std::string_view driver) {
    const auto* const row = std::ranges::find(drivers, driver, &DriverTraits::driver);
    return row == drivers.end() ? nothing_known : *row;
}

const DriverTraits& traits_of_device(std::string_view device) {
    // As DPDK's virtual bus does it: by prefix, here the longest one.
    const DriverTraits* best = &nothing_known;
    for (const DriverTraits& row : drivers) {
        if (device.starts_with(row.driver) && row.driver.size() > best->driver.size()) {
            best = &row;
        }
    }
    return *best;
}

std::span<const DriverTraits> known_drivers() {
    return drivers;
}

} // namespace millrace::nic
