#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::http {

/// The methods this server knows (RFC 9110 §9.3, RFC 5789); CONNECT and anything else is a 501.
enum class Method : std::uint8_t { get, head, post, options, put, delete_, patch, trace };

/// HTTP/1.1 and whatever minor version may follow it, or 1.0 (RFC 9110 §2.5).
enum class Version : std::uint8_t { http_1_1, http_1_0 };

/// What the request target names (RFC 9112 §3.2).
enum class TargetForm : std::uint8_t {
    origin,   ///< `/path?query`.
    absolute, ///< `http://authority/path?query`.
    asterisk, ///< `*`, the server as a whole; OPTIONS only.
};

/// How the end of the request's content is known (RFC 9112 §6.3).
enum class BodyKind : std::uint8_t { none, content_length, chunked };

/// A parsed request head. Every view is into the bytes that were parsed and lives as long as they
/// do; a view whose `data()` is null belongs to a field that was not there.
struct Request {
    std::string_view target; ///< As it was sent.
    std::string_view path;   ///< Path and query of the target, still percent-encoded; may be empty.
    std::string_view host;   ///< The target's authority when it has one, else the Host field.
    std::string_view accept_encoding;
    std::string_view range;
    std::string_view if_range;
    std::string_view if_match;
    std::string_view if_none_match;
    std::string_view if_modified_since;
    std::string_view if_unmodified_since;
    std::uint64_t content_length = 0; ///< Bytes; has meaning when `body` says so.
    Method method = Method::get;
    Version version = Version::http_1_1;
    TargetForm target_form = TargetForm::origin;
    BodyKind body = BodyKind::none;
    bool keep_alive = false;      ///< The connection may be used again (RFC 9112 §9.3).
    bool expect_continue = false; ///< The client waits for a 100 before it sends content.

    /// True when a field asks for less than all of a document, or for it under a condition.
    [[nodiscard]] bool is_selective() const {
        // One test for all of them: most requests have none.
        const auto is_there = [](std::string_view field) {
            return field.data() != nullptr ? 1U : 0U;
        };
        return (is_there(range) | is_there(if_match) | is_there(if_none_match) |
                is_there(if_modified_since) | is_there(if_unmodified_since)) != 0;
    }
};

} // namespace millrace::http
