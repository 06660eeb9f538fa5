#include "field_lines.hpp"

#include "field_values.hpp"
#include "scan.hpp"
#include "text.hpp"

namespace millrace::http {
namespace {

/// Which of the fields that decide have been seen, as bits.
constexpr std::uint16_t seen_host = 1U << 0;
constexpr std::uint16_t seen_content_length = 1U << 1;
constexpr std::uint16_t seen_transfer_encoding = 1U << 2;
constexpr std::uint16_t seen_close = 1U << 3;
constexpr std::uint16_t seen_keep_alive = 1U << 4;
constexpr std::uint16_t seen_expect = 1U << 5;

constexpr std::uint16_t with(std::uint16_t seen, unsigned more) {
    return static_cast<std::uint16_t>(seen | more);
}

/// What is known after a field line.
struct [[nodiscard]] FieldStep {
    const char* next;
    Verdict verdict;
    std::uint16_t seen;
};

/// What one field came to, and which of the deciding fields have been seen with it.
struct [[nodiscard]] Noted {
    Verdict verdict;
    std::uint16_t seen;
};

/// A field that may come once only.
Verdict keep_once(std::string_view& kept, std::string_view value) {
    if (kept.data() != nullptr) {
        return bad_request;
    }
    kept = value;
    return Verdict::good;
}

/// A list whose repetition may be passed over: the answer is then larger than it had to be, not
/// wrong.
Verdict keep_first(std::string_view& kept, std::string_view value) {
    if (kept.data() == nullptr) {
        kept = value;
    }
    return Verdict::good;
}

[[gnu::noinline]] Noted host_field(std::string_view value, Request& out, std::uint16_t seen) {
    if ((seen & seen_host) != 0 || !is_valid_authority(value)) {
        return {bad_request, seen};
    }
    if (out.host.data() == nullptr) { // A target with an authority goes before (RFC 9112 §3.2.2).
        out.host = value;
    }
    return {Verdict::good, with(seen, seen_host)};
}

[[gnu::noinline]] Noted content_length_field(std::string_view value, Request& out,
                                             std::uint16_t seen) {
    if ((seen & seen_content_length) != 0) {
        return {bad_request, seen};
    }
    const Status status = parse_content_length(value, out.content_length);
    return {status == Status::ok ? Verdict::good : refuse(status), with(seen, seen_content_length)};
}

[[gnu::noinline]] Noted transfer_encoding_field(std::string_view value, std::uint16_t seen) {
    if ((seen & seen_transfer_encoding) != 0) {
        return {bad_request, seen}; // Several are one list, and chunked may be in it only once.
    }
    const Status status = parse_transfer_encoding(value);
    return {status == Status::ok ? Verdict::good : refuse(status),
            with(seen, seen_transfer_encoding)};
}

Noted connection_field(std::string_view value, std::uint16_t seen) {
    if (value.size() == 10 && name_equals(value.data(), "keep-alive")) {
        return {Verdict::good, with(seen, seen_keep_alive)};
    }
    const ConnectionOptions options = parse_connection(value);
    return {Verdict::good, with(seen, (options.close ? seen_close : 0U) |
                                          (options.keep_alive ? seen_keep_alive : 0U))};
}

/// RFC 9110 §10.1.1: an expectation that cannot be met is a 417.
[[gnu::noinline]] Noted expect_field(std::string_view value, std::uint16_t seen) {
    if (!equals_ignoring_case(value, "100-continue")) {
        return {refuse(Status::expectation_failed), seen};
    }
    return {Verdict::good, with(seen, seen_expect)};
}

/// Fields are told apart by the length of their names first.
Noted field(std::string_view name, std::string_view value, Request& out, std::uint16_t seen) {
    const char* const at = name.data();
    Verdict verdict = Verdict::good;
    switch (name.size()) {
    case 4:
        if (name_equals(at, "host")) {
            return host_field(value, out, seen);
        }
        break;
    case 5:
        if (name_equals(at, "range")) {
            verdict = keep_once(out.range, value);
        }
        break;
    case 6:
        if (name_equals(at, "expect")) {
            return expect_field(value, seen);
        }
        break;
    case 8:
        if (name_equals(at, "if-match")) {
            verdict = keep_once(out.if_match, value);
        } else if (name_equals(at, "if-range")) {
            verdict = keep_once(out.if_range, value);
        }
        break;
    case 10:
        if (name_equals(at, "connection")) {
            return connection_field(value, seen);
        }
        break;
    case 13:
        if (name_equals(at, "if-none-match")) {
            verdict = keep_first(out.if_none_match, value);
        }
        break;
    case 14:
        if (name_equals(at, "content-length")) {
            return content_length_field(value, out, seen);
        }
        break;
    case 15:
        if (name_equals(at, "accept-encoding")) {
            verdict = keep_first(out.accept_encoding, value);
        }
        break;
    case 17:
        if (name_equals(at, "if-modified-since")) {
            verdict = keep_once(out.if_modified_since, value);
        } else if (name_equals(at, "transfer-encoding")) {
            return transfer_encoding_field(value, seen);
        }
        break;
    case 19:
        if (name_equals(at, "if-unmodified-since")) {
            verdict = keep_once(out.if_unmodified_since, value);
        }
        break;
    default:
        break;
    }
    return {verdict, seen};
}

/// The value between a colon and a carriage return, without the white space around it.
std::string_view field_value(const char* first, const char* last) {
    first += *first == ' ' ? 1 : 0;
    // All that is at or below the space here is white space, or the carriage return itself.
    const auto at_most_space = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    if (at_most_space(*first) || at_most_space(last[-1])) [[unlikely]] {
        return trimmed(between(first, last));
    }
    return between(first, last);
}

/// One field line (RFC 9112 §5). White space before the colon and folded lines have something that
/// is no token character where one must be, and so end here.
FieldStep field_line(const char* at, const char* end, Request& out, std::uint16_t seen) {
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
    const Noted noted =
        field(between(at, name_end), field_value(name_end + 1, value_end), out, seen);
    return {next.next, noted.verdict, noted.seen};
}

/// Less than two bytes of a line: too few for a line end, but one may be too many already.
[[gnu::cold]] Verdict judge_last_byte(const char* at, const char* end, std::uint32_t left) {
    if (at == end || *at == '\r') {
        return Verdict::partial;
    }
    if (left == 0) {
        return refuse(Status::request_header_fields_too_large);
    }
    return scan::token_chars.contains(*at) ? Verdict::partial : bad_request;
}

/// The length of the content (RFC 9112 §6.3). Both framings at once, and chunked in a version that
/// does not know it, are how requests are smuggled.
[[gnu::noinline]] Verdict judge_body(Request& out, std::uint16_t seen) {
    if ((seen & seen_transfer_encoding) != 0) {
        if ((seen & seen_content_length) != 0 || out.version == Version::http_1_0) {
            return bad_request;
        }
        out.body = BodyKind::chunked;
    } else if (out.content_length > 0) {
        out.body = BodyKind::content_length;
    }
    out.expect_continue =
        (seen & seen_expect) != 0 && out.body != BodyKind::none && out.version != Version::http_1_0;
    return Verdict::good;
}

/// What can be said only of the whole head.
Verdict judge_whole(Request& out, std::uint16_t seen) {
    if (out.version == Version::http_1_1) [[likely]] {
        if ((seen & seen_host) == 0) {
            return bad_request; // RFC 9112 §3.2
        }
        out.keep_alive = (seen & seen_close) == 0;
    } else {
        out.keep_alive = (seen & (seen_close | seen_keep_alive)) == seen_keep_alive;
    }
    if ((seen & ~(seen_host | seen_close | seen_keep_alive)) == 0) [[likely]] {
        return Verdict::good;
    }
    return judge_body(out, seen);
}

} // namespace

Step parse_field_lines(const char* at, const char* end, Request& out, bool host_seen,
                       std::uint32_t left) {
    std::uint16_t seen = host_seen ? seen_host : 0;
    for (;;) {
        if (end - at < 2) [[unlikely]] {
            return {at, judge_last_byte(at, end, left)};
        }
        if (is_line_end(at)) {
            return {at + 2, judge_whole(out, seen)};
        }
        if (left-- == 0) [[unlikely]] {
            return {at, refuse(Status::request_header_fields_too_large)};
        }
        const FieldStep line = field_line(at, end, out, seen);
        if (line.verdict != Verdict::good) [[unlikely]] {
            return {at, line.verdict};
        }
        at = line.next;
        seen = line.seen;
    }
}

} // namespace millrace::http
