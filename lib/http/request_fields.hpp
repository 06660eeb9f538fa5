#pragma once

#include "http/request.hpp"
#include "verdict.hpp"

#include <cstdint>

namespace millrace::http {

/// Reads all lines from `at` up to the blank one, and that; at most `left` of them. `host_seen`
/// says that a Host line came before. Judges the head as a whole when it is there. 16 bytes before
/// `end` can be read.
Step parse_request_fields(const char* at, const char* end, Request& out, bool host_seen,
                          std::uint32_t left);

} // namespace millrace::http
