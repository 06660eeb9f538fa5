#include "http/response.hpp"
#include "http/response_parser.hpp"

#include "response_parsing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::http::test {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view nginx_page = "HTTP/1.1 200 OK\r\n"
                                        "Server: nginx/1.22.1\r\n"
                                        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                        "Content-Type: text/html\r\n"
                                        "Content-Length: 615\r\n"
                                        "Last-Modified: Sat, 05 Nov 1994 11:02:06 GMT\r\n"
                                        "Connection: keep-alive\r\n"
                                        "ETag: \"637a1b2c-267\"\r\n"
                                        "Accept-Ranges: bytes\r\n\r\n";

/// A response with these fields, and nothing after its head.
std::string with_fields(const std::string& fields, const std::string& start = "HTTP/1.1 200 OK") {
    return start + "\r\n" + fields + "\r\n";
}

TEST(ResponseParser, ReadsAPage) {
    const ResponseHead head = parsed_response(nginx_page);
    EXPECT_EQ(head.status_code, 200);
    EXPECT_EQ(head.version, Version::http_1_1);
    EXPECT_EQ(head.body, ResponseBody::content_length);
    EXPECT_EQ(head.content_length, 615U);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(head.is_interim());
}

TEST(ResponseParser, LeavesWhatFollowsTheHead) {
    const std::string head{nginx_page};
    const ParsedResponse parsed{head + std::string(615, '\n') + "HTTP/1.1 404 Not Found\r\n\r\n"};
    EXPECT_EQ(parsed.result, complete(head.size()));
    EXPECT_EQ(parsed.head.status_code, 200);
}

TEST(ResponseParser, ReadsNothingButAStatusLine) {
    const ResponseHead head = parsed_response("HTTP/1.1 200 \r\n\r\n");
    EXPECT_EQ(head.status_code, 200);
    EXPECT_EQ(head.body, ResponseBody::until_close);
}

TEST(ResponseParser, ReadsEveryCode) {
    for (unsigned code = 0; code < 1000; ++code) {
        std::string digits = std::to_string(code);
        digits.insert(0, 3 - digits.size(), '0');
        const ResponseHead head = parsed_response("HTTP/1.1 " + digits + " Why\r\n\r\n");
        EXPECT_EQ(head.status_code, code);
        EXPECT_EQ(head.is_interim(), code >= 100 && code < 200);
    }
}

TEST(ResponseParser, PassesOverTheReason) {
    for (const std::string reason :
         {"", "OK", " ", "  two spaces first", "tabs\tin\tit\t", "\xc3\xa4", "200 HTTP/1.1",
          "a reason that is longer than two times sixteen bytes: field"}) {
        EXPECT_EQ(parsed_response("HTTP/1.1 404 " + reason + "\r\n\r\n").status_code, 404);
    }
}

TEST(ResponseParser, ReadsTheVersion) {
    const auto version = [](const std::string& digits) {
        return parsed_response("HTTP/" + digits + " 200 OK\r\nContent-Length: 1\r\n\r\n").version;
    };
    EXPECT_EQ(version("1.1"), Version::http_1_1);
    EXPECT_EQ(version("1.0"), Version::http_1_0);
    EXPECT_EQ(version("1.2"), Version::http_1_1) << "a later minor version is read as 1.1";
}

TEST(ResponseParser, TakesInterimResponsesOneByOne) {
    const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    const std::string go_on{continue_response};
    const std::string stream = go_on + hints + std::string{nginx_page};
    const ParsedResponse first{stream, Method::post};
    EXPECT_EQ(first.result, complete(go_on.size()));
    EXPECT_EQ(first.head.status_code, 100);
    EXPECT_EQ(first.head.body, ResponseBody::none);
    EXPECT_TRUE(first.head.is_interim());
    const ParsedResponse second{stream.substr(first.result.length), Method::post};
    EXPECT_EQ(second.result, complete(hints.size()));
    EXPECT_EQ(second.head.status_code, 103);
    EXPECT_EQ(second.head.body, ResponseBody::none);
    const ParsedResponse last{stream.substr(first.result.length + second.result.length)};
    EXPECT_EQ(last.result, complete(nginx_page.size()));
    EXPECT_EQ(last.head.body, ResponseBody::content_length);
}

