#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::nic {

/// The longest key that any driver takes (i40e's); a port uses the first bytes that it needs.
inline constexpr std::size_t rss_key_bytes_max = 52;

/// Drawn at boot and handed in, so that nobody outside can choose a worker's queue.
using RssKey = std::array<std::uint8_t, rss_key_bytes_max>;

/// How a port spreads what it receives over its queues, as read back from the driver after start:
/// the Toeplitz hash of the fields below, its low bits an index into the table. Empty where the
/// port does not spread, or cannot be read.
struct RssTable {
    std::vector<std::uint8_t> key;
    std::vector<std::uint16_t> queues; ///< A power of two entries.
    /// Which packets are hashed with their ports; others of the family by addresses alone, or not.
    bool ipv4_tcp = false;
    bool ipv6_tcp = false;
    bool ipv4_udp = false;
    bool ipv6_udp = false;

    [[nodiscard]] bool empty() const { return queues.empty(); }

    /// The queue of a packet with this Toeplitz hash; not for an empty table.
    [[nodiscard]] std::uint16_t queue_of(std::uint32_t hash) const {
        return queues[hash & (queues.size() - 1)];
    }
};

} // namespace millrace::nic
