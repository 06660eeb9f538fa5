#include "wire/ipv4.hpp"

namespace millrace::wire::detail {
namespace {

constexpr std::uint8_t option_end = 0;
constexpr std::uint8_t option_nop = 1;
constexpr std::uint8_t option_loose_source_route = 131;
constexpr std::uint8_t option_strict_source_route = 137;

} // namespace

Drop check_ipv4_options(std::span<const std::byte> options) {
    while (!options.empty()) {
        const auto kind = std::to_integer<std::uint8_t>(options[0]);
        if (kind == option_end) {
            return Drop::none;
        }
        if (kind == option_nop) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2) {
            return Drop::ipv4_bad_options;
        }
        const auto length = std::to_integer<std::size_t>(options[1]);
        if (length < 2 || length > options.size()) {
            return Drop::ipv4_bad_options;
        }
        if (kind == option_loose_source_route || kind == option_strict_source_route) {
            return Drop::ipv4_source_route;
        }
        options = options.subspan(length);
    }
    return Drop::none;
}

/// The end may not lie beyond the largest packet, and only the last fragment may have a length that
/// does not divide by eight (RFC 791 §3.2).
Drop check_ipv4_fragment(std::size_t offset_bytes, std::size_t payload_bytes, bool more_fragments) {
    constexpr std::size_t end_max = ipv4_packet_bytes_max - ipv4_header_bytes_min;
    const bool uneven = more_fragments && payload_bytes % 8 != 0;
    if (payload_bytes == 0 || uneven || offset_bytes + payload_bytes > end_max) {
        return Drop::fragment_malformed;
    }
    return Drop::none;
}

} // namespace millrace::wire::detail
