#include "field_values.hpp"

#include "scan.hpp"
#include "text.hpp"

#include <algorithm>

namespace millrace::http {
namespace {

constexpr bool is_hex_digit(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

bool is_token_char(char c) {
    return scan::token_chars.contains(c);
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

TransferCodings parse_transfer_encoding(std::string_view value) {
    if (value.size() == 7 && name_equals(value.data(), "chunked")) {
        return TransferCodings::chunked;
    }
    // No known coding has a parameter that is quoted, and a comma in it would be taken for the
    // list's.
    if (value.find('"') != std::string_view::npos) {
        return TransferCodings::malformed;
    }
    bool chunked_last = false;
    bool others = false;
    while (!value.empty()) {
        const std::string_view coding = next_element(value);
        if (coding.empty()) {
            continue;
        }
        const std::string_view name = trimmed(coding.substr(0, coding.find(';')));
        if (chunked_last || name.empty() || !std::ranges::all_of(name, is_token_char)) {
            return TransferCodings::malformed;
        }
        if (equals_ignoring_case(name, "chunked")) {
            if (name.size() != coding.size()) {
                return TransferCodings::malformed;
            }
            chunked_last = true;
        } else {
            others = true;
        }
    }
    if (chunked_last) {
        return others ? TransferCodings::others_then_chunked : TransferCodings::chunked;
    }
    return others ? TransferCodings::others : TransferCodings::malformed;
}

} // namespace millrace::http
