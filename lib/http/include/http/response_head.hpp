#pragma once

#include "http/request.hpp"

#include <cstdint>

namespace millrace::http {

/// How the end of a response's content is known (RFC 9112 §6.3). A request has no `until_close`:
/// who closes cannot be answered.
enum class ResponseBody : std::uint8_t { none, content_length, chunked, until_close };

/// What a client must know of a response's head to check it and to find its end.
struct ResponseHead {
    std::uint64_t content_length = 0; ///< Bytes; has meaning when `body` says so.
    /// The three digits. A code outside of 100 to 599 is to be read as a 5xx (RFC 9110 §15).
    std::uint16_t status_code = 0;
    Version version = Version::http_1_1;
    ResponseBody body = ResponseBody::none;
    bool keep_alive = false; ///< The connection may be used again (RFC 9112 §9.3).

    /// True for a 1xx: another response follows, the one that was asked for (RFC 9110 §15.2), but
    /// after a 101 it is no longer HTTP.
    [[nodiscard]] bool is_interim() const { return status_code / 100 == 1; }
};

} // namespace millrace::http
