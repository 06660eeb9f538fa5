#include "http/static_handler.hpp"

#include "http/content_loader.hpp"
#include "http/request_parser.hpp"

#include "site.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millrace::http::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class StaticHandlerTest : public testing::Test {
  protected:
    struct Response {
        Status status{};
        bool keep_alive = false;
        std::string head; ///< With the page of an error.
        std::string body;
    };

    StaticHandlerTest() : store_{load()}, handler_{store_, errors_} {}

    /// Parses and answers a request with these lines after the first.
    Response answer(std::string_view method, std::string_view target, std::string_view fields = "",
                    std::string_view version = "1.1", std::size_t room = answer_bytes_min) {
        std::string text{method};
        text.append(" ").append(target).append(" HTTP/").append(version);
        text.append("\r\nHost: x\r\n").append(fields).append("\r\n");
        Request request;
        EXPECT_EQ(parse_request(std::as_bytes(std::span{text}), request).outcome,
                  ParseOutcome::complete)
            << text;
        std::vector<std::byte> out(room);
        const Answer answer = handler_.answer(request, DateCache{now}, out);
        EXPECT_GT(answer.written, 0U);
        return {answer.status, answer.keep_alive, text_of(std::span{out}.first(answer.written)),
                text_of(answer.body)};
    }

    Response get(std::string_view target, std::string_view fields = "") {
        return answer("GET", target, fields);
    }

    std::string etag() { return std::string{store_.find("/digits.txt").document->identity.etag}; }

    static constexpr std::int64_t now = 1'700'000'000;

  private:
    static std::string text_of(std::span<const std::byte> bytes) {
        return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
    }

    ContentStore load() {
        site_.add("index.html", "<p>home</p>");
        site_.add("digits.txt", "0123456789");
        site_.add("empty", "");
        site_.add("a dir/\xc3\xa4%/index.html", "odd");
        return std::get<ContentStore>(load_content(site_.options()));
    }

    Site site_;
    ContentStore store_;
    ErrorPages errors_;
    StaticHandler handler_;
};

