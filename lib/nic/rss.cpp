#include "nic/rss.hpp"

#include "rss_setup.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>

namespace millrace::nic {
namespace {

constexpr std::uint64_t ports_of_tcp = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
constexpr std::uint64_t ports_of_udp = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint64_t addresses_alone = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;

/// The key length where the driver does not say: Microsoft's, which most have.
constexpr std::uint8_t key_bytes_usual = 40;

constexpr std::size_t table_entries_max = RTE_ETH_RSS_RETA_SIZE_512;
using TableGroups =
    std::array<rte_eth_rss_reta_entry64, table_entries_max / RTE_ETH_RETA_GROUP_SIZE>;

std::size_t group_of(std::size_t entry) {
    return entry / RTE_ETH_RETA_GROUP_SIZE;
}
std::size_t place_of(std::size_t entry) {
    return entry % RTE_ETH_RETA_GROUP_SIZE;
}

TableGroups all_selected() {
    TableGroups groups{};
    for (rte_eth_rss_reta_entry64& group : groups) {
        group.mask = ~std::uint64_t{0};
    }
    return groups;
}

} // namespace

std::uint64_t rss_fields_to_ask(std::uint64_t offered) {
    return (offered & RTE_ETH_RSS_NONFRAG_IPV4_TCP) == 0
               ? 0
               : offered & (ports_of_tcp | ports_of_udp | addresses_alone);
}

std::uint8_t rss_key_length(std::uint8_t said) {
    return said == 0 ? key_bytes_usual : said;
}

void spread_evenly(std::uint16_t port, std::uint16_t table_size, std::uint16_t queues) {
    if (table_size == 0 || table_size > table_entries_max) {
        return;
    }
    TableGroups groups = all_selected();
    for (std::size_t entry = 0; entry < table_size; ++entry) {
        groups[group_of(entry)].reta[place_of(entry)] = static_cast<std::uint16_t>(entry % queues);
    }
    // A driver that cannot has a table of its own making, which read_rss_table() will find.
    rte_eth_dev_rss_reta_update(port, groups.data(), table_size);
}

RssTable read_rss_table(std::uint16_t port, std::uint16_t table_size, std::uint8_t key_length) {
    RssTable table;
    std::array<std::uint8_t, rss_key_bytes_max> key{};
    rte_eth_rss_conf conf{.rss_key = key.data(), .rss_key_len = key_length, .rss_hf = 0};
    TableGroups groups = all_selected();
    const bool is_power_of_two = table_size != 0 && (table_size & (table_size - 1U)) == 0;
    if (!is_power_of_two || table_size > table_entries_max ||
        rte_eth_dev_rss_hash_conf_get(port, &conf) != 0 ||
        rte_eth_dev_rss_reta_query(port, groups.data(), table_size) != 0) {
        return table;
    }
    table.key.assign(key.begin(), key.begin() + key_length);
    table.queues.resize(table_size);
    for (std::size_t entry = 0; entry < table_size; ++entry) {
        table.queues[entry] = groups[group_of(entry)].reta[place_of(entry)];
    }
    table.ipv4_tcp = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0;
    table.ipv6_tcp = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0;
    table.ipv4_udp = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0;
    table.ipv6_udp = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0;
    return table;
}

} // namespace millrace::nic
