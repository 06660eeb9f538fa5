#include "request_fields.hpp"

#include "field_lines.hpp"
#include "field_values.hpp"
#include "framing.hpp"
#include "text.hpp"

namespace millrace::http {
namespace {

/// Which more of the fields that decide have been seen, as bits.
constexpr std::uint16_t seen_host = seen_first_free << 0;
constexpr std::uint16_t seen_expect = seen_first_free << 1;

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
    return note_content_length(value, out.content_length, seen);
}

Verdict judge_codings(TransferCodings codings) {
    switch (codings) {
    case TransferCodings::chunked:
        return Verdict::good;
    case TransferCodings::others_then_chunked:
        return refuse(Status::not_implemented);
    case TransferCodings::others:
    case TransferCodings::malformed:
        break;
    }
    return bad_request; // The request would have no end.
}

[[gnu::noinline]] Noted transfer_encoding_field(std::string_view value, std::uint16_t seen) {
    if ((seen & seen_transfer_encoding) != 0) {
        return {bad_request, seen}; // Several are one list, and chunked may be in it only once.
    }
    return {judge_codings(parse_transfer_encoding(value)), with(seen, seen_transfer_encoding)};
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
            return note_connection(value, seen);
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

/// The length of the content (RFC 9112 §6.3).
[[gnu::noinline]] Verdict judge_body(Request& out, std::uint16_t seen) {
    if (is_framed_twice(out.version, seen)) {
        return bad_request;
    }
    if ((seen & seen_transfer_encoding) != 0) {
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
    if (out.version == Version::http_1_1 && (seen & seen_host) == 0) {
        return bad_request; // RFC 9112 §3.2
    }
    out.keep_alive = stays_open(out.version, seen);
    if ((seen & ~(seen_host | seen_close | seen_keep_alive)) == 0) [[likely]] {
        return Verdict::good;
    }
    return judge_body(out, seen);
}

} // namespace

Step parse_request_fields(const char* at, const char* end, Request& out, bool host_seen,
                          std::uint32_t left) {
    const auto note = [&out](std::string_view name, std::string_view value, std::uint16_t seen) {
        return field(name, value, out, seen);
    };
    const FieldLines lines = parse_field_lines(at, end, host_seen ? seen_host : 0, left, note);
    if (lines.verdict != Verdict::good) [[unlikely]] {
        return {lines.next, lines.verdict};
    }
    return {lines.next, judge_whole(out, lines.seen)};
}

} // namespace millrace::http
