#pragma once

#include "http/request.hpp"

#include <cstdint>
#include <string_view>

namespace millrace::http {

/// What tells one version of a representation from another (RFC 9110 §8.8).
struct Validators {
    std::string_view etag;          ///< With its quotes; strong.
    std::int64_t last_modified = 0; ///< Unix seconds.
};

enum class Precondition : std::uint8_t {
    proceed,
    not_modified, ///< 304.
    failed,       ///< 412.
};

/// Weighs If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of
/// RFC 9110 §13.2.2, for a representation that exists. A date that cannot be read is as if it were
/// not there.
[[nodiscard]] Precondition evaluate_preconditions(const Request& request,
                                                  const Validators& validators,
                                                  std::int64_t now_unix_seconds);

/// Whether the Range field counts (RFC 9110 §13.1.5): there is no If-Range, or it names this very
/// version, byte for byte. A date does so only when it is at least a minute old (§8.8.2.2).
[[nodiscard]] bool range_applies(const Request& request, const Validators& validators,
                                 std::int64_t now_unix_seconds);

} // namespace millrace::http
