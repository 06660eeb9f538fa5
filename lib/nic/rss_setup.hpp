#pragma once

#include "nic/rss.hpp"

#include <cstdint>

namespace millrace::nic {

/// What to ask of a driver that offers these fields: 0 where TCP over IPv4 is not among them.
[[nodiscard]] std::uint64_t rss_fields_to_ask(std::uint64_t offered);

/// Bytes of the key, from what the driver says (0 where it says nothing).
[[nodiscard]] std::uint8_t rss_key_length(std::uint8_t said);

/// Points the entries of the port's table at its queues in turn.
void spread_evenly(std::uint16_t port, std::uint16_t table_size, std::uint16_t queues);

/// The key, the table and the fields that the driver uses; empty where it does not tell.
[[nodiscard]] RssTable read_rss_table(std::uint16_t port, std::uint16_t table_size,
                                      std::uint8_t key_length);

} // namespace millrace::nic
