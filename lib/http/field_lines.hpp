#pragma once

#include "scan.hpp"
#include "text.hpp"
#include "verdict.hpp"

#include <cstdint>
#include <string_view>

/// The way through field lines, which is the same in requests and in responses.
namespace millrace::http {

/// What one field came to, and which of the deciding fields have been seen with it, as bits.
struct [[nodiscard]] Noted {
    Verdict verdict;
    std::uint16_t seen;
};

/// The value between a colon and a carriage return, without the white space around it.
inline std::string_view field_value(const char* first, const char* last) {
    first += *first == ' ' ? 1 : 0;
    // All that is at or below the space here is white space, or the carriage return itself.
    const auto at_most_space = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    if (at_most_space(*first) || at_most_space(last[-1])) [[unlikely]] {
        return trimmed(between(first, last));
    }
    return between(first, last);
}

/// Less than two bytes of a line: too few for a line end, but one may be too many already.
[[gnu::cold]] inline Verdict judge_last_byte(const char* at, const char* end, std::uint32_t left) {
    if (at == end || *at == '\r') {
        return Verdict::partial;
    }
    if (left == 0) {
        return refuse(Status::request_header_fields_too_large);
    }
    return scan::token_chars.contains(*at) ? Verdict::partial : bad_request;
}

/// How far the field lines have been read.
struct [[nodiscard]] FieldLines {
    const char* next;   ///< The line that is next, or behind the blank one.
    Verdict verdict;    ///< Of that line; good when the blank one has been read.
    std::uint16_t seen; ///< Which of the deciding fields came before it.
};

/// Reads all lines from `at` up to the blank one, and that; at most `left` of them. `note(name,
/// value, seen)` judges one of them, given what has been `seen` before. 16 bytes before `end` can
/// be read.
template <class Note>
FieldLines parse_field_lines(const char* at, const char* end, std::uint16_t seen,
                             std::uint32_t left, Note note) {
    for (;;) {
        if (end - at < 2) [[unlikely]] {
            return {at, judge_last_byte(at, end, left), seen};
        }
        if (is_line_end(at)) {
            return {at + 2, Verdict::good, seen};
        }
        if (left-- == 0) [[unlikely]] {
            return {at, refuse(Status::request_header_fields_too_large), seen};
        }
        // One field line (RFC 9112 §5). White space before the colon and folded lines have
        // something that is no token character where one must be, and so end here.
        const char* const name_end = scan::skip(scan::token_chars, at, end);
        if (name_end == end) [[unlikely]] {
            return {at, Verdict::partial, seen};
        }
        if (*name_end != ':' || name_end == at) [[unlikely]] {
            return {at, bad_request, seen};
        }
        const char* const value_end = scan::skip_field_value(name_end + 1, end);
        const Step next = line_end(value_end, end);
        if (next.verdict != Verdict::good) [[unlikely]] {
            return {at, next.verdict, seen};
        }
        const Noted noted = note(between(at, name_end), field_value(name_end + 1, value_end), seen);
        if (noted.verdict != Verdict::good) [[unlikely]] {
            return {at, noted.verdict, seen};
        }
        at = next.next;
        seen = noted.seen;
    }
}

} // namespace millrace::http
