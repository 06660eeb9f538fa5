#include "field_values.hpp"

#include "text.hpp"

#include <algorithm>
#include <limits>

namespace millrace::http {
namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_hex_digit(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

constexpr bool is_name_char(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view{"-._~!$&'()*+,;="}.find(c) != std::string_view::npos;
}

/// The length of the host at the front of `value` (RFC 3986 §3.2.2), or npos when it is malformed.
std::size_t host_length(std::string_view value) {
    if (value.starts_with('[')) {
        const std::size_t close = value.find(']');
        const auto inside = value.substr(1, close - 1);
        const bool valid = close != std::string_view::npos && !inside.empty() &&
                           std::ranges::all_of(inside, [](char c) {
                               return is_hex_digit(c) || c == ':' || c == '.';
                           });
        return valid ? close + 1 : std::string_view::npos;
    }
    std::size_t at = 0;
    while (at < value.size() && value[at] != ':') {
        if (value[at] == '%') {
            if (at + 2 >= value.size() || !is_hex_digit(value[at + 1]) ||
                !is_hex_digit(value[at + 2])) {
                return std::string_view::npos;
            }
            at += 3;
        } else if (is_name_char(value[at])) {
            ++at;
        } else {
            return std::string_view::npos;
        }
    }
    return at;
}

} // namespace

Status parse_content_length(std::string_view value, std::uint64_t& length) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    if (value.empty() || !std::ranges::all_of(value, is_digit)) {
        return Status::bad_request;
    }
    length = 0;
    for (const char c : value) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (length > (most - digit) / 10) {
            return Status::content_too_large;
        }
        length = length * 10 + digit;
    }
    return Status::ok;
}

bool is_valid_authority(std::string_view value) {
    const std::size_t length = host_length(value);
    if (length == std::string_view::npos) {
        return false;
    }
    const std::string_view port = value.substr(length);
    return port.empty() || (port.front() == ':' && std::ranges::all_of(port.substr(1), is_digit));
}

ConnectionOptions parse_connection(std::string_view value) {
    ConnectionOptions options;
    while (!value.empty()) {
        const std::string_view option = next_element(value);
        options.close |= equals_ignoring_case(option, "close");
        options.keep_alive |= equals_ignoring_case(option, "keep-alive");
    }
    return options;
}

Status parse_transfer_encoding(std::string_view value) {
    bool chunked_last = false;
    bool others = false;
    while (!value.empty()) {
        const std::string_view coding = next_element(value);
        if (coding.empty()) {
            continue;
        }
        if (chunked_last) {
            return Status::bad_request;
        }
        chunked_last = equals_ignoring_case(coding, "chunked");
        others |= !chunked_last;
    }
    if (!chunked_last) {
        return Status::bad_request;
    }
    return others ? Status::not_implemented : Status::ok;
}

} // namespace millrace::http
