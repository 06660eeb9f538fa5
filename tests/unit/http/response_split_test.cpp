#include "http/response_parser.hpp"

#include "response_generator.hpp"
#include "response_parsing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

// However a head is cut into pieces, and whichever way through the parser it takes, the result is
// the same as for the whole.

namespace millrace::http::test {
namespace {

using std::string_literals::operator""s;

const std::array responses{
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/html\r\nContent-Length: 615\r\n"
    "Last-Modified: Sat, 05 Nov 1994 11:02:06 GMT\r\nConnection: keep-alive\r\n"
    "ETag: \"637a1b2c-267\"\r\nAccept-Ranges: bytes\r\n\r\n"s,
    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nTransfer-Encoding: chunked\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nConnection: close\r\n\r\n"s,
    "HTTP/1.1 100 Continue\r\n\r\n"s,
    "HTTP/1.1 204 \r\n\r\n"s,
    "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n"s,
    "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"s,
    "HTTP/1.1 200 a\treason with \xc3\xa4\r\ntransfer-encoding: gzip , chunked\r\n"
    "~: \t value with\ttabs in it \t\r\nEmpty:\r\nEmpty-Too:   \r\nConnection: te, close\r\n\r\n"s,
    // And some that are refused, early and late.
    "HTTP/2.0 200 OK\r\n\r\n"s,
    "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"s,
    "\r\nHTTP/1.1 200 OK\r\n\r\n"s,
    "HTTP/1.1 200 OK\r\nA : b\r\nC: d\r\n\r\n"s,
    "HTTP/1.1 200 OK\r\nA: b\r\n C: d\r\n\r\n"s,
    "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"s,
    "HTTP/1.1 200 OK\nA: b\n\n"s,
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"s,
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"s,
};

/// The beginnings of a text, each guarded behind its last byte.
std::vector<std::unique_ptr<GuardedBytes>> prefixes_of(std::string_view text) {
    std::vector<std::unique_ptr<GuardedBytes>> prefixes;
    for (std::size_t length = 0; length <= text.size(); ++length) {
        prefixes.push_back(std::make_unique<GuardedBytes>(text.substr(0, length)));
    }
    return prefixes;
}

/// Feeds a head that grows from one length to the next, up to the first answer.
ParseResult feed(const std::vector<std::unique_ptr<GuardedBytes>>& prefixes,
                 std::span<const std::size_t> lengths, ResponseHead& head) {
    ParseResult result;
    std::size_t seen = 0;
    for (const std::size_t length : lengths) {
        result = parse_response(prefixes[length]->bytes(), Method::get, head, {},
                                static_cast<std::uint32_t>(seen));
        if (result.outcome != ParseOutcome::partial) {
            break;
        }
        seen = length;
    }
    return result;
}

TEST(ResponseSplit, EveryPairOfCutsGivesTheSameResult) {
    for (const std::string& text : responses) {
        const ParsedResponse whole{text};
        const auto prefixes = prefixes_of(text);
        for (std::size_t first = 0; first <= text.size(); ++first) {
            for (std::size_t second = first; second <= text.size(); ++second) {
                SCOPED_TRACE(as_literal(text.substr(0, first)) + ", " +
                             as_literal(text.substr(first, second - first)));
                ResponseHead head;
                const std::array lengths{first, second, text.size()};
                ASSERT_EQ(feed(prefixes, lengths, head), whole.result);
                if (whole.result.outcome == ParseOutcome::complete) {
                    expect_same(head, whole.head);
                }
            }
        }
    }
}

TEST(ResponseSplit, ByteByByteGivesTheSameResult) {
    for (const std::string& text : responses) {
        const ParsedResponse whole{text};
        std::vector<std::size_t> lengths(text.size());
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            lengths[i] = i + 1;
        }
        ResponseHead head;
        EXPECT_EQ(feed(prefixes_of(text), lengths, head), whole.result) << as_literal(text);
        if (whole.result.outcome == ParseOutcome::complete) {
            expect_same(head, whole.head);
        }
    }
}

/// No prefix of a good head is refused, and none of a bad one is refused otherwise than the whole.
TEST(ResponseSplit, NoPrefixGetsAnotherAnswer) {
    for (const std::string& text : responses) {
        const ParsedResponse whole{text};
        for (std::size_t length = 0; length < text.size(); ++length) {
            const ParsedResponse prefix{std::string_view{text}.substr(0, length)};
            if (prefix.result.outcome != ParseOutcome::partial) {
                EXPECT_EQ(prefix.result, whole.result) << as_literal(text.substr(0, length));
            }
        }
    }
}

/// What follows a head, or how near to the end of the buffer it ends, says nothing about it.
TEST(ResponseSplit, WhatFollowsChangesNothing) {
    for (const std::string& text : responses) {
        const ParsedResponse alone{text};
        for (std::size_t length = 1; length < 70; ++length) {
            const ParsedResponse followed{text + std::string(length, 'H')};
            EXPECT_EQ(followed.result, alone.result) << as_literal(text);
            if (alone.result.outcome == ParseOutcome::complete) {
                expect_same(followed.head, alone.head);
            }
        }
    }
}

/// The text with a field in front that sends all that follows the careful way; without it, lines
/// may go the usual way.
std::string with_unusual_field(std::string_view text) {
    std::string careful{text};
    const std::size_t line_end = careful.find("\r\n");
    return line_end == std::string::npos ? careful : careful.insert(line_end, "\r\n~:\t");
}

void expect_both_ways_to_agree(std::string_view text) {
    const ParsedResponse usual{text};
    const std::string careful_text = with_unusual_field(text);
    const ParsedResponse careful{careful_text};
    if (usual.result.outcome == ParseOutcome::complete) {
        EXPECT_EQ(careful.result,
                  complete(usual.result.length + careful_text.size() - text.size()));
        expect_same(usual.head, careful.head);
    } else {
        EXPECT_EQ(careful.result, usual.result);
    }
}

TEST(ResponseSplit, BothWaysThroughTheParserAgree) {
    for (const std::string& text : responses) {
        SCOPED_TRACE(as_literal(text));
        expect_both_ways_to_agree(text);
    }
}

/// Loads of 16 bytes go up to the end of the head, and at its end begin before it.
TEST(ResponseSplit, ReadsNothingOutsideTheHead) {
    for (const std::string& text : responses) {
        for (std::size_t length = 0; length <= text.size(); ++length) {
            for (const auto guard : {GuardedBytes::Guard::after, GuardedBytes::Guard::before}) {
                const GuardedBytes bytes{std::string_view{text}.substr(0, length), guard};
                ResponseHead head;
                for (const std::uint32_t seen : {0U, 1U, static_cast<unsigned>(length)}) {
                    (void)parse_response(bytes.bytes(), Method::get, head, {}, seen);
                }
            }
        }
    }
}

/// The result for the text, which stands before and behind what cannot be read.
ParseResult parse_guarded(std::string_view text) {
    ResponseHead head;
    const GuardedBytes before{text, GuardedBytes::Guard::before};
    const GuardedBytes after{text, GuardedBytes::Guard::after};
    const ParseResult result = parse_response(before.bytes(), Method::get, head);
    EXPECT_EQ(parse_response(after.bytes(), Method::get, head), result);
    return result;
}

/// A byte changed anywhere changes nothing about any of this.
TEST(ResponseSplit, MutatedResponsesKeepTheRules) {
    for (const std::string& text : responses) {
        for (std::size_t at = 0; at < text.size(); ++at) {
            for (const char replacement : {'\0', '\n', '\r', ' ', ':', 'A', '\t', '\x80', ','}) {
                std::string mutant = text;
                mutant[at] = replacement;
                SCOPED_TRACE(as_literal(mutant));
                expect_both_ways_to_agree(mutant);
                const ParseResult whole = parse_guarded(mutant);
                for (std::size_t length = 0; length < mutant.size(); ++length) {
                    ResponseHead head;
                    const auto prefix = std::as_bytes(std::span{mutant}.first(length));
                    const ParseResult result = parse_response(prefix, Method::get, head);
                    if (result.outcome != ParseOutcome::partial) {
                        EXPECT_EQ(result, whole);
                        break;
                    }
                }
            }
        }
    }
}

TEST(ResponseSplit, RandomResponsesKeepTheRules) {
    for (unsigned seed = 0; seed < 5'000 && !HasFailure(); ++seed) {
        const std::string text = ResponseGenerator{seed}.next();
        SCOPED_TRACE("seed " + std::to_string(seed) + ": " + as_literal(text));
        expect_both_ways_to_agree(text);
        const ParseResult whole = parse_guarded(text);
        const ParseResult half = parse_guarded(std::string_view{text}.substr(0, text.size() / 2));
        if (half.outcome != ParseOutcome::partial) {
            EXPECT_EQ(half, whole);
        }
    }
}

TEST(ResponseSplit, ALimitIsReachedByPiecesToo) {
    const ResponseLimits limits{.head_bytes = 64};
    const std::string text = "HTTP/1.1 200 OK\r\nServer: x\r\nA: " + std::string(100, 'b');
    for (std::size_t piece = 1; piece < text.size(); ++piece) {
        ParseResult result;
        std::uint32_t seen = 0;
        while (result.outcome == ParseOutcome::partial && seen < text.size()) {
            const std::size_t length = std::min(seen + piece, text.size());
            const GuardedBytes bytes{std::string_view{text}.substr(0, length)};
            ResponseHead head;
            result = parse_response(bytes.bytes(), Method::get, head, limits, seen);
            seen = static_cast<std::uint32_t>(length);
        }
        EXPECT_EQ(result, invalid(Status::request_header_fields_too_large)) << piece;
    }
}

} // namespace
} // namespace millrace::http::test
