#pragma once

#include "field_lines.hpp"
#include "field_values.hpp"
#include "http/request.hpp"
#include "text.hpp"

#include <cstdint>
#include <string_view>

/// The fields that decide, in requests and in responses, where the content ends and whether the
/// connection stays.
namespace millrace::http {

/// Which of them have been seen, as bits.
inline constexpr std::uint16_t seen_content_length = 1U << 0;
inline constexpr std::uint16_t seen_transfer_encoding = 1U << 1;
inline constexpr std::uint16_t seen_close = 1U << 2;
inline constexpr std::uint16_t seen_keep_alive = 1U << 3;
/// The first bit that one kind of head alone gives a meaning.
inline constexpr std::uint16_t seen_first_free = 1U << 4;

constexpr std::uint16_t with(std::uint16_t seen, unsigned more) {
    return static_cast<std::uint16_t>(seen | more);
}

/// Several are refused, even of the same value.
inline Noted note_content_length(std::string_view value, std::uint64_t& length,
                                 std::uint16_t seen) {
    if ((seen & seen_content_length) != 0) {
        return {bad_request, seen};
    }
    const Status status = parse_content_length(value, length);
    return {status == Status::ok ? Verdict::good : refuse(status), with(seen, seen_content_length)};
}

inline Noted note_connection(std::string_view value, std::uint16_t seen) {
    if (value.size() == 10 && name_equals(value.data(), "keep-alive")) {
        return {Verdict::good, with(seen, seen_keep_alive)};
    }
    const ConnectionOptions options = parse_connection(value);
    return {Verdict::good, with(seen, (options.close ? seen_close : 0U) |
                                          (options.keep_alive ? seen_keep_alive : 0U))};
}

/// Content-Length and Transfer-Encoding at once, and a coding in a version that does not know them,
/// are how messages are smuggled (RFC 9112 §6.1, §6.3).
constexpr bool is_framed_twice(Version version, std::uint16_t seen) {
    return (seen & seen_transfer_encoding) != 0 &&
           ((seen & seen_content_length) != 0 || version == Version::http_1_0);
}

/// What the fields say about the connection (RFC 9112 §9.3).
constexpr bool stays_open(Version version, std::uint16_t seen) {
    if (version == Version::http_1_1) [[likely]] {
        return (seen & seen_close) == 0;
    }
    return (seen & (seen_close | seen_keep_alive)) == seen_keep_alive;
}

} // namespace millrace::http
