#include "http/request_parser.hpp"

#include "parsing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

// However a head is cut into pieces, and whichever way through the parser it takes, the result is
// the same as for the whole.

namespace millrace::http::test {
namespace {

using std::string_literals::operator""s;

const std::array requests{
    "GET / HTTP/1.1\r\nHost: 198.18.0.2\r\n\r\n"s,
    "GET / HTTP/1.1\r\nHost: x:8080\r\n\r\n"s,
    "GET / HTTP/1.1\r\nHost: :\r\nA: b\r\n\r\n"s,
    "GET / HTTP/1.0\r\n\r\n"s,
    "\r\n\r\nGET /a HTTP/1.1\r\nHost: x:8080\r\n\r\n"s,
    "POST /echo HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nContent-Length: 12\r\n\r\n"s,
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"s,
    "OPTIONS * HTTP/1.1\r\nhost:x\r\n\r\n"s,
    "GET http://x.example/p?q HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n"s,
    "GET /a-target-that-takes-more-than-sixteen-bytes HTTP/1.1\r\n"
    "Host: a-name-that-takes-more-than-sixteen-bytes.example\r\n"
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "A-Field-Whose-Name-Is-Longer-Than-Thirty-Two-Bytes: \t value with\ttabs in it \t\r\n"
    "Empty:\r\nEmpty-Too:   \r\nIf-None-Match: \"abc\"\r\nRange: bytes=1-2\r\n\r\n"s,
    // And some that are refused, early and late.
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s,
    "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"s,
    "GET / HTTP/3.0\r\nHost: x\r\n\r\n"s,
    "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\nC: d\r\n\r\n"s,
    "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"s,
    "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"s,
    "GET / HTTP/1.1\r\nNo: host\r\n\r\n"s,
    "GET / HTTP/1.1\nHost: x\n\n"s,
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"s,
};

/// Feeds the text in two pieces; the second call is told how much the first has seen.
TEST(RequestSplit, EverySplitPointGivesTheSameResult) {
    for (const std::string& text : requests) {
        const Parsed whole{text};
        for (std::size_t split = 0; split <= text.size(); ++split) {
            SCOPED_TRACE(as_literal(text.substr(0, split)));
            const Parsed first{std::string_view{text}.substr(0, split)};
            if (first.result.outcome != ParseOutcome::partial) {
                EXPECT_EQ(first.result, whole.result);
                continue;
            }
            Request request;
            const ParseResult second =
                parse_request(whole.bytes.bytes(), request, {}, static_cast<std::uint32_t>(split));
            EXPECT_EQ(second, whole.result);
            if (second.outcome == ParseOutcome::complete) {
                expect_same(request, whole.request);
            }
        }
    }
}

TEST(RequestSplit, ByteByByteGivesTheSameResult) {
    for (const std::string& text : requests) {
        const Parsed whole{text};
        ParseResult result;
        std::uint32_t seen = 0;
        for (std::size_t length = 1; length <= text.size(); ++length) {
            const GuardedBytes bytes{std::string_view{text}.substr(0, length)};
            Request request;
            result = parse_request(bytes.bytes(), request, {}, seen);
            if (result.outcome == ParseOutcome::complete) {
                expect_same(request, whole.request);
            }
            if (result.outcome != ParseOutcome::partial) {
                break;
            }
            seen = static_cast<std::uint32_t>(length);
        }
        EXPECT_EQ(result, whole.result) << as_literal(text);
    }
}

/// No prefix of a good head is refused, and none of a bad one is refused otherwise than the whole.
TEST(RequestSplit, NoPrefixGetsAnotherAnswer) {
    for (const std::string& text : requests) {
        const Parsed whole{text};
        for (std::size_t length = 0; length < text.size(); ++length) {
            const Parsed prefix{std::string_view{text}.substr(0, length)};
            if (prefix.result.outcome != ParseOutcome::partial) {
                EXPECT_EQ(prefix.result, whole.result) << as_literal(text.substr(0, length));
            }
        }
    }
}

/// An empty line in front sends a request the careful way; without it, it may go the usual way.
TEST(RequestSplit, BothWaysThroughTheParserAgree) {
    for (const std::string& text : requests) {
        const Parsed usual{text};
        const Parsed careful{"\r\n" + text};
        ParseResult expected = usual.result;
        expected.length += expected.outcome == ParseOutcome::complete ? 2U : 0U;
        EXPECT_EQ(careful.result, expected) << as_literal(text);
        if (usual.result.outcome == ParseOutcome::complete) {
            expect_same(usual.request, careful.request);
        }
    }
}

/// Loads of 16 bytes go up to the end of the head, and at its end begin before it.
TEST(RequestSplit, ReadsNothingOutsideTheHead) {
    for (const std::string& text : requests) {
        for (std::size_t length = 0; length <= text.size(); ++length) {
            for (const auto guard : {GuardedBytes::Guard::after, GuardedBytes::Guard::before}) {
                const GuardedBytes bytes{std::string_view{text}.substr(0, length), guard};
                Request request;
                for (const std::uint32_t seen : {0U, 1U, static_cast<unsigned>(length)}) {
                    (void)parse_request(bytes.bytes(), request, {}, seen);
                }
            }
        }
    }
}

/// A byte flipped anywhere changes nothing about any of this.
TEST(RequestSplit, MutatedRequestsKeepTheRules) {
    for (const std::string& text : requests) {
        for (std::size_t at = 0; at < text.size(); ++at) {
            for (const char replacement : {'\0', '\n', '\r', ' ', ':', 'A', '\t', '\x80', ','}) {
                std::string mutant = text;
                mutant[at] = replacement;
                SCOPED_TRACE(as_literal(mutant));
                const Parsed whole{mutant};
                const Parsed careful{"\r\n" + mutant};
                EXPECT_EQ(careful.result.outcome, whole.result.outcome);
                EXPECT_EQ(careful.result.status, whole.result.status);
                for (std::size_t length = 0; length < mutant.size(); ++length) {
                    Request request;
                    const auto prefix = whole.bytes.bytes().first(length);
                    const ParseResult result = parse_request(prefix, request);
                    if (result.outcome != ParseOutcome::partial) {
                        EXPECT_EQ(result, whole.result);
                        break;
                    }
                }
            }
        }
    }
}

TEST(RequestSplit, ALimitIsReachedByPiecesToo) {
    const RequestLimits limits{.head_bytes = 64};
    const std::string text = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(100, 'b');
    for (std::size_t piece = 1; piece < text.size(); ++piece) {
        ParseResult result;
        std::uint32_t seen = 0;
        while (result.outcome == ParseOutcome::partial && seen < text.size()) {
            const std::size_t length = std::min(seen + piece, text.size());
            const GuardedBytes bytes{std::string_view{text}.substr(0, length)};
            Request request;
            result = parse_request(bytes.bytes(), request, limits, seen);
            seen = static_cast<std::uint32_t>(length);
        }
        EXPECT_EQ(result, invalid(Status::request_header_fields_too_large)) << piece;
    }
}

} // namespace
} // namespace millrace::http::test
