#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::nic {

struct NamedCounter {
    std::string name;
    std::uint64_t value = 0;
};

/// The port's own counters since it was opened, and those of its queues.
struct PortStats {
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t imissed = 0; ///< Dropped by the port because the receive queue was full.
    std::uint64_t ierrors = 0;
    std::uint64_t oerrors = 0;
    std::uint64_t rx_nombuf = 0; ///< Times there was no packet memory to receive into.

    // Of all queues' `TransmitTrouble`.
    std::uint64_t tx_copied = 0;
    std::uint64_t tx_refused = 0;
    std::uint64_t tx_rejected = 0;

    /// All of the above and what the driver counts besides, by DPDK's names.
    std::vector<NamedCounter> by_name;
};

} // namespace millrace::nic
