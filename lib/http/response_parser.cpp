#include "http/response_parser.hpp"

#include "field_lines.hpp"
#include "framing.hpp"
#include "head.hpp"
#include "scan.hpp"
#include "text.hpp"
#include "verdict.hpp"

#include <algorithm>
#include <cstring>

// The way through a head: the status line, then field by field to the blank line, then judge_whole.
// Each step says where the next begins and whether it is good; the first that is not ends it. Bytes
// are judged from left to right, so a longer prefix of the same stream never gets another answer.
//
// Before that, parse_response passes over the lines as nearly every server writes them. What it
// takes is what the careful way would take; at the first line that is otherwise, that way goes on.

namespace millrace::http {
namespace {

/// What comes before the reason in a status line.
constexpr std::string_view status_pattern = "HTTP/d.d ddd ";

/// No whole head is shorter than that and two line ends.
constexpr std::ptrdiff_t shortest_head_bytes = status_pattern.size() + 4;
static_assert(shortest_head_bytes - 1 <= ShortHead::longest_bytes);

/// A Transfer-Encoding field has ended with chunked.
constexpr std::uint16_t seen_chunked = seen_first_free;

[[gnu::noinline]] Noted note_transfer_encoding(std::string_view value, std::uint16_t seen) {
    if ((seen & seen_transfer_encoding) != 0) {
        return {bad_request, seen}; // Several are one list, and chunked may be in it only once.
    }
    const std::uint16_t now = with(seen, seen_transfer_encoding);
    switch (parse_transfer_encoding(value)) {
    case TransferCodings::chunked:
    case TransferCodings::others_then_chunked:
        return {Verdict::good, with(now, seen_chunked)};
    case TransferCodings::others:
        return {Verdict::good, now};
    case TransferCodings::malformed:
        break;
    }
    return {bad_request, now};
}

/// Inlined twice, because the usual way keeps in registers what a call would make it save.
[[gnu::always_inline]] inline Noted note_field(std::string_view name, std::string_view value,
                                               ResponseHead& out, std::uint16_t seen) {
    const char* const at = name.data();
    if (name.size() == 10 && name_equals(at, "connection")) {
        return note_connection(value, seen);
    }
    if (name.size() == 14 && name_equals(at, "content-length")) {
        return note_content_length(value, out.content_length, seen);
    }
    if (name.size() == 17 && name_equals(at, "transfer-encoding")) {
        return note_transfer_encoding(value, seen);
    }
    return {Verdict::good, seen};
}

/// RFC 9112 §6.3, cases 1 and 3 to 8; of case 2, CONNECT, there is no method here.
ResponseBody body_of(const ResponseHead& head, Method asked_with, std::uint16_t seen) {
    const unsigned code = head.status_code;
    if (asked_with == Method::head || head.is_interim() || code == 204 || code == 304) {
        return ResponseBody::none;
    }
    if ((seen & seen_chunked) != 0) {
        return ResponseBody::chunked;
    }
    if ((seen & seen_content_length) != 0) {
        return head.content_length > 0 ? ResponseBody::content_length : ResponseBody::none;
    }
    return ResponseBody::until_close;
}

/// What can be said only of the whole head.
Verdict judge_whole(ResponseHead& out, Method asked_with, std::uint16_t seen) {
    if (is_framed_twice(out.version, seen)) {
        return bad_request;
    }
    out.body = body_of(out, asked_with, seen);
    out.keep_alive = stays_open(out.version, seen) && out.body != ResponseBody::until_close;
    return Verdict::good;
}

constexpr std::uint16_t code_of(const char* digits) {
    return static_cast<std::uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 +
                                      (digits[2] - '0'));
}

/// Reads the line at `at` with its line end (RFC 9112 §4). The reason may be empty, the space
/// before it may not be missing.
[[gnu::noinline]] Step parse_status_line(const char* at, const char* end, ResponseHead& out) {
    const Step reason = match(at, end, status_pattern);
    if (reason.verdict != Verdict::good) {
        return reason;
    }
    if (at[5] != '1') {
        return {at, refuse(Status::http_version_not_supported)};
    }
    out.version = at[7] == '0' ? Version::http_1_0 : Version::http_1_1;
    out.status_code = code_of(at + 9);
    return line_end(scan::skip_field_value(reason.next, end), end);
}

/// Where a field line begins, and what is known there.
struct Place {
    const char* at;
    std::uint16_t seen;
    std::uint32_t left;
};

/// From there to the blank line, and that.
[[gnu::noinline]] FieldLines parse_fields(Place place, const char* end, ResponseHead& out) {
    const auto note = [&out](std::string_view name, std::string_view value, std::uint16_t seen) {
        return note_field(name, value, out, seen);
    };
    return parse_field_lines(place.at, end, place.seen, place.left, note);
}

/// Too short to be whole, and for loads of 16 bytes.
[[gnu::noinline]] ParseResult parse_short(const char* begin, const char* end, ResponseHead& out,
                                          const ResponseLimits& limits) {
    const ShortHead head{begin, end};
    Step step = parse_status_line(head.begin(), head.end(), out);
    if (step.verdict == Verdict::good) {
        step.verdict = parse_fields({step.next, 0, limits.fields}, head.end(), out).verdict;
    }
    return incomplete(begin, end, step.verdict, limits.head_bytes);
}

/// True when there is a line end at `at`; that may be anywhere.
bool has_line_end(const char* at, const char* end) {
    return at <= end - 2 && is_line_end(at);
}

/// `HTTP/1.1 ddd reason` and its line end; returns where the next line begins, or null for anything
/// else.
const char* usual_status_line(const char* begin, const char* end, ResponseHead& out) {
    const char* const code = begin + 9;
    const char* const reason = begin + status_pattern.size();
    if (std::memcmp(begin, "HTTP/1.1", 8) != 0 || begin[8] != ' ' || !is_digit(code[0]) ||
        !is_digit(code[1]) || !is_digit(code[2]) || code[3] != ' ') {
        return nullptr;
    }
    const char* const stop = scan::skip(scan::printable_chars, reason, end);
    if (!has_line_end(stop, end)) {
        return nullptr;
    }
    out.status_code = code_of(code);
    return stop + 2;
}

/// As many bytes from `at` on as may be in a plain name: most often fewer than the `front` 16.
std::size_t plain_name_length(__m128i front, const char* at, const char* end) {
    const std::size_t length = scan::plain_name_chars.length_in(front);
    if (length < 16) [[likely]] {
        return length;
    }
    return static_cast<std::size_t>(scan::skip(scan::plain_name_chars, at + length, end) - at);
}

/// Passes over field lines that are printable, with names of plain characters; ends at the first
/// that is otherwise, which may be the blank one. It looks for the end of a line from its
/// beginning, not from the end of its name: where the next one begins is then known before this one
/// has been read, and the processor reads both at once.
Place pass_usual_lines(const char* at, const char* end, ResponseHead& out, std::uint32_t left) {
    // Where a name's length has its bit, note_field looks at the name.
    constexpr std::uint64_t lengths_of_interest = 1U << 0 | 1U << 10 | 1U << 14 | 1U << 17;
    std::uint16_t seen = 0;
    for (; left > 0; --left) {
        const __m128i front = scan::load_16_in_loop(at, end);
        const char* const stop = scan::skip(scan::printable_chars, front, at, end);
        const std::size_t name_bytes = plain_name_length(front, at, end);
        // A name ends where its line does at the latest.
        if (!has_line_end(stop, end) || at[name_bytes] != ':') {
            break;
        }
        if ((lengths_of_interest >> (name_bytes % 64) & 1) != 0) {
            const std::string_view value = field_value(at + name_bytes + 1, stop);
            const Noted noted = note_field({at, name_bytes}, value, out, seen);
            if (noted.verdict != Verdict::good || name_bytes == 0) [[unlikely]] {
                break;
            }
            seen = noted.seen;
        }
        at = stop + 2;
    }
    return {at, seen, left};
}

} // namespace

