#pragma once

#include "http/request_parser.hpp"

#include "guarded_bytes.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

namespace millrace::http {

inline void PrintTo(const ParseResult& result, std::ostream* out) {
    switch (result.outcome) {
    case ParseOutcome::complete:
        *out << "complete(" << result.length << ")";
        break;
    case ParseOutcome::partial:
        *out << "partial";
        break;
    case ParseOutcome::invalid:
        *out << "invalid(" << static_cast<unsigned>(result.status) << ")";
        break;
    }
}

inline void PrintTo(Status status, std::ostream* out) {
    *out << static_cast<unsigned>(status);
}

} // namespace millrace::http

namespace millrace::http::test {

inline ParseResult complete(std::size_t length) {
    return {ParseOutcome::complete, Status::ok, static_cast<std::uint32_t>(length)};
}
inline ParseResult partial() {
    return {};
}
inline ParseResult invalid(Status status) {
    return {ParseOutcome::invalid, status, 0};
}

/// Text as a C++ literal, for messages.
inline std::string as_literal(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\r') {
            out += "\\r";
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte > 0x7e) {
            out += "\\x";
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        } else {
            out += c;
        }
    }
    return out + '"';
}

/// A request and the bytes its views are into.
struct Parsed {
    explicit Parsed(std::string_view text, const RequestLimits& limits = {})
        : bytes{text}, result{parse_request(bytes.bytes(), request, limits)} {}

    GuardedBytes bytes;
    Request request;
    ParseResult result;
};

/// The request of a text that must be complete, and nothing else.
inline Request parsed(std::string_view text) {
    Request request;
    const ParseResult result = parse_request(std::as_bytes(std::span{text}), request);
    EXPECT_EQ(result, complete(text.size())) << as_literal(text);
    return request;
}

/// Whether two requests say the same, wherever their bytes lie.
inline void expect_same(const Request& a, const Request& b) {
    EXPECT_EQ(a.method, b.method);
    EXPECT_EQ(a.version, b.version);
    EXPECT_EQ(a.target_form, b.target_form);
    EXPECT_EQ(a.body, b.body);
    EXPECT_EQ(a.content_length, b.content_length);
    EXPECT_EQ(a.keep_alive, b.keep_alive);
    EXPECT_EQ(a.expect_continue, b.expect_continue);
    const auto same = [](std::string_view x, std::string_view y) {
        return x == y && (x.data() == nullptr) == (y.data() == nullptr);
    };
    EXPECT_TRUE(same(a.target, b.target));
    EXPECT_TRUE(same(a.path, b.path));
    EXPECT_TRUE(same(a.host, b.host));
    EXPECT_TRUE(same(a.accept_encoding, b.accept_encoding));
    EXPECT_TRUE(same(a.range, b.range));
    EXPECT_TRUE(same(a.if_range, b.if_range));
    EXPECT_TRUE(same(a.if_match, b.if_match));
    EXPECT_TRUE(same(a.if_none_match, b.if_none_match));
    EXPECT_TRUE(same(a.if_modified_since, b.if_modified_since));
    EXPECT_TRUE(same(a.if_unmodified_since, b.if_unmodified_since));
}

} // namespace millrace::http::test
