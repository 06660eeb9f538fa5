#include "request_line.hpp"

#include "field_values.hpp"
#include "head.hpp"
#include "scan.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>

namespace millrace::http {
namespace {

constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct KnownMethod {
    std::string_view text;
    Method method;
};

constexpr std::array<KnownMethod, 8> known_methods{{{"GET ", Method::get},
                                                    {"HEAD ", Method::head},
                                                    {"POST ", Method::post},
                                                    {"OPTIONS ", Method::options},
                                                    {"PUT ", Method::put},
                                                    {"DELETE ", Method::delete_},
                                                    {"PATCH ", Method::patch},
                                                    {"TRACE ", Method::trace}}};

constexpr std::size_t longest_method = 7;

/// A token that is none of our methods: 501 (RFC 9112 §3), but the preface of HTTP/2 is a 505.
[[gnu::cold]] Verdict unknown_method(const char* at, const char* end) {
    const std::string_view have = between(at, end);
    if (have.starts_with(http2_preface)) {
        return refuse(Status::http_version_not_supported);
    }
    if (http2_preface.starts_with(have)) {
        return Verdict::partial;
    }
    const std::size_t looked_at = std::min(have.size(), longest_method + 1);
    for (std::size_t i = 0; i < looked_at; ++i) {
        if (!scan::token_chars.contains(have[i])) {
            return have[i] == ' ' && i > 0 ? refuse(Status::not_implemented) : bad_request;
        }
    }
    return looked_at > longest_method ? refuse(Status::not_implemented) : Verdict::partial;
}

Step method(const char* at, const char* end, Request& out) {
    const std::string_view have = between(at, end);
    for (const auto& known : known_methods) {
        if (have.starts_with(known.text)) {
            out.method = known.method;
            return {at + known.text.size(), Verdict::good};
        }
    }
    return {at, unknown_method(at, end)};
}

/// `http://authority[/path][?query]` (RFC 9112 §3.2.2). Other schemes are not served here, and user
/// information in a target is treated as an error (RFC 9110 §4.2.4).
Verdict absolute_target(Request& out) {
    constexpr std::string_view scheme = "http://";
    const std::string_view target = out.target;
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) {
        return bad_request;
    }
    const std::size_t path_at = std::min(target.find_first_of("/?#", scheme.size()), target.size());
    out.host = target.substr(scheme.size(), path_at - scheme.size());
    out.path = target.substr(path_at);
    if (out.host.empty() || out.host.front() == ':' || !is_valid_authority(out.host)) {
        return bad_request;
    }
    // An OPTIONS for the whole server that came by way of a proxy (RFC 9112 §3.2.4).
    const bool whole_server = out.method == Method::options && out.path.empty();
    out.target_form = whole_server ? TargetForm::asterisk : TargetForm::absolute;
    return Verdict::good;
}

Verdict other_target(Request& out) {
    if (out.target == "*") {
        out.target_form = TargetForm::asterisk;
        out.path = {};
        return out.method == Method::options ? Verdict::good : bad_request;
    }
    return absolute_target(out);
}

/// The version and its line end (RFC 9112 §2.3).
Step version(const char* at, const char* end, Request& out) {
    const Step step = match(at, end, "HTTP/d.d\r\n");
    if (step.verdict != Verdict::good) {
        return step;
    }
    if (at[5] != '1') {
        return {at, refuse(Status::http_version_not_supported)};
    }
    out.version = at[7] == '0' ? Version::http_1_0 : Version::http_1_1;
    return step;
}

} // namespace

Step skip_empty_lines(const char* at, const char* end) {
    while (at != end && (*at == '\r' || *at == '\n')) {
        const Step line = line_end(at, end);
        if (line.verdict != Verdict::good) {
            return line;
        }
        at = line.next;
    }
    return {at, Verdict::good};
}

Step parse_request_line(const char* at, const char* end, Request& out,
                        const RequestLimits& limits) {
    const Step method_step = method(at, end, out);
    if (method_step.verdict != Verdict::good) {
        return method_step;
    }
    at = method_step.next;
    const char* const target_end = scan::skip_visible(at, end);
    if (target_end - at > std::ptrdiff_t{limits.target_bytes}) {
        return {at, refuse(Status::uri_too_long)};
    }
    if (target_end == end) {
        return {at, Verdict::partial};
    }
    if (*target_end != ' ' || target_end == at) {
        return {at, bad_request};
    }
    const std::string_view target = between(at, target_end);
    out.target = target;
    out.path = target;
    if (*at != '/') [[unlikely]] {
        if (const Verdict verdict = other_target(out); verdict != Verdict::good) {
            return {at, verdict};
        }
    }
    return version(target_end + 1, end, out);
}

} // namespace millrace::http
