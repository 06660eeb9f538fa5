#include <gtest/gtest.h>

#include "http_harness.hpp"

/// Requests and what they are answered with, however their bytes come.
namespace millrace::service::testing {
namespace {

// F1.http, F2.persistence
TEST(HttpRequest, F2_KeepAlive) {
    HttpHarness http;
    Client client{http.harness};
    for (int i = 0; i < 3; ++i) {
        const Response response = only_response(client.ask(get("/")));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, "hello\n");
    }
    EXPECT_FALSE(client.finished);
    const Response last = only_response(client.ask(get("/", "Connection: close\r\n")));
    EXPECT_NE(last.head.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(client.finished);
    client.finish();
    EXPECT_FALSE(client.reset);
    http.harness.expect_nothing_is_left();
}

TEST(HttpRequest, OldVersionClosesUnlessAsked) {
    HttpHarness http;
    Client client{http.harness};
    const Response kept =
        only_response(client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_NE(kept.head.find("Connection: keep-alive\r\n"), std::string::npos);
    EXPECT_FALSE(client.finished);
    EXPECT_EQ(only_response(client.ask("GET / HTTP/1.0\r\n\r\n")).status, 200);
    EXPECT_TRUE(client.finished);
    http.harness.expect_nothing_is_left();
}

TEST(HttpRequest, F2_HeadHasNoBody) {
    HttpHarness http;
    Client client{http.harness};
    for (const char* const target : {"/", "/large", "/absent"}) {
        const std::string head = "HEAD " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n\r\n";
        const Response response = only_response(client.ask(head), true);
        EXPECT_NE(response.head.find("Content-Length: "), std::string::npos);
    }
    EXPECT_EQ(only_response(client.ask(get("/"))).status, 200);
    http.harness.expect_nothing_is_left();
}

/// Requests without end, in one burst of segments that end anywhere.
// F2.persistence
TEST(HttpRequest, F2_PipelinedInOneBurst) {
    HttpHarness http;
    Client client{http.harness};
    constexpr int count = 200;
    std::string requests;
    for (int i = 0; i < count; ++i) {
        requests += get(i % 3 == 0 ? "/" : "/absent");
    }
    for (std::size_t at = 0; at < requests.size(); at += 777) {
        client.queue(flag::ack | flag::psh, std::string_view{requests}.substr(at, 777));
    }
    http.harness.poll();
    std::string text = client.read();
    for (int i = 0; i < count; ++i) {
        ASSERT_EQ(take_response(text).status, i % 3 == 0 ? 200 : 404) << "response " << i;
    }
    EXPECT_EQ(text, "");
    EXPECT_FALSE(client.finished);
    http.harness.expect_nothing_is_left();
}

TEST(HttpRequest, PipelinedAndSplitAtEveryByte) {
    const std::string requests =
        get("/") + post("/echo", "Content-Length: 3\r\n", "abc") +
        post("/echo", "Transfer-Encoding: chunked\r\n", "3;x=y\r\ndef\r\n0\r\nT: u\r\n\r\n") +
        "\r\n" + get("/absent");
    for (std::size_t cut = 1; cut < requests.size(); ++cut) {
        HttpHarness http;
        Client client{http.harness};
        client.send(flag::ack | flag::psh, requests.substr(0, cut));
        client.send(flag::ack | flag::psh, requests.substr(cut));
        std::string text = client.read();
        EXPECT_EQ(take_response(text).body, "hello\n") << "cut at " << cut;
        EXPECT_EQ(take_response(text).body, "abc") << "cut at " << cut;
        EXPECT_EQ(take_response(text).status, 200) << "cut at " << cut;
        const std::size_t end = text.find("0\r\n\r\n");
        ASSERT_NE(end, std::string::npos);
        text.erase(0, end + 5);
        EXPECT_EQ(only_response(text).status, 404) << "cut at " << cut;
        http.harness.expect_nothing_is_left();
    }
}

TEST(HttpRequest, OneByteASegment) {
    HttpHarness http;
    Client client{http.harness};
    client.write(get("/", "X-Long: " + std::string(300, 'x') + "\r\n"), 1);
    EXPECT_EQ(only_response(client.read()).body, "hello\n");
    client.write(get("/"), 1);
    EXPECT_EQ(only_response(client.read()).body, "hello\n");
    http.harness.expect_nothing_is_left();
}

/// Content of a request that has no use for it is passed over, and what follows is the next
/// request, not the content.
TEST(HttpRequest, ContentThatNobodyWantsIsNoRequest) {
    HttpHarness http;
    Client client{http.harness};
    const std::string hidden = get("/large");
    const std::string counted =
        get("/", "Content-Length: " + std::to_string(hidden.size()) + "\r\n") + hidden;
    std::string text = client.ask(counted + get("/absent"));
    EXPECT_EQ(take_response(text).body, "hello\n");
    EXPECT_EQ(only_response(text).status, 404);
    http.harness.expect_nothing_is_left();
}

TEST(HttpRequest, B4_AClientThatEndsAfterItsRequestGetsItsAnswer) {
    HttpHarness http;
    Client client{http.harness};
    client.send(flag::ack | flag::psh | flag::fin, get("/large"));
    EXPECT_EQ(only_response(client.read()).body, HttpHarness::large_document());
    EXPECT_TRUE(client.finished);
    EXPECT_FALSE(client.reset);
    EXPECT_EQ(http.harness.connections(), 0U);
    http.harness.expect_nothing_is_left();
}

TEST(HttpRequest, ADrainLetsTheRequestFinish) {
    HttpHarness http;
    Client idle{http.harness, 40000};
    Client busy{http.harness, 40001};
    busy.write("GET / HT");
    http.harness.worker.drain(http.harness.now);
    http.harness.poll();
    const Response response = only_response(busy.ask("TP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(response.status, 200);
    EXPECT_NE(response.head.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(busy.finished);
    busy.finish();
    EXPECT_EQ(http.harness.connections(), 1U) << "the idle one has its FIN, and is to answer it";
    http.harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
