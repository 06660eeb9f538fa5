#pragma once

#include "base/packet.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::nic {

/// What a port can do for the stack, in the order of the table that is printed at start.
enum class Offload : std::uint8_t {
    rx_ipv4_checksum,
    rx_tcp_checksum,
    rx_udp_checksum,
    rx_scatter, ///< A frame longer than a buffer arrives as a chain.
    tx_ipv4_checksum,
    tx_tcp_checksum,
    tx_udp_checksum,
    tx_tcp_segmentation,
    tx_multi_segment,
};

inline constexpr std::size_t offload_count = 9;

[[nodiscard]] std::string_view to_string(Offload offload);

/// A set of offloads.
class OffloadSet {
  public:
    constexpr OffloadSet() = default;

    [[nodiscard]] static constexpr OffloadSet all() {
        OffloadSet set;
        set.bits_ = (1U << offload_count) - 1;
        return set;
    }

    [[nodiscard]] constexpr bool has(Offload offload) const { return (bits_ & bit(offload)) != 0; }
    constexpr OffloadSet& add(Offload offload) {
        bits_ |= bit(offload);
        return *this;
    }
    constexpr OffloadSet& remove(Offload offload) {
        bits_ &= ~bit(offload);
        return *this;
    }
    [[nodiscard]] friend constexpr OffloadSet operator&(OffloadSet a, OffloadSet b) {
        a.bits_ &= b.bits_;
        return a;
    }
    [[nodiscard]] friend constexpr bool operator==(OffloadSet, OffloadSet) = default;

  private:
    [[nodiscard]] static constexpr std::uint32_t bit(Offload offload) {
        return 1U << static_cast<unsigned>(offload);
    }

    std::uint32_t bits_ = 0;
};

/// What became of one offload when the port was configured.
struct OffloadOutcome {
    bool wanted = false;
    bool offered = false; ///< By the driver.
    bool used = false;
    /// Why an offered one is not used although wanted; "" where that needs no explanation.
    std::string_view why_not;

    /// True where the stack does the work (or, for scatter and multi-segment, does without).
    [[nodiscard]] bool in_software() const { return !used; }
};

/// The outcome of every offload of a port.
struct OffloadReport {
    std::array<OffloadOutcome, offload_count> outcomes;

    [[nodiscard]] OffloadOutcome& operator[](Offload offload) {
        return outcomes[static_cast<std::size_t>(offload)];
    }
    [[nodiscard]] const OffloadOutcome& operator[](Offload offload) const {
        return outcomes[static_cast<std::size_t>(offload)];
    }

    [[nodiscard]] OffloadSet used() const;
    [[nodiscard]] TxOffloads tx() const;

    /// A table of one line an offload, with a head line; each line ends in a line end.
    [[nodiscard]] std::string to_string() const;
};

/// Between our names and DPDK's bits.
[[nodiscard]] OffloadSet offloads_from_bits(std::uint64_t rx_bits, std::uint64_t tx_bits);
[[nodiscard]] std::uint64_t rx_offload_bits(OffloadSet set);
[[nodiscard]] std::uint64_t tx_offload_bits(OffloadSet set);

} // namespace millrace::nic
