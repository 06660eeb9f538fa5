#include "http/request_parser.hpp"

#include "parsing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace millrace::http::test {
namespace {

using std::string_literals::operator""s;

TEST(RequestParser, ReadsASmallGet) {
    const std::string text = "GET / HTTP/1.1\r\nHost: 198.18.0.2\r\n\r\n";
    const Request request = parsed(text);
    EXPECT_EQ(request.method, Method::get);
    EXPECT_EQ(request.target, "/");
    EXPECT_EQ(request.path, "/");
    EXPECT_EQ(request.target_form, TargetForm::origin);
    EXPECT_EQ(request.version, Version::http_1_1);
    EXPECT_EQ(request.host, "198.18.0.2");
    EXPECT_EQ(request.body, BodyKind::none);
    EXPECT_TRUE(request.keep_alive);
    EXPECT_FALSE(request.expect_continue);
    EXPECT_EQ(request.range.data(), nullptr);
}

TEST(RequestParser, LeavesWhatFollowsTheHead) {
    const std::string head = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    const Parsed pipelined{head + "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"};
    EXPECT_EQ(pipelined.result, complete(head.size()));
    EXPECT_EQ(pipelined.request.target, "/a");
}

TEST(RequestParser, ReadsEveryFieldItDecodes) {
    const Request request = parsed("GET /x?q=1 HTTP/1.1\r\n"
                                   "hOST:example.com:8080\r\n"
                                   "Range: bytes=0-9\r\n"
                                   "If-Range: \"a\"\r\n"
                                   "IF-MATCH: \"b\", \"c\"\r\n"
                                   "If-None-Match: *\r\n"
                                   "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "if-unmodified-since:   Mon, 07 Nov 1994 08:49:37 GMT \t \r\n"
                                   "Accept-Encoding: \t gzip, br\r\n"
                                   "X-Anything: else\r\n\r\n");
    EXPECT_EQ(request.target, "/x?q=1");
    EXPECT_EQ(request.host, "example.com:8080");
    EXPECT_EQ(request.range, "bytes=0-9");
    EXPECT_EQ(request.if_range, "\"a\"");
    EXPECT_EQ(request.if_match, "\"b\", \"c\"");
    EXPECT_EQ(request.if_none_match, "*");
    EXPECT_EQ(request.if_modified_since, "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(request.if_unmodified_since, "Mon, 07 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(request.accept_encoding, "gzip, br");
}

TEST(RequestParser, IsNotMisledByNamesOfTheSameLength) {
    const Request request = parsed("GET / HTTP/1.1\r\nHost: x\r\n"
                                   "Hose: y\r\nRangy: 1\r\nExpend: 1\r\nIf-Patch: 1\r\n"
                                   "User-Agent: 1\r\nIf-None-Catch: 1\r\nContent-Langth: 5\r\n"
                                   "Accept-Language: 1\r\nTransfer-Encodinx: chunked\r\n"
                                   "If-Unmodified-Sinze: 1\r\ncontent_length: 7\r\n"
                                   "Xontent-Length: 7\r\n\r\n");
    EXPECT_EQ(request.host, "x");
    EXPECT_EQ(request.body, BodyKind::none);
    EXPECT_EQ(request.range.data(), nullptr);
    EXPECT_EQ(request.if_match.data(), nullptr);
    EXPECT_EQ(request.if_none_match.data(), nullptr);
    EXPECT_EQ(request.if_unmodified_since.data(), nullptr);
    EXPECT_EQ(request.accept_encoding.data(), nullptr);
}

TEST(RequestParser, KnowsAnEmptyFieldFromAMissingOne) {
    const Request request = parsed("GET / HTTP/1.1\r\nHost:\r\nRange: \r\nIf-Range:\t \r\n\r\n");
    EXPECT_NE(request.host.data(), nullptr);
    EXPECT_EQ(request.host, "");
    EXPECT_NE(request.range.data(), nullptr);
    EXPECT_EQ(request.range, "");
    EXPECT_NE(request.if_range.data(), nullptr);
    EXPECT_EQ(request.if_range, "");
    EXPECT_EQ(request.if_match.data(), nullptr);
}

TEST(RequestParser, KnowsTheMethods) {
    const std::vector<std::pair<std::string, Method>> methods{
        {"GET", Method::get},         {"HEAD", Method::head},   {"POST", Method::post},
        {"OPTIONS", Method::options}, {"PUT", Method::put},     {"DELETE", Method::delete_},
        {"PATCH", Method::patch},     {"TRACE", Method::trace},
    };
    for (const auto& [name, method] : methods) {
        EXPECT_EQ(parsed(name + " / HTTP/1.1\r\nHost: x\r\n\r\n").method, method) << name;
    }
}

TEST(RequestParser, ReadsTheFormsOfTargets) {
    Request request = parsed("GET http://Example.com:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
    EXPECT_EQ(request.target_form, TargetForm::absolute);
    EXPECT_EQ(request.target, "http://Example.com:80/a?b");
    EXPECT_EQ(request.path, "/a?b");
    EXPECT_EQ(request.host, "Example.com:80") << "the target's authority goes before";

    request = parsed("GET HTTP://x HTTP/1.1\r\nHost:\r\n\r\n");
    EXPECT_EQ(request.path, "");
    EXPECT_EQ(request.host, "x");

    request = parsed("GET http://[2001:db8::1]:8080?q HTTP/1.1\r\nHost:\r\n\r\n");
    EXPECT_EQ(request.path, "?q");
    EXPECT_EQ(request.host, "[2001:db8::1]:8080");

    request = parsed("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(request.target_form, TargetForm::asterisk);
    EXPECT_EQ(request.host, "x");

    request = parsed("OPTIONS http://y HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(request.target_form, TargetForm::asterisk) << "RFC 9112 section 3.2.4";
    EXPECT_EQ(request.host, "y");
}

TEST(RequestParser, DecidesAboutTheConnection) {
    const auto kept = [](const std::string& version, const std::string& fields) {
        return parsed("GET / HTTP/" + version + "\r\nHost: x\r\n" + fields + "\r\n").keep_alive;
    };
    EXPECT_TRUE(kept("1.1", ""));
    EXPECT_TRUE(kept("1.1", "Connection: keep-alive\r\n"));
    EXPECT_TRUE(kept("1.1", "Connection: upgrade, closed, xclose\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: close\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: CLOSE\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: te ,\tClose\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    EXPECT_FALSE(kept("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    EXPECT_FALSE(kept("1.0", ""));
    EXPECT_TRUE(kept("1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_TRUE(kept("1.0", "Connection: te, keep-alive\r\n"));
    EXPECT_FALSE(kept("1.0", "Connection: keep-alive, close\r\n"));
    EXPECT_TRUE(kept("1.2", "")) << "a later minor version is read as 1.1";
}

TEST(RequestParser, DecidesAboutTheContent) {
    const auto with = [](const std::string& fields) {
        return parsed("POST /e HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    };
    EXPECT_EQ(with("").body, BodyKind::none);
    EXPECT_EQ(with("Content-Length: 0\r\n").body, BodyKind::none);
    EXPECT_EQ(with("Content-Length: 000\r\n").body, BodyKind::none);
    EXPECT_EQ(with("Content-Length: 42\r\n").body, BodyKind::content_length);
    EXPECT_EQ(with("Content-Length: 42\r\n").content_length, 42U);
    EXPECT_EQ(with("Content-Length: 9223372036854775807\r\n").content_length, 9223372036854775807U);
    EXPECT_EQ(with("Transfer-Encoding: chunked\r\n").body, BodyKind::chunked);
    EXPECT_EQ(with("Transfer-Encoding: , CHUNKED ,\r\n").body, BodyKind::chunked);
}

TEST(RequestParser, NotesWhoWaitsForAHundred) {
    const auto waits = [](const std::string& version, const std::string& fields) {
        return parsed("POST /e HTTP/" + version + "\r\nHost: x\r\n" + fields + "\r\n")
            .expect_continue;
    };
    EXPECT_TRUE(waits("1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n"));
    EXPECT_TRUE(waits("1.1", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT_FALSE(waits("1.1", "Content-Length: 1\r\n"));
    EXPECT_FALSE(waits("1.1", "Expect: 100-continue\r\n")) << "there is nothing to wait with";
    EXPECT_FALSE(waits("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n"))
        << "RFC 9110 section 10.1.1";
}

TEST(RequestParser, AcceptsAnOldVersionWithoutHost) {
    EXPECT_EQ(parsed("GET / HTTP/1.0\r\n\r\n").host.data(), nullptr);
}

TEST(RequestParser, PassesOverEmptyLinesBeforeARequest) {
    const Parsed parsed{"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"};
    EXPECT_EQ(parsed.result, complete(31));
    EXPECT_EQ(parsed.request.host, "x");
}

TEST(RequestParser, KeepsTheFirstOfAListThatIsRepeated) {
    const Request request = parsed("GET / HTTP/1.1\r\nHost: x\r\n"
                                   "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n"
                                   "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n\r\n");
    EXPECT_EQ(request.if_none_match, "\"a\"");
    EXPECT_EQ(request.accept_encoding, "gzip");
}

TEST(RequestParser, AcceptsUnusualHosts) {
    for (const std::string host :
         {"", "x", "a.b-c_d~e", "198.18.0.2:80", "x:", "[2001:db8::1]", "[::1]:80", "%41b:1",
          "!$&'()*+,;=", "a-name-that-is-longer-than-sixteen-bytes.example:65535"}) {
        EXPECT_EQ(parsed("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").host, host);
        EXPECT_EQ(parsed("GET / HTTP/1.1\r\nX: y\r\nhost:" + host + "\r\n\r\n").host, host);
    }
}

struct Refused {
    const char* why;
    std::string text;
    Status status;
};

void PrintTo(const Refused& refused, std::ostream* out) {
    *out << refused.why;
}

class RequestParserRefuses : public testing::TestWithParam<Refused> {};

// F2.smuggling
TEST_P(RequestParserRefuses, WithTheRightStatus) {
    const Parsed parsed{GetParam().text};
    EXPECT_EQ(parsed.result, invalid(GetParam().status)) << as_literal(GetParam().text);
}

/// A request whose fields after the Host are these.
std::string with_fields(const std::string& fields, const std::string& start = "POST / HTTP/1.1") {
    return start + "\r\nHost: x\r\n" + fields + "\r\n";
}

/// A GET for this target, or with this text in its place.
std::string with_target(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    RequestLine, RequestParserRefuses,
    testing::Values(
        Refused{"unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", Status::not_implemented},
        Refused{"CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", Status::not_implemented},
        Refused{"method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::not_implemented},
        Refused{"longer than any method", "GETGETGET", Status::not_implemented},
        Refused{"no method", " / HTTP/1.1\r\nHost: x\r\n\r\n", Status::bad_request},
        Refused{"a method that is no token", "G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"a tab after the method", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"TLS instead of HTTP", "\x16\x03\x01\x02"s, Status::bad_request},
        Refused{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                Status::http_version_not_supported},
        Refused{"HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
                Status::http_version_not_supported},
        Refused{"HTTP/0.9 with a version", "GET / HTTP/0.9\r\nHost: x\r\n\r\n",
                Status::http_version_not_supported},
        Refused{"HTTP/0.9", "GET /\r\n", Status::bad_request},
        Refused{"two digits of version", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", Status::bad_request},
        Refused{"version in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", Status::bad_request},
        Refused{"white space after the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"two spaces before the target", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"two spaces after the target", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"a bare line feed after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"a bare carriage return after the request line", "GET / HTTP/1.1\rHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"a bare line feed before the request", "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::bad_request},
        Refused{"a bare carriage return before the request", "\rGET / HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::bad_request}));

INSTANTIATE_TEST_SUITE_P(
    Target, RequestParserRefuses,
    testing::Values(
        Refused{"a control character", with_target("/\x01"), Status::bad_request},
        Refused{"a NUL", with_target("/\0"s), Status::bad_request},
        Refused{"DEL", with_target("/\x7f"), Status::bad_request},
        Refused{"a byte above ASCII", with_target("/\xc3\xa4"), Status::bad_request},
        Refused{"a relative path", with_target("index.html"), Status::bad_request},
        Refused{"asterisk with GET", with_target("*"), Status::bad_request},
        Refused{"authority form with GET", with_target("x:80"), Status::bad_request},
        Refused{"another scheme", with_target("ftp://x/"), Status::bad_request},
        Refused{"a scheme that is not served", with_target("https://x/"), Status::bad_request},
        Refused{"no authority", with_target("http:///a"), Status::bad_request},
        Refused{"a port without a host", with_target("http://:80/a"), Status::bad_request},
        Refused{"user information", with_target("http://me@x/"), Status::bad_request},
        Refused{"an absolute target in 1.1 without Host", "GET http://x/ HTTP/1.1\r\nA: b\r\n\r\n",
                Status::bad_request}));

INSTANTIATE_TEST_SUITE_P(
    Fields, RequestParserRefuses,
    testing::Values(
        Refused{"white space before the colon", with_fields("A : b\r\n"), Status::bad_request},
        Refused{"a tab before the colon", with_fields("A\t: b\r\n"), Status::bad_request},
        Refused{"no name", with_fields(": b\r\n"), Status::bad_request},
        Refused{"no colon", with_fields("A\r\n"), Status::bad_request},
        Refused{"a name that is no token", with_fields("A(b): c\r\n"), Status::bad_request},
        Refused{"a NUL in a name", with_fields("A\0b: c\r\n"s), Status::bad_request},
        Refused{"a byte above ASCII in a name", with_fields("\xe4: c\r\n"), Status::bad_request},
        Refused{"a bad byte late in a long name",
                with_fields("A-name-of-more-than-sixteen-bytes\x80: c\r\n"), Status::bad_request},
        Refused{"a folded line", with_fields("A: b\r\n c\r\n"), Status::bad_request},
        Refused{"a line folded with a tab", with_fields("A: b\r\n\tc\r\n"), Status::bad_request},
        Refused{"white space before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
                Status::bad_request},
        Refused{"a bare carriage return in a value", with_fields("A: b\rc\r\n"),
                Status::bad_request},
        Refused{"a bare line feed at the end of a value", with_fields("A: b\nC: d\r\n"),
                Status::bad_request},
        Refused{"a NUL in a value", with_fields("A: b\0c\r\n"s), Status::bad_request},
        Refused{"DEL in a value", with_fields("A: b\x7f\r\n"), Status::bad_request},
        Refused{"a control character late in a long value",
                with_fields("A: a value of more than sixteen bytes\x01\r\n"), Status::bad_request},
        Refused{"a bare line feed for the blank line", "GET / HTTP/1.1\r\nHost: x\r\n\n",
                Status::bad_request},
        Refused{"a bare carriage return for the blank line", "GET / HTTP/1.1\r\nHost: x\r\n\rA",
                Status::bad_request},
        Refused{"no Host in 1.1", "GET / HTTP/1.1\r\nA: b\r\n\r\n", Status::bad_request},
        Refused{"nothing but a request line in 1.1", "GET / HTTP/1.1\r\n\r\n", Status::bad_request},
        Refused{"two Hosts", with_fields("Host: x\r\n"), Status::bad_request},
        Refused{"two Hosts in 1.0", with_fields("Host: x\r\n", "GET / HTTP/1.0"),
                Status::bad_request},
        Refused{"two ranges", with_fields("Range: bytes=0-1\r\nRange: bytes=0-1\r\n"),
                Status::bad_request},
        Refused{"two If-Match", with_fields("If-Match: \"a\"\r\nIf-Match: \"b\"\r\n"),
                Status::bad_request},
        Refused{"an unknown expectation", with_fields("Expect: tea\r\n"),
                Status::expectation_failed}));

INSTANTIATE_TEST_SUITE_P(
    Hosts, RequestParserRefuses,
    testing::Values(
        Refused{"a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Status::bad_request},
        Refused{"a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Status::bad_request},
        Refused{"user information", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Status::bad_request},
        Refused{"a port that is none", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", Status::bad_request},
        Refused{"two ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", Status::bad_request},
        Refused{"an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", Status::bad_request},
        Refused{"empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", Status::bad_request},
        Refused{"text after a bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
                Status::bad_request},
        Refused{"broken encoding", "GET / HTTP/1.1\r\nHost: %4\r\n\r\n", Status::bad_request},
        Refused{"a byte above ASCII", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n",
                Status::bad_request}));

INSTANTIATE_TEST_SUITE_P(
    Smuggling, RequestParserRefuses,
    testing::Values(
        Refused{"both lengths, chunked last",
                with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
                Status::bad_request},
        Refused{"both lengths, chunked first",
                with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
                Status::bad_request},
        Refused{"a length of zero beside chunked",
                with_fields("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
                Status::bad_request},
        Refused{"differing lengths", with_fields("Content-Length: 5\r\nContent-Length: 6\r\n"),
                Status::bad_request},
        Refused{"the same length twice", with_fields("Content-Length: 5\r\nContent-Length: 5\r\n"),
                Status::bad_request},
        Refused{"a list of lengths", with_fields("Content-Length: 5, 5\r\n"), Status::bad_request},
        Refused{"a signed length", with_fields("Content-Length: +5\r\n"), Status::bad_request},
        Refused{"a negative length", with_fields("Content-Length: -5\r\n"), Status::bad_request},
        Refused{"a hexadecimal length", with_fields("Content-Length: 0x5\r\n"),
                Status::bad_request},
        Refused{"an empty length", with_fields("Content-Length:\r\n"), Status::bad_request},
        Refused{"a length with a space", with_fields("Content-Length: 1 2\r\n"),
                Status::bad_request},
        Refused{"a length of 64 bits", with_fields("Content-Length: 9223372036854775808\r\n"),
                Status::content_too_large},
        Refused{"a length of 65 bits", with_fields("Content-Length: 18446744073709551621\r\n"),
                Status::content_too_large},
        Refused{"chunked in 1.0", with_fields("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"),
                Status::bad_request},
        Refused{"chunked twice", with_fields("Transfer-Encoding: chunked, chunked\r\n"),
                Status::bad_request},
        Refused{"chunked in two fields",
                with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
                Status::bad_request},
        Refused{"chunked not last", with_fields("Transfer-Encoding: chunked, gzip\r\n"),
                Status::bad_request},
        Refused{"not chunked", with_fields("Transfer-Encoding: identity\r\n"), Status::bad_request},
        Refused{"almost chunked", with_fields("Transfer-Encoding: xchunked\r\n"),
                Status::bad_request},
        Refused{"chunked with a parameter", with_fields("Transfer-Encoding: chunked;a=b\r\n"),
                Status::bad_request},
        Refused{"a vertical tab before chunked",
                with_fields("Transfer-Encoding: \x0b"
                            "chunked\r\n"),
                Status::bad_request},
        Refused{"an empty coding", with_fields("Transfer-Encoding:\r\n"), Status::bad_request},
        Refused{"a coding that is not done here",
                with_fields("Transfer-Encoding: gzip, chunked\r\n"), Status::not_implemented}));

TEST(RequestParserLimits, BoundTheTarget) {
    const RequestLimits limits{.target_bytes = 20};
    const std::string fits = "/" + std::string(19, 'a');
    EXPECT_EQ(Parsed(with_target(fits), limits).result, complete(with_target(fits).size()));
    EXPECT_EQ(Parsed(with_target(fits + "a"), limits).result, invalid(Status::uri_too_long));
    EXPECT_EQ(Parsed("GET " + fits, limits).result, partial());
    EXPECT_EQ(Parsed("GET " + fits + "a", limits).result, invalid(Status::uri_too_long));
}

TEST(RequestParserLimits, BoundTheHead) {
    const std::string text = with_fields("A: " + std::string(50, 'b') + "\r\n", "GET / HTTP/1.1");
    const auto at = [&](std::size_t bytes) {
        return Parsed{text, {.head_bytes = static_cast<std::uint32_t>(bytes)}}.result;
    };
    EXPECT_EQ(at(text.size()), complete(text.size()));
    EXPECT_EQ(at(text.size() - 1), invalid(Status::request_header_fields_too_large));
    EXPECT_EQ(at(30), invalid(Status::request_header_fields_too_large));
    const Parsed cut{text.substr(0, 50), {.head_bytes = 50}};
    EXPECT_EQ(cut.result, invalid(Status::request_header_fields_too_large));
    EXPECT_EQ(Parsed(text.substr(0, 50), {.head_bytes = 51}).result, partial());
}

TEST(RequestParserLimits, CountTheHeadOnlyNotWhatFollows) {
    const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const Parsed parsed{text + std::string(1000, 'c'),
                        {.head_bytes = static_cast<std::uint32_t>(text.size())}};
    EXPECT_EQ(parsed.result, complete(text.size()));
}

TEST(RequestParserLimits, BoundTheNumberOfFields) {
    for (const std::string first : {"Host: x\r\n", "hosT:x\r\n"}) { // Both ways to read a Host.
        const std::string text = "GET / HTTP/1.1\r\n" + first + "A: b\r\nC: d\r\n\r\n";
        EXPECT_EQ(Parsed(text, {.fields = 3}).result, complete(text.size()));
        EXPECT_EQ(Parsed(text, {.fields = 2}).result,
                  invalid(Status::request_header_fields_too_large));
    }
}

TEST(RequestParserLimits, CountAFieldFromItsFirstByte) {
    const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (const std::string next : {"/", "A", "A: b", "A: b\r\n\r\n"}) {
        EXPECT_EQ(Parsed(text + next, {.fields = 1}).result,
                  invalid(Status::request_header_fields_too_large));
    }
    EXPECT_EQ(Parsed(text + "\r", {.fields = 1}).result, partial());
}

TEST(RequestParserLimits, AnEndlessRunOfEmptyLinesEnds) {
    EXPECT_EQ(Parsed("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", {.head_bytes = 20}).result,
              invalid(Status::request_header_fields_too_large));
}

} // namespace
} // namespace millrace::http::test