// F2.content
TEST_F(StaticHandlerTest, SendsADocument) {
    const Response response = get("/");
    EXPECT_EQ(response.status, Status::ok);
    EXPECT_TRUE(response.keep_alive);
    EXPECT_THAT(response.head, StartsWith("HTTP/1.1 200 OK\r\n"
                                          "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
    EXPECT_THAT(response.head, HasSubstr("Content-Length: 11\r\n"));
    EXPECT_THAT(response.head, Not(HasSubstr("Connection")));
    EXPECT_TRUE(response.head.ends_with("\r\n\r\n"));
    EXPECT_EQ(response.body, "<p>home</p>");
}

TEST_F(StaticHandlerTest, HeadIsGetWithoutContent) {
    const Response response = answer("HEAD", "/digits.txt");
    EXPECT_EQ(response.head, get("/digits.txt").head);
    EXPECT_EQ(response.body, "");
    const Response missing = answer("HEAD", "/missing");
    EXPECT_EQ(missing.status, Status::not_found);
    EXPECT_TRUE(missing.head.ends_with("\r\n\r\n"));
}

TEST_F(StaticHandlerTest, FollowsTheClientsWishForTheConnection) {
    const Response closed = get("/", "Connection: close\r\n");
    EXPECT_FALSE(closed.keep_alive);
    EXPECT_TRUE(closed.head.ends_with("\r\nConnection: close\r\n\r\n"));
    const Response old = answer("GET", "/", "", "1.0");
    EXPECT_FALSE(old.keep_alive);
    EXPECT_TRUE(old.head.ends_with("\r\nConnection: close\r\n\r\n"));
    const Response old_kept = answer("GET", "/", "Connection: keep-alive\r\n", "1.0");
    EXPECT_TRUE(old_kept.keep_alive);
    EXPECT_TRUE(old_kept.head.ends_with("\r\nConnection: keep-alive\r\n\r\n"));
}

// F2.methods
TEST_F(StaticHandlerTest, TellsWhatIsAllowed) {
    for (const char* const target : {"*", "/digits.txt", "http://x"}) {
        const Response response = answer("OPTIONS", target);
        EXPECT_EQ(response.status, Status::no_content) << target;
        EXPECT_THAT(response.head, HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
        EXPECT_THAT(response.head, Not(HasSubstr("Content-Length")));
    }
    EXPECT_EQ(answer("OPTIONS", "/missing").status, Status::not_found);
    for (const char* const method : {"POST", "PUT", "DELETE", "PATCH", "TRACE"}) {
        const Response response = answer(method, "/");
        EXPECT_EQ(response.status, Status::method_not_allowed) << method;
        EXPECT_THAT(response.head, HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    }
}

TEST_F(StaticHandlerTest, AnswersTargetsItCannotServe) {
    EXPECT_EQ(get("/missing").status, Status::not_found);
    EXPECT_THAT(get("/missing").head, HasSubstr("<h1>404 Not Found</h1>"));
    EXPECT_TRUE(get("/missing").keep_alive);
    EXPECT_EQ(get("/..").status, Status::bad_request);
    EXPECT_EQ(get("/%2f").status, Status::not_found);
    EXPECT_EQ(get("/%00").status, Status::bad_request);
}

TEST_F(StaticHandlerTest, RedirectsToTheSlash) {
    const Response response = get("/a%20dir/%C3%A4%25?q=1&r");
    EXPECT_EQ(response.status, Status::moved_permanently);
    EXPECT_THAT(response.head, HasSubstr("\r\nLocation: /a%20dir/%C3%A4%25/?q=1&r\r\n"));
    EXPECT_THAT(response.head, HasSubstr("\r\nContent-Length: 0\r\n"));
    EXPECT_EQ(get("/a%20dir/%C3%A4%25/").body, "odd");
    EXPECT_EQ(get("/a%20dir/%C3%A4%25?" + std::string(2000, 'q')).status, Status::uri_too_long);
}

TEST_F(StaticHandlerTest, SendsNothingThatTheClientHas) {
    const Response by_tag = get("/digits.txt", "If-None-Match: " + etag() + "\r\n");
    EXPECT_EQ(by_tag.status, Status::not_modified);
    EXPECT_EQ(by_tag.body, "");
    EXPECT_THAT(by_tag.head, HasSubstr("\r\nETag: " + etag() + "\r\n"));
    EXPECT_THAT(by_tag.head, HasSubstr("\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
    EXPECT_THAT(by_tag.head, Not(HasSubstr("Content-Length")));
    EXPECT_EQ(get("/digits.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status,
              Status::not_modified);
    EXPECT_EQ(get("/digits.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n").status,
              Status::ok);
    EXPECT_EQ(get("/digits.txt", "If-Match: \"other\"\r\n").status, Status::precondition_failed);
}

// F2.ranges
TEST_F(StaticHandlerTest, SendsParts) {
    const Response part = get("/digits.txt", "Range: bytes=2-4\r\n");
    EXPECT_EQ(part.status, Status::partial_content);
    EXPECT_EQ(part.body, "234");
    EXPECT_THAT(part.head, StartsWith("HTTP/1.1 206 Partial Content\r\n"));
    EXPECT_THAT(part.head, HasSubstr("\r\nContent-Range: bytes 2-4/10\r\n"));
    EXPECT_THAT(part.head, HasSubstr("\r\nContent-Length: 3\r\n"));
    EXPECT_THAT(part.head, HasSubstr("\r\nETag: " + etag() + "\r\n"));
    EXPECT_THAT(part.head, HasSubstr("\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    EXPECT_EQ(get("/digits.txt", "Range: bytes=-1\r\n").body, "9");
    EXPECT_EQ(get("/digits.txt", "Range: bytes=7-\r\n").body, "789");

    const Response beyond = get("/digits.txt", "Range: bytes=10-\r\n");
    EXPECT_EQ(beyond.status, Status::range_not_satisfiable);
    EXPECT_THAT(beyond.head, HasSubstr("\r\nContent-Range: bytes */10\r\n"));
    EXPECT_EQ(get("/empty", "Range: bytes=0-\r\n").status, Status::range_not_satisfiable);
}

TEST_F(StaticHandlerTest, SendsTheWholeWhenAPartIsNotMeant) {
    EXPECT_EQ(get("/digits.txt", "Range: bytes=0-1,4-5\r\n").status, Status::ok);
    EXPECT_EQ(get("/digits.txt", "Range: lines=0-1\r\n").body, "0123456789");
    EXPECT_EQ(get("/digits.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n").status, Status::ok);
    EXPECT_EQ(get("/digits.txt", "Range: bytes=2-4\r\nIf-Range: " + etag() + "\r\n").body, "234");
    const Response head = answer("HEAD", "/digits.txt", "Range: bytes=2-4\r\n");
    EXPECT_EQ(head.status, Status::ok);
    EXPECT_THAT(head.head, HasSubstr("\r\nContent-Length: 10\r\n"));
}

TEST_F(StaticHandlerTest, PreconditionsGoBeforeRanges) {
    EXPECT_EQ(get("/digits.txt", "Range: bytes=2-4\r\nIf-None-Match: " + etag() + "\r\n").status,
              Status::not_modified);
}

} // namespace
} // namespace millrace::http::test
