#pragma once

#include "http/parse_result.hpp"
#include "http/request.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::http {

/// What a request head may cost. `head_bytes` bounds the whole head, and so every field in it.
struct RequestLimits {
    std::uint32_t head_bytes = 8192;
    std::uint32_t target_bytes = 4096; ///< Longer: 414.
    std::uint32_t fields = 100;        ///< More: 431. At least 1.
};

/// Parses one request head (RFC 9112 §2 to §7) from the front of `head`, one contiguous piece of
/// the stream, without copying: the views in `out` are into `head`. Unless the result is complete,
/// what `out` holds means nothing. Never allocates, never reads outside `head`.
///
/// The parser has no state of its own. After `partial` the caller appends to the bytes it has and
/// calls again with `already_seen` set to how many there were, and a head fed byte by byte costs
/// time linear in its length: it is parsed again only when its blank line (or the limit) has come.
/// However a head is cut into pieces, it gets the same result; a broken one may get it later, when
/// the head's end has come, than if its bytes had come at once.
///
/// Where the RFCs leave a choice, what could be read in two ways is refused: a bare CR or LF,
/// white space before a colon, folded lines, repeated Content-Length (even the same value twice),
/// Content-Length with Transfer-Encoding, Transfer-Encoding in HTTP/1.0, more than one space
/// between the parts of a request line.
ParseResult parse_request(std::span<const std::byte> head, Request& out,
                          const RequestLimits& limits = {}, std::uint32_t already_seen = 0);

} // namespace millrace::http
