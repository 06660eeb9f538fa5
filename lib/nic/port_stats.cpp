#include "nic/port_stats.hpp"

#include "nic/port.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <utility>

namespace millrace::nic {
namespace {

std::vector<NamedCounter> basic_counters(const PortStats& stats) {
    return {{"rx_packets", stats.rx_packets},  {"tx_packets", stats.tx_packets},
            {"rx_bytes", stats.rx_bytes},      {"tx_bytes", stats.tx_bytes},
            {"imissed", stats.imissed},        {"ierrors", stats.ierrors},
            {"oerrors", stats.oerrors},        {"rx_nombuf", stats.rx_nombuf},
            {"tx_copied", stats.tx_copied},    {"tx_refused", stats.tx_refused},
            {"tx_rejected", stats.tx_rejected}};
}

void append_driver_counters(std::uint16_t port, std::vector<NamedCounter>& counters) {
    const int count = rte_eth_xstats_get(port, nullptr, 0);
    if (count <= 0) {
        return;
    }
    std::vector<rte_eth_xstat> values(static_cast<std::size_t>(count));
    std::vector<rte_eth_xstat_name> names(values.size());
    const auto size = static_cast<unsigned>(count);
    if (rte_eth_xstats_get_names(port, names.data(), size) != count ||
        rte_eth_xstats_get(port, values.data(), size) != count) {
        return;
    }
    for (const rte_eth_xstat& value : values) {
        counters.push_back({static_cast<const char*>(names[value.id].name), value.value});
    }
}

} // namespace

PortStats Port::stats() const {
    PortStats stats;
    rte_eth_stats raw{};
    if (rte_eth_stats_get(port_id_, &raw) == 0) {
        stats = {.rx_packets = raw.ipackets,
                 .tx_packets = raw.opackets,
                 .rx_bytes = raw.ibytes,
                 .tx_bytes = raw.obytes,
                 .imissed = raw.imissed,
                 .ierrors = raw.ierrors,
                 .oerrors = raw.oerrors,
                 .rx_nombuf = raw.rx_nombuf};
    }
    for (const auto& queue : queues_) {
        const TransmitTrouble& trouble = queue->trouble();
        stats.tx_copied += trouble.copied.load(std::memory_order_relaxed);
        stats.tx_refused += trouble.refused.load(std::memory_order_relaxed);
        stats.tx_rejected += trouble.rejected.load(std::memory_order_relaxed);
    }
    stats.by_name = basic_counters(stats);
    append_driver_counters(port_id_, stats.by_name);
    return stats;
}

} // namespace millrace::nic
