#include "nic/offloads.hpp"

#include <fmt/format.h>

#include <rte_ethdev.h>

namespace millrace::nic {
namespace {

struct Row {
    std::string_view name;
    bool transmit;
    std::uint64_t bit;            ///< DPDK's.
    std::string_view in_software; ///< What happens without it.
};

constexpr std::array<Row, offload_count> rows{{
    {"rx IPv4 checksum", false, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, "software"},
    {"rx TCP checksum", false, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, "software"},
    {"rx UDP checksum", false, RTE_ETH_RX_OFFLOAD_UDP_CKSUM, "software"},
    {"rx scatter", false, RTE_ETH_RX_OFFLOAD_SCATTER, "one buffer a frame"},
    {"tx IPv4 checksum", true, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, "software"},
    {"tx TCP checksum", true, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, "software"},
    {"tx UDP checksum", true, RTE_ETH_TX_OFFLOAD_UDP_CKSUM, "software"},
    {"tx TCP segmentation", true, RTE_ETH_TX_OFFLOAD_TCP_TSO, "software"},
    {"tx multi-segment", true, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, "payload is copied"},
}};

constexpr Offload offload_at(std::size_t index) {
    return static_cast<Offload>(index);
}

std::uint64_t bits_of(OffloadSet set, bool transmit) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < offload_count; ++i) {
        if (rows[i].transmit == transmit && set.has(offload_at(i))) {
            bits |= rows[i].bit;
        }
    }
    return bits;
}

std::string_view yes_or_no(bool value) {
    return value ? "yes" : "no";
}

} // namespace

std::string_view to_string(Offload offload) {
    return rows[static_cast<std::size_t>(offload)].name;
}

OffloadSet OffloadReport::used() const {
    OffloadSet set;
    for (std::size_t i = 0; i < offload_count; ++i) {
        if (outcomes[i].used) {
            set.add(offload_at(i));
        }
    }
    return set;
}

TxOffloads OffloadReport::tx() const {
    return {.ipv4_checksum = (*this)[Offload::tx_ipv4_checksum].used,
            .tcp_checksum = (*this)[Offload::tx_tcp_checksum].used,
            .udp_checksum = (*this)[Offload::tx_udp_checksum].used,
            .tcp_segmentation = (*this)[Offload::tx_tcp_segmentation].used,
            .multi_segment = (*this)[Offload::tx_multi_segment].used};
}

std::string OffloadReport::to_string() const {
    std::string text;
    const auto append_row = [&text](std::string_view name, std::string_view wanted,
                                    std::string_view offered, std::string_view used,
                                    std::string_view otherwise) {
        text += fmt::format("  {:<22}{:<8}{:<9}{:<6}{}", name, wanted, offered, used, otherwise);
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    };
    append_row("offload", "wanted", "offered", "used", "otherwise");
    for (std::size_t i = 0; i < offload_count; ++i) {
        const OffloadOutcome& outcome = outcomes[i];
        std::string otherwise{outcome.used ? std::string_view{} : rows[i].in_software};
        if (!outcome.why_not.empty()) {
            otherwise += fmt::format(" ({})", outcome.why_not);
        }
        append_row(rows[i].name, yes_or_no(outcome.wanted), yes_or_no(outcome.offered),
                   yes_or_no(outcome.used), otherwise);
    }
    return text;
}

OffloadSet offloads_from_bits(std::uint64_t rx_bits, std::uint64_t tx_bits) {
    OffloadSet set;
    for (std::size_t i = 0; i < offload_count; ++i) {
        if (((rows[i].transmit ? tx_bits : rx_bits) & rows[i].bit) != 0) {
            set.add(offload_at(i));
        }
    }
    return set;
}

std::uint64_t rx_offload_bits(OffloadSet set) {
    return bits_of(set, false);
}

std::uint64_t tx_offload_bits(OffloadSet set) {
    return bits_of(set, true);
}

} // namespace millrace::nic
