#pragma once

#include "http/status.hpp"

#include <cstdint>
#include <string_view>

/// The values of the fields that decide how a request is read.
namespace millrace::http {

/// Digits only (RFC 9110 §8.6). Returns `Status::ok` and sets `length`; `bad_request` when it is
/// not a number, `content_too_large` when it is one of more than 63 bits.
[[nodiscard]] Status parse_content_length(std::string_view value, std::uint64_t& length);

/// True for uri-host [ ":" port ] (RFC 9110 §7.2), which may be empty. No user information.
[[nodiscard]] bool is_valid_authority(std::string_view value);

/// What one Connection field says (RFC 9110 §7.6.1).
struct ConnectionOptions {
    bool close = false;
    bool keep_alive = false;
};
[[nodiscard]] ConnectionOptions parse_connection(std::string_view value);

/// `Status::ok` when the one coding is chunked, `not_implemented` when others come before it, and
/// `bad_request` when the message would have no end: chunked not last, or twice, or nothing at all
/// (RFC 9112 §6.1, §6.3).
[[nodiscard]] Status parse_transfer_encoding(std::string_view value);

} // namespace millrace::http
