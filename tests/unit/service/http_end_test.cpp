#include <gtest/gtest.h>

#include "http_harness.hpp"

/// Refusals, and that they reach a client that has more to say (RFC 9112 §9.6).
namespace millrace::service::testing {
namespace {

struct Refused {
    const char* name;
    std::string request;
    int status;
    bool ends; ///< Where the next request would begin is not known.
};

const Refused refused[] = {
    {"Broken", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400, true},
    {"TwoLengths", post("/echo", "Content-Length: 1\r\nContent-Length: 1\r\n", "x"), 400, true},
    {"LengthAndChunked", post("/echo", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "x"),
     400, true},
    {"ChunkedInOldVersion",
     "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true},
    {"ChunkedTwice", post("/echo", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400,
     true},
    {"SpaceBeforeColon", post("/echo", "Content-Length : 5\r\n", "01234"), 400, true},
    {"NullInPath", get("/%00"), 400, false},
    {"AboveTheRoot", get("/%2e%2e/%2e%2e/etc/passwd"), 400, false},
    {"Absent", get("/absent"), 404, false},
    {"EncodedSlash", get("/..%2f..%2fetc/passwd"), 404, false},
    {"Method", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, false},
    {"ContentTooLarge", post("/echo", "Content-Length: 2000000\r\n", "x"), 413, true},
    {"TargetTooLong", get("/" + std::string(4097, 'x')), 414, true},
    {"Range", get("/", "Range: bytes=100-\r\n"), 416, false},
    {"Expectation", get("/", "Expect: wonders\r\n"), 417, true},
    {"HeadTooLong", get("/", "X: " + std::string(8192, 'x') + "\r\n"), 431, true},
    {"Coding", post("/echo", "Transfer-Encoding: gzip, chunked\r\n", ""), 501, true},
    {"UnknownMethod", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, true},
    {"Version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, true},
};

class HttpRefusal : public ::testing::TestWithParam<Refused> {};

// F2.lingering
TEST_P(HttpRefusal, F2_IsSaidAndEndsWhatCannotGoOn) {
    const Refused& expected = GetParam();
    HttpHarness http;
    Client client{http.harness};
    client.write(expected.request);
    client.write(get("/"));
    std::string text = client.read();
    EXPECT_EQ(take_response(text).status, expected.status);
    EXPECT_EQ(text.empty(), expected.ends) << text;
    EXPECT_EQ(client.finished, expected.ends);
    // However much it still sends, it is not reset before it has ended.
    EXPECT_EQ(client.ask(expected.ends ? std::string(100'000, 'x') : ""), "");
    EXPECT_FALSE(client.reset);
    client.finish();
    client.read();
    EXPECT_TRUE(client.finished);
    EXPECT_EQ(http.harness.connections(), 0U);
    http.harness.expect_nothing_is_left();
}

INSTANTIATE_TEST_SUITE_P(All, HttpRefusal, ::testing::ValuesIn(refused),
                         [](const auto& each) { return std::string{each.param.name}; });

/// A request that was answered before its content came: what is wrong with the content must not
/// take the answer away.
TEST(HttpEnd, F2_AnAnswerOutlivesBrokenContentThatNobodyWants) {
    HttpOptions options;
    options.body_bytes_max = 100;
    for (const std::string& content : {std::string{"nonsense"}, "80\r\n" + std::string(128, 'x')}) {
        HttpHarness http{options};
        Client client{http.harness};
        client.write(post("/", "Transfer-Encoding: chunked\r\n", content));
        EXPECT_EQ(only_response(client.read()).status, 405);
        EXPECT_TRUE(client.finished);
        client.write("more of it");
        EXPECT_FALSE(client.reset);
        http.harness.expect_nothing_is_left();
    }
}

TEST(HttpEnd, ARefusalOfHeadHasNoBody) {
    HttpHarness http;
    Client client{http.harness};
    const Response response = only_response(
        client.ask("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"), true);
    EXPECT_EQ(response.status, 413);
    http.harness.expect_nothing_is_left();
}

TEST(HttpEnd, AResetInTheMiddleOfADocumentLeavesNothing) {
    HttpHarness http;
    Client client{http.harness};
    client.write(get("/large") + "GET /");
    client.send(flag::rst | flag::ack);
    EXPECT_EQ(http.harness.connections(), 0U);
    http.harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
