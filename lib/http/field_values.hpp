#pragma once

#include "http/status.hpp"
#include "text.hpp"

#include <cstdint>
#include <limits>
#include <string_view>

/// The values of the fields that decide how a message is read.
namespace millrace::http {

/// Digits only (RFC 9110 §8.6). Returns `Status::ok` and sets `length`; `bad_request` when it is
/// not a number, `content_too_large` when it is one of more than 63 bits.
[[nodiscard]] inline Status parse_content_length(std::string_view value, std::uint64_t& length) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    std::uint64_t number = 0;
    for (const char c : value) {
        if (!is_digit(c)) {
            return Status::bad_request;
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        number = number > most / 10 ? most + 1 : number * 10 + digit; // Once too large, always.
    }
    if (number > most) [[unlikely]] {
        return Status::content_too_large;
    }
    length = number;
    return value.empty() ? Status::bad_request : Status::ok;
}

/// True for uri-host [ ":" port ] (RFC 9110 §7.2), which may be empty. No user information.
[[nodiscard]] bool is_valid_authority(std::string_view value);

/// What one Connection field says (RFC 9110 §7.6.1).
struct ConnectionOptions {
    bool close = false;
    bool keep_alive = false;
};
[[nodiscard]] ConnectionOptions parse_connection(std::string_view value);

/// What a Transfer-Encoding field says (RFC 9112 §6.1).
enum class TransferCodings : std::uint8_t {
    chunked,
    others_then_chunked,
    others,    ///< Without chunked, which alone has an end of its own.
    malformed, ///< Chunked not last, or twice, or with a parameter; no coding at all, or no list.
};
[[nodiscard]] TransferCodings parse_transfer_encoding(std::string_view value);

} // namespace millrace::http