ParseResult parse_response(std::span<const std::byte> head, Method asked_with, ResponseHead& out,
                           const ResponseLimits& limits, std::uint32_t already_seen) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are read as characters.
    const char* const begin = reinterpret_cast<const char*>(head.data());
    const char* const end = begin + std::min<std::size_t>(head.size(), limits.head_bytes);
    out = {};
    if (already_seen > 0 &&
        !is_worth_parsing_again(between(begin, end), limits.head_bytes, already_seen)) {
        return {};
    }
    if (end - begin < shortest_head_bytes) [[unlikely]] {
        return parse_short(begin, end, out, limits);
    }
    Step first{usual_status_line(begin, end, out), Verdict::good};
    if (first.next == nullptr) [[unlikely]] {
        first = parse_status_line(begin, end, out);
        if (first.verdict != Verdict::good) {
            return incomplete(begin, end, first.verdict, limits.head_bytes);
        }
    }
    const Place place = pass_usual_lines(first.next, end, out, limits.fields);
    FieldLines fields{place.at + 2, Verdict::good, place.seen};
    if (!has_line_end(place.at, end)) [[unlikely]] {
        fields = parse_fields(place, end, out);
    }
    if (fields.verdict == Verdict::good) [[likely]] {
        fields.verdict = judge_whole(out, asked_with, fields.seen);
    }
    if (fields.verdict != Verdict::good) [[unlikely]] {
        return incomplete(begin, end, fields.verdict, limits.head_bytes);
    }
    return complete(begin, fields.next);
}

} // namespace millrace::http
