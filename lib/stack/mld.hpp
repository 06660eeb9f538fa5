#pragma once

#include "base/big_endian.hpp"
#include "base/time.hpp"
#include "wire/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

/// Multicast listener discovery, version 2 (RFC 3810): as much of it as a host needs that belongs
/// to nothing but its solicited-node groups. Switches that snoop want to be told of these.
namespace millrace::stack::mld {

inline constexpr std::uint8_t query_type = 130;
inline constexpr std::uint8_t report_type = 143;

/// Reports go to all routers that speak version 2.
inline constexpr wire::Ipv6Addr report_destination{
    {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};

/// What a query begins with (§5.1; version 1 ends here).
struct QueryHeader {
    std::uint8_t type;
    std::uint8_t code;
    BigEndian<std::uint16_t> checksum;
    BigEndian<std::uint16_t> response_delay_max;
    BigEndian<std::uint16_t> reserved;
    wire::Ipv6Addr group;
};
static_assert(sizeof(QueryHeader) == 24);

/// §5.2.
struct ReportHeader {
    std::uint8_t type;
    std::uint8_t code;
    BigEndian<std::uint16_t> checksum;
    BigEndian<std::uint16_t> reserved;
    BigEndian<std::uint16_t> record_count;
};
static_assert(sizeof(ReportHeader) == 8);

/// §5.2.4 to §5.2.12: that we listen to every source in a group.
struct Record {
    std::uint8_t type;
    std::uint8_t auxiliary_words;
    BigEndian<std::uint16_t> source_count;
    wire::Ipv6Addr group;

    static constexpr std::uint8_t mode_is_exclude = 2;
    static constexpr std::uint8_t change_to_exclude = 4;
};
static_assert(sizeof(Record) == 20);

/// Every message of MLD is marked for routers to look at (§5; RFC 2711): a hop-by-hop header with
/// that option and its padding. The first byte is the next header, ICMPv6.
inline constexpr std::array<std::uint8_t, 8> router_alert_header{58, 0, 5, 2, 0, 0, 1, 0};

/// The longest time to wait before an answer (§5.1.3): milliseconds, as a floating-point number
/// from 32768 on.
[[nodiscard]] constexpr Duration response_delay(std::uint16_t code) {
    if (code < 0x8000) {
        return std::chrono::milliseconds{code};
    }
    const unsigned exponent = (code >> 12) & 7U;
    const unsigned mantissa = code & 0xfffU;
    return std::chrono::milliseconds{(mantissa | 0x1000U) << (exponent + 3)};
}

} // namespace millrace::stack::mld
