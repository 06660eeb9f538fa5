#pragma once

#include "http/response_parser.hpp"

#include "guarded_bytes.hpp"
#include "parsing.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string_view>

namespace millrace::http {

inline void PrintTo(ResponseBody body, std::ostream* out) {
    switch (body) {
    case ResponseBody::none:
        *out << "none";
        break;
    case ResponseBody::content_length:
        *out << "content_length";
        break;
    case ResponseBody::chunked:
        *out << "chunked";
        break;
    case ResponseBody::until_close:
        *out << "until_close";
        break;
    }
}

} // namespace millrace::http

namespace millrace::http::test {

/// A response as it came, and what it was found to be.
struct ParsedResponse {
    explicit ParsedResponse(std::string_view text, Method asked_with = Method::get,
                            const ResponseLimits& limits = {})
        : bytes{text}, result{parse_response(bytes.bytes(), asked_with, head, limits)} {}

    GuardedBytes bytes;
    ResponseHead head;
    ParseResult result;
};

/// The head of a text that must be complete, and nothing else.
inline ResponseHead parsed_response(std::string_view text, Method asked_with = Method::get) {
    const ParsedResponse parsed{text, asked_with};
    EXPECT_EQ(parsed.result, complete(text.size())) << as_literal(text);
    return parsed.head;
}

inline void expect_same(const ResponseHead& a, const ResponseHead& b) {
    EXPECT_EQ(a.status_code, b.status_code);
    EXPECT_EQ(a.version, b.version);
    EXPECT_EQ(a.body, b.body);
    EXPECT_EQ(a.content_length, b.content_length);
    EXPECT_EQ(a.keep_alive, b.keep_alive);
}

} // namespace millrace::http::test
