#pragma once

#include "http/request.hpp"
#include "http/request_parser.hpp"
#include "verdict.hpp"

namespace millrace::http {

/// Passes over empty lines before a request line (RFC 9112 §2.2).
[[nodiscard]] Step skip_empty_lines(const char* at, const char* end);

/// Reads the line at `at` with its line end (RFC 9112 §3). 16 bytes before `end` can be read.
[[nodiscard]] Step parse_request_line(const char* at, const char* end, Request& out,
                                      const RequestLimits& limits);

} // namespace millrace::http
