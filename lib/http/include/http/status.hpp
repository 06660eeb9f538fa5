#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::http {

/// The status codes this server sends (RFC 9110 §15).
enum class Status : std::uint16_t {
    ok = 200,
    no_content = 204,
    partial_content = 206,
    moved_permanently = 301,
    not_modified = 304,
    bad_request = 400,
    not_found = 404,
    method_not_allowed = 405,
    request_timeout = 408,
    precondition_failed = 412,
    content_too_large = 413,
    uri_too_long = 414,
    range_not_satisfiable = 416,
    expectation_failed = 417,
    request_header_fields_too_large = 431,
    not_implemented = 501,
    service_unavailable = 503,
    http_version_not_supported = 505,
};

/// The phrase that follows the code in a status line, as the IANA registry spells it.
[[nodiscard]] std::string_view reason_phrase(Status status);

} // namespace millrace::http
