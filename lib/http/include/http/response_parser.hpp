#pragma once

#include "http/parse_result.hpp"
#include "http/response_head.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::http {

/// What a response head may cost. `head_bytes` bounds the whole head, and so every line in it.
struct ResponseLimits {
    std::uint32_t head_bytes = 8192;
    std::uint32_t fields = 100;
};

/// Parses one response head (RFC 9112 §2 to §7, as a client) from the front of `head`, one
/// contiguous piece of the stream, which answers a request of the method `asked_with`: what content
/// follows depends on it. An interim response is a head of its own. Unless the result is complete,
/// what `out` holds means nothing. Never allocates, never reads outside `head`.
///
/// It has no state of its own, and `already_seen` means what it means to `parse_request`: how many
/// bytes the call before had, when its result was partial. However a head is cut into pieces, it
/// gets the same result; a broken one may get it later, when the head's end has come, than if its
/// bytes had come at once.
///
/// What could be read in two ways is refused as in a request: a bare CR or LF, white space before a
/// colon, folded lines, repeated Content-Length (even the same value twice), Content-Length with
/// Transfer-Encoding, Transfer-Encoding in HTTP/1.0, more or less than one space between the parts
/// of a status line, even where no content follows whatever the fields say. So are empty lines
/// before a response: content that was longer than it said may end in them.
ParseResult parse_response(std::span<const std::byte> head, Method asked_with, ResponseHead& out,
                           const ResponseLimits& limits = {}, std::uint32_t already_seen = 0);

} // namespace millrace::http