TEST(ResponseParser, FindsNoContentWhereThereIsNoneWhateverTheFieldsSay) {
    const std::vector<std::string> fields{"", "Content-Length: 5\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Transfer-Encoding: gzip\r\n"};
    for (const std::string& field : fields) {
        for (const std::string code : {"100", "101", "103", "199", "204", "304"}) {
            const std::string text = with_fields(field, "HTTP/1.1 " + code + " Why");
            EXPECT_EQ(parsed_response(text).body, ResponseBody::none) << as_literal(text);
            EXPECT_TRUE(parsed_response(text).keep_alive) << as_literal(text);
        }
        for (const std::string code : {"200", "404", "500"}) {
            const std::string text = with_fields(field, "HTTP/1.1 " + code + " Why");
            EXPECT_EQ(parsed_response(text, Method::head).body, ResponseBody::none);
            EXPECT_TRUE(parsed_response(text, Method::head).keep_alive);
            EXPECT_NE(parsed_response(text).body, ResponseBody::none);
        }
    }
}

TEST(ResponseParser, FindsContentForEveryOtherCodeAndMethod) {
    for (const std::string code : {"000", "099", "200", "201", "203", "205", "206", "303", "305",
                                   "404", "500", "600", "999"}) {
        const std::string text = with_fields("Content-Length: 5\r\n", "HTTP/1.1 " + code + " Why");
        for (const Method method : {Method::get, Method::post, Method::options, Method::put,
                                    Method::delete_, Method::patch, Method::trace}) {
            EXPECT_EQ(parsed_response(text, method).body, ResponseBody::content_length) << code;
        }
    }
}

TEST(ResponseParser, FindsTheEndOfTheContent) {
    const auto with = [](const std::string& fields) {
        return parsed_response(with_fields(fields)).body;
    };
    EXPECT_EQ(with("Transfer-Encoding: chunked\r\n"), ResponseBody::chunked);
    EXPECT_EQ(with("transfer-encoding:CHUNKED\r\n"), ResponseBody::chunked);
    EXPECT_EQ(with("Transfer-Encoding: , chunked ,\r\n"), ResponseBody::chunked);
    EXPECT_EQ(with("Transfer-Encoding: gzip, chunked\r\n"), ResponseBody::chunked);
    EXPECT_EQ(with("Transfer-Encoding: a;b=c, Chunked\r\n"), ResponseBody::chunked);
    EXPECT_EQ(with("Transfer-Encoding: gzip\r\n"), ResponseBody::until_close);
    EXPECT_EQ(with("Transfer-Encoding: gzip;a=b, deflate\r\n"), ResponseBody::until_close);
    EXPECT_EQ(with("Transfer-Encoding: xchunked\r\n"), ResponseBody::until_close);
    EXPECT_EQ(with("Content-Length: 1\r\n"), ResponseBody::content_length);
    EXPECT_EQ(with("Content-Length: 0\r\n"), ResponseBody::none);
    EXPECT_EQ(with("Content-Length: 000\r\n"), ResponseBody::none);
    EXPECT_EQ(with(""), ResponseBody::until_close);
    EXPECT_EQ(with("Content-Type: text/html\r\n"), ResponseBody::until_close);
}

TEST(ResponseParser, ReadsLengths) {
    const auto length = [](const std::string& digits) {
        return parsed_response(with_fields("Content-Length:" + digits + "\r\n")).content_length;
    };
    EXPECT_EQ(length("1"), 1U);
    EXPECT_EQ(length(" \t 42 \t "), 42U);
    EXPECT_EQ(length(" 9223372036854775807"), 9223372036854775807U);
    EXPECT_EQ(length(" 00000000000000000000000000000000000000000000000000000000000000015"), 15U);
}

