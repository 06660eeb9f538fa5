#pragma once

#include "http/status.hpp"

#include <span>
#include <string_view>

namespace millrace::http {

/// A request's path as a key of the content store, and its query as it was sent.
struct Target {
    std::string_view path;  ///< Begins with a slash; decoded, without dot segments.
    std::string_view query; ///< Without the question mark; still encoded.
};

/// Makes a key of `raw` (`Request::path`: path and query, percent-encoded): decodes it once, then
/// removes dot segments (RFC 3986 §2.1, §5.2.4), so that `%2e%2e` is the `..` that it spells. Empty
/// segments stay. The views in `out` are into `raw` when nothing had to be changed, else into
/// `buffer`. Returns
/// - `ok`;
/// - `bad_request`: broken encoding, an encoded NUL, a fragment, or a path that would climb above
///   the root, which no honest client sends;
/// - `not_found`: an encoded slash, which can be part of no name here;
/// - `uri_too_long`: the path does not fit `buffer`.
[[nodiscard]] Status normalise_target(std::string_view raw, std::span<char> buffer, Target& out);

} // namespace millrace::http
