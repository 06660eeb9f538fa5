#include "http/range.hpp"

#include "text.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace millrace::http {
namespace {

/// Digits only; a number too large is as large as can be, which is past every end.
std::optional<std::uint64_t> parse_position(std::string_view digits) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    if (digits.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        value = value > (most - digit) / 10 ? most : value * 10 + digit;
    }
    return value;
}

RangeRequest suffix(std::uint64_t length, std::uint64_t size_bytes) {
    if (length == 0) {
        return {RangeRequest::Kind::unsatisfiable};
    }
    if (size_bytes == 0) {
        return {}; // Satisfiable by the RFC's words, but no Content-Range can say so.
    }
    const std::uint64_t taken = std::min(length, size_bytes);
    return {RangeRequest::Kind::part, size_bytes - taken, taken};
}

} // namespace

RangeRequest parse_range(std::string_view value, std::uint64_t size_bytes) {
    constexpr std::string_view unit = "bytes=";
    if (!equals_ignoring_case(value.substr(0, unit.size()), unit)) {
        return {};
    }
    const std::string_view range = trimmed(value.substr(unit.size()));
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) {
        return {};
    }
    const auto last = parse_position(range.substr(dash + 1));
    if (dash == 0) {
        return last ? suffix(*last, size_bytes) : RangeRequest{};
    }
    const auto first = parse_position(range.substr(0, dash));
    const bool open = dash + 1 == range.size();
    if (!first || (!open && (!last || *last < *first))) {
        return {};
    }
    if (*first >= size_bytes) {
        return {RangeRequest::Kind::unsatisfiable};
    }
    const std::uint64_t end = open ? size_bytes : std::min(*last, size_bytes - 1) + 1;
    return {RangeRequest::Kind::part, *first, end - *first};
}

} // namespace millrace::http