TEST(ResponseParser, DecidesAboutTheConnection) {
    const auto kept = [](const std::string& version, const std::string& fields) {
        return parsed_response("HTTP/" + version + " 200 OK\r\nContent-Length: 1\r\n" + fields +
                               "\r\n")
            .keep_alive;
    };
    EXPECT_TRUE(kept("1.1", ""));
    EXPECT_TRUE(kept("1.1", "Connection: keep-alive\r\n"));
    EXPECT_TRUE(kept("1.1", "Connection: upgrade, closed, xclose\r\n"));
    EXPECT_TRUE(kept("1.1", "Proxy-Connection: close\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: close\r\n"));
    EXPECT_FALSE(kept("1.1", "connection:CLOSE\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: te ,\tClose\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    EXPECT_FALSE(kept("1.0", ""));
    EXPECT_TRUE(kept("1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_TRUE(kept("1.0", "Connection: te, keep-alive\r\n"));
    EXPECT_FALSE(kept("1.0", "Connection: keep-alive, close\r\n"));
    EXPECT_TRUE(kept("1.2", ""));
}

TEST(ResponseParser, KeepsNoConnectionWhoseEndIsTheContents) {
    EXPECT_FALSE(parsed_response("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    EXPECT_FALSE(parsed_response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    EXPECT_FALSE(parsed_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n").keep_alive);
}

TEST(ResponseParser, IsNotMisledByNamesOfTheSameLength) {
    // Nor by those that are 64 bytes longer, which share a bit with them.
    const std::string longer(64, 'C');
    const std::string fields =
        "Connectinn: close\r\nXonnection: close\r\nContent-Langth: 5\r\ncontent_length: 7\r\n"
        "Xontent-Length: 7\r\nTransfer-Encodinx: chunked\r\nUransfer-Encoding: chunked\r\n" +
        longer + ": x\r\n" + longer + "Connection: close\r\n" + longer + "Content-Length: 5\r\n";
    EXPECT_EQ(parsed_response(with_fields(fields)).body, ResponseBody::until_close);
    EXPECT_TRUE(parsed_response(with_fields(fields), Method::head).keep_alive);
}

TEST(ResponseParser, ReadsNamesOfEveryLength) {
    for (std::size_t length = 1; length < 100; ++length) {
        const std::string name(length, 'n');
        EXPECT_EQ(parsed_response(with_fields(name + ": v\r\nContent-Length: 3\r\n")).body,
                  ResponseBody::content_length);
        EXPECT_EQ(parsed_response(with_fields("Content-Length: 3\r\n" + name + ":\r\n")).body,
                  ResponseBody::content_length);
    }
}

TEST(ResponseParser, ReadsLinesThatAreUnusual) {
    for (const std::string line :
         {"!#$%&'*+-.^_`|~09azAZ: all kinds of token characters\r\n", "~: tilde\r\n",
          "A-name-longer-than-sixteen~: tilde\r\n", "Tab:\tin a\tvalue\t\r\n",
          "High: \xe4\xf6\xfc\r\n", "Empty:\r\n", "Blank:   \r\n", "N:v\r\n"}) {
        const ResponseHead before = parsed_response(
            with_fields(line + "Connection: close\r\nTransfer-Encoding: chunked\r\n"));
        EXPECT_EQ(before.body, ResponseBody::chunked) << as_literal(line);
        EXPECT_FALSE(before.keep_alive);
        const ResponseHead after = parsed_response(
            with_fields("Connection: close\r\nTransfer-Encoding: chunked\r\n" + line));
        EXPECT_EQ(after.body, ResponseBody::chunked) << as_literal(line);
        EXPECT_FALSE(after.keep_alive);
    }
}

struct Refused {
    const char* why;
    std::string text;
    Status status = Status::bad_request;
};

void PrintTo(const Refused& refused, std::ostream* out) {
    *out << refused.why;
}

class ResponseParserRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ResponseParserRefuses, WithTheRightStatus) {
    const ParsedResponse parsed{GetParam().text};
    EXPECT_EQ(parsed.result, invalid(GetParam().status)) << as_literal(GetParam().text);
}

/// Where no content follows, what is broken is broken all the same.
TEST_P(ResponseParserRefuses, WhateverWasAskedWith) {
    const ParsedResponse parsed{GetParam().text, Method::head};
    EXPECT_EQ(parsed.result, invalid(GetParam().status)) << as_literal(GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    StatusLine, ResponseParserRefuses,
    testing::Values(
        Refused{"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", Status::http_version_not_supported},
        Refused{"HTTP/0.9 with a version", "HTTP/0.9 200 OK\r\n\r\n",
                Status::http_version_not_supported},
        Refused{"HTTP/0.9", "<html>a page without a head</html>"},
        Refused{"two digits of version", "HTTP/1.10 200 OK\r\n\r\n"},
        Refused{"version in lower case", "http/1.1 200 OK\r\n\r\n"},
        Refused{"a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
        Refused{"TLS instead of HTTP", "\x15\x03\x01\x02"s},
        Refused{"SHOUTcast", "ICY 200 OK\r\n\r\n"},
        Refused{"two digits of status", "HTTP/1.1 20 OK\r\n\r\n"},
        Refused{"four digits of status", "HTTP/1.1 2000 OK\r\n\r\n"},
        Refused{"a status that is no number", "HTTP/1.1 2x0 OK\r\n\r\n"},
        Refused{"a negative status", "HTTP/1.1 -20 OK\r\n\r\n"},
        Refused{"no status", "HTTP/1.1 \r\n\r\n"},
        Refused{"no space before the reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"},
        Refused{"a tab before the reason", "HTTP/1.1 200\tOK\r\n\r\n"},
        Refused{"two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n"},
        Refused{"a tab before the status", "HTTP/1.1\t200 OK\r\n\r\n"},
        Refused{"an empty line before the response", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
        Refused{"a space before the response", " HTTP/1.1 200 OK\r\n\r\n"},
        Refused{"a bare line feed after the status line",
                "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"},
        Refused{"a bare carriage return after the status line",
                "HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n"},
        Refused{"two carriage returns after the status line",
                "HTTP/1.1 200 OK\r\r\nContent-Length: 0\r\n\r\n"},
        Refused{"a NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
        Refused{"DEL in the reason", "HTTP/1.1 200 OK\x7f\r\n\r\n"}));

INSTANTIATE_TEST_SUITE_P(
    Fields, ResponseParserRefuses,
    testing::Values(
        Refused{"white space before the colon", with_fields("A : b\r\n")},
        Refused{"a tab before the colon", with_fields("A\t: b\r\n")},
        Refused{"no name", with_fields(": b\r\n")}, Refused{"no colon", with_fields("A\r\n")},
        Refused{"no colon in a line of sixteen bytes", with_fields("ABCDEFGHIJKLMNOP\r\n")},
        Refused{"a name that is no token", with_fields("A(b): c\r\n")},
        Refused{"a NUL in a name", with_fields("A\0b: c\r\n"s)},
        Refused{"a byte above ASCII in a name", with_fields("\xe4: c\r\n")},
        Refused{"a bad byte late in a long name",
                with_fields("A-name-of-more-than-sixteen-bytes\x80: c\r\n")},
        Refused{"a folded line", with_fields("A: b\r\n c\r\n")},
        Refused{"a line folded with a tab", with_fields("A: b\r\n\tc\r\n")},
        Refused{"a fold that looks like a field", with_fields("A: b\r\n Content-Length: 5\r\n")},
        Refused{"white space before the first field", with_fields(" A: b\r\n")},
        Refused{"a bare carriage return in a value", with_fields("A: b\rc\r\n")},
        Refused{"a bare line feed at the end of a value", with_fields("A: b\nC: d\r\n")},
        Refused{"two carriage returns at the end of a value", with_fields("A: b\r\r\n")},
        Refused{"a NUL in a value", with_fields("A: b\0c\r\n"s)},
        Refused{"DEL in a value", with_fields("A: b\x7f\r\n")},
        Refused{"a control character late in a long value",
                with_fields("A: a value of more than sixteen bytes\x01\r\n")},
        Refused{"a bare line feed for the blank line", "HTTP/1.1 200 OK\r\nA: b\r\n\n"},
        Refused{"a bare carriage return for the blank line", "HTTP/1.1 200 OK\r\nA: b\r\n\rA"}));

INSTANTIATE_TEST_SUITE_P(
    Smuggling, ResponseParserRefuses,
    testing::Values(
        Refused{"both lengths, chunked last",
                with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
        Refused{"both lengths, chunked first",
                with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
        Refused{"a length beside another coding",
                with_fields("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n")},
        Refused{"a length of zero beside chunked",
                with_fields("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")},
        Refused{"both lengths without content",
                with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                            "HTTP/1.1 304 Not Modified")},
        Refused{"differing lengths", with_fields("Content-Length: 5\r\nContent-Length: 6\r\n")},
        Refused{"the same length twice", with_fields("Content-Length: 5\r\nContent-Length: 5\r\n")},
        Refused{
            "the same length twice without content",
            with_fields("Content-Length: 5\r\nContent-Length: 5\r\n", "HTTP/1.1 204 No Content")},
        Refused{"a list of lengths", with_fields("Content-Length: 5, 5\r\n")},
        Refused{"a signed length", with_fields("Content-Length: +5\r\n")},
        Refused{"a negative length", with_fields("Content-Length: -5\r\n")},
        Refused{"a hexadecimal length", with_fields("Content-Length: 0x5\r\n")},
        Refused{"an empty length", with_fields("Content-Length:\r\n")},
        Refused{"a length with a space", with_fields("Content-Length: 1 2\r\n")},
        Refused{"a length of 64 bits", with_fields("Content-Length: 9223372036854775808\r\n"),
                Status::content_too_large},
        Refused{"a length of 65 bits", with_fields("Content-Length: 18446744073709551621\r\n"),
                Status::content_too_large},
        Refused{"a length of 100 digits",
                with_fields("Content-Length: 1" + std::string(99, '0') + "\r\n"),
                Status::content_too_large},
        Refused{"a number that is too large and none",
                with_fields("Content-Length: 18446744073709551621x\r\n")},
        Refused{"chunked in 1.0", with_fields("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK")},
        Refused{"another coding in 1.0",
                with_fields("Transfer-Encoding: gzip\r\n", "HTTP/1.0 200 OK")},
        Refused{"chunked twice", with_fields("Transfer-Encoding: chunked, chunked\r\n")},
        Refused{"chunked in two fields",
                with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        Refused{"codings in two fields",
                with_fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")},
        Refused{"chunked not last", with_fields("Transfer-Encoding: chunked, gzip\r\n")},
        Refused{"chunked with a parameter", with_fields("Transfer-Encoding: chunked;a=b\r\n")},
        Refused{"chunked in a quoted parameter",
                with_fields("Transfer-Encoding: a;b=\", chunked\"\r\n")},
        Refused{"chunked after a quote", with_fields("Transfer-Encoding: a;b=\", chunked\r\n")},
        Refused{"a coding that is no token", with_fields("Transfer-Encoding: a b, chunked\r\n")},
        Refused{"a vertical tab before chunked", with_fields("Transfer-Encoding: \x0b"
                                                             "chunked\r\n")},
        Refused{"an empty coding", with_fields("Transfer-Encoding:\r\n")},
        Refused{"a list of nothing", with_fields("Transfer-Encoding: , ,\r\n")}));

TEST(ResponseParserLimits, BoundTheHead) {
    const std::string text = with_fields("A: " + std::string(50, 'b') + "\r\n");
    const auto at = [&](std::size_t bytes) {
        return ParsedResponse{text, Method::get, {.head_bytes = static_cast<std::uint32_t>(bytes)}}
            .result;
    };
    EXPECT_EQ(at(text.size()), complete(text.size()));
    for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
        EXPECT_EQ(at(bytes), invalid(Status::request_header_fields_too_large)) << bytes;
    }
    const ParsedResponse cut{text.substr(0, 50), Method::get, {.head_bytes = 50}};
    EXPECT_EQ(cut.result, invalid(Status::request_header_fields_too_large));
    EXPECT_EQ(ParsedResponse(text.substr(0, 50), Method::get, {.head_bytes = 51}).result,
              partial());
}

TEST(ResponseParserLimits, CountTheHeadOnlyNotWhatFollows) {
    const std::string text = with_fields("Content-Length: 1000\r\n");
    const ParsedResponse parsed{text + std::string(1000, 'c'),
                                Method::get,
                                {.head_bytes = static_cast<std::uint32_t>(text.size())}};
    EXPECT_EQ(parsed.result, complete(text.size()));
}

TEST(ResponseParserLimits, BoundTheNumberOfFields) {
    for (const std::string first : {"A: b\r\n", "A:\tb\r\n"}) { // The usual way and the other.
        const std::string text = with_fields(first + "C: d\r\nE: f\r\n");
        EXPECT_EQ(ParsedResponse(text, Method::get, {.fields = 3}).result, complete(text.size()));
        for (std::uint32_t fields = 0; fields < 3; ++fields) {
            EXPECT_EQ(ParsedResponse(text, Method::get, {.fields = fields}).result,
                      invalid(Status::request_header_fields_too_large));
        }
    }
}

TEST(ResponseParserLimits, CountAFieldFromItsFirstByte) {
    const std::string text = "HTTP/1.1 200 OK\r\nA: b\r\n";
    for (const std::string next : {"/", "A", "A: b", "A: b\r\n\r\n"}) {
        EXPECT_EQ(ParsedResponse(text + next, Method::get, {.fields = 1}).result,
                  invalid(Status::request_header_fields_too_large));
    }
    EXPECT_EQ(ParsedResponse(text + "\r", Method::get, {.fields = 1}).result, partial());
}

} // namespace
} // namespace millrace::http::test
