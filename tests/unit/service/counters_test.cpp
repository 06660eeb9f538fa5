#include <gtest/gtest.h>

#include "http_harness.hpp"

#include <array>
#include <cstdint>
#include <string>

// F3.counters: what the services count is what their clients have asked for and got.
namespace millrace::service::testing {
namespace {

/// What the counters of HTTP say, in their order.
std::string said(const HttpCounters& counters) {
    std::string text;
    for (std::size_t i = 0; i < http_counter_names.size(); ++i) {
        const std::uint64_t value = counters[static_cast<HttpCounter>(i)];
        if (value > 0) {
            text += (text.empty() ? "" : ", ") + std::string{http_counter_names[i]} + ' ' +
                    std::to_string(value);
        }
    }
    return text;
}

TEST(HttpCounters, OfDocuments) {
    HttpHarness http;
    EXPECT_EQ(said(http.counters), "");
    Client client{http.harness};
    EXPECT_EQ(said(http.counters), "connections 1");
    for (int i = 0; i < 3; ++i) {
        only_response(client.ask(get("/")));
    }
    only_response(client.ask(get("/large")));
    EXPECT_EQ(said(http.counters),
              "connections 1, requests 4, responses_2xx 4, response_body_bytes 300018");
    only_response(client.ask("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n"), true);
    only_response(client.ask(get("/large", "Range: bytes=10-19\r\n")));
    EXPECT_EQ(said(http.counters),
              "connections 1, requests 6, responses_2xx 6, response_body_bytes 300028");
    http.harness.expect_nothing_is_left();
}

TEST(HttpCounters, OfRequestsThatComeTogether) {
    HttpHarness http;
    Client client{http.harness};
    client.ask(get("/") + get("/") + get("/").substr(0, 20));
    EXPECT_EQ(said(http.counters),
              "connections 1, requests 2, responses_2xx 2, response_body_bytes 12");
    client.ask(get("/").substr(20));
    EXPECT_EQ(said(http.counters),
              "connections 1, requests 3, responses_2xx 3, response_body_bytes 18");
    http.harness.expect_nothing_is_left();
}

/// Every kind of refusal, and the page that goes with it but to HEAD.
TEST(HttpCounters, OfErrorsAndRedirections) {
    HttpOptions options;
    options.body_bytes_max = 10;
    HttpHarness http{options};
    std::uint64_t pages = 0;
    std::uint64_t refused = 0;
    const auto refuse = [&](const std::string& request, int status, bool to_head = false) {
        Client client{http.harness, static_cast<std::uint16_t>(40000 + refused)};
        const Response response = only_response(client.ask(request), to_head);
        EXPECT_EQ(response.status, status);
        pages += response.body.size();
        ++refused;
        client.finish();
        client.read();
    };
    refuse(get("/absent"), 404);
    refuse("HEAD /absent HTTP/1.1\r\nHost: a\r\n\r\n", 404, true);
    refuse("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
    refuse("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    refuse(post("/echo", "Content-Length: 11\r\n", ""), 413);
    EXPECT_EQ(said(http.counters), "connections 5, requests 5, responses_4xx 5, "
                                   "response_body_bytes " +
                                       std::to_string(pages));
    refuse("GET / HTTP/2.0\r\n\r\n", 505);
    EXPECT_EQ(http.counters[HttpCounter::responses_5xx], 1U);
    Client client{http.harness, 50000};
    const std::string etag = [&] {
        const std::string head = only_response(client.ask(get("/"))).head;
        const std::size_t at = head.find("ETag: ") + 6;
        return head.substr(at, head.find('\r', at) - at);
    }();
    only_response(client.ask(get("/", "If-None-Match: " + etag + "\r\n")), true);
    EXPECT_EQ(http.counters[HttpCounter::responses_3xx], 1U);
    EXPECT_EQ(http.counters[HttpCounter::requests], 8U);
    EXPECT_EQ(http.counters[HttpCounter::response_body_bytes], pages + 6);
    http.harness.expect_nothing_is_left();
}

TEST(HttpCounters, OfARequestThatDoesNotComeToItsEnd) {
    HttpHarness http;
    Client client{http.harness};
    client.write("GET / HTT");
    http.harness.pass(11s);
    EXPECT_EQ(only_response(client.read()).status, 408);
    EXPECT_EQ(http.counters[HttpCounter::requests], 1U);
    EXPECT_EQ(http.counters[HttpCounter::responses_4xx], 1U);
    http.harness.expect_nothing_is_left();
}

TEST(HttpCounters, OfContentThatIsEchoed) {
    HttpHarness http;
    Client client{http.harness};
    const std::string content(20'000, 'e');
    client.ask(post("/echo", "Content-Length: 20000\r\n", content));
    EXPECT_EQ(said(http.counters), "connections 1, requests 1, responses_2xx 1, "
                                   "request_body_bytes 20000, response_body_bytes 20000");
    client.ask(
        post("/echo", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"));
    EXPECT_EQ(said(http.counters), "connections 1, requests 2, responses_2xx 2, "
                                   "request_body_bytes 20008, response_body_bytes 20008");
    client.ask(post("/echo", "Content-Length: 3\r\nExpect: 100-continue\r\n", ""));
    EXPECT_EQ(http.counters[HttpCounter::responses_1xx], 1U);
    EXPECT_EQ(http.counters[HttpCounter::responses_2xx], 3U);
    client.ask("abc");
    EXPECT_EQ(http.counters[HttpCounter::request_body_bytes], 20'011U);
    http.harness.expect_nothing_is_left();
}

/// What a request to a document brings along is passed over, and counted as received alone.
TEST(HttpCounters, OfContentThatNobodyWants) {
    HttpHarness http;
    Client client{http.harness};
    std::string answers = client.ask(post("/", "Content-Length: 5\r\n", "12345") + get("/"));
    const std::size_t page = take_response(answers).body.size();
    EXPECT_EQ(only_response(answers).status, 200);
    EXPECT_EQ(http.counters[HttpCounter::request_body_bytes], 5U);
    EXPECT_EQ(http.counters[HttpCounter::response_body_bytes], page + 6);
    http.harness.expect_nothing_is_left();
}

/// What a service has counted: connections, bytes received, bytes sent.
using Counted = std::array<std::uint64_t, stream_counter_names.size()>;

Counted counted(const StreamCounters& counters) {
    return {counters[StreamCounter::connections], counters[StreamCounter::received_bytes],
            counters[StreamCounter::sent_bytes]};
}

TEST(StreamCounters, OfEcho) {
    StreamCounters counters;
    ServiceHarness harness{Echo{&counters}};
    for (std::uint16_t port = 40000; port < 40003; ++port) {
        Client client{harness, port};
        EXPECT_EQ(client.ask("hello"), "hello");
    }
    EXPECT_EQ(counted(counters), (Counted{3, 15, 15}));
    harness.worker.drain(harness.now);
    harness.poll();
    harness.expect_nothing_is_left();
}

TEST(StreamCounters, OfAnEchoThatMaySendNothingAnyMore) {
    StreamCounters counters;
    ServiceHarness harness{Echo{&counters}};
    Client client{harness};
    harness.worker.drain(harness.now);
    harness.poll();
    client.read();
    EXPECT_EQ(client.ask("too late"), "");
    EXPECT_EQ(counted(counters), (Counted{1, 8, 0}));
    harness.expect_nothing_is_left();
}

TEST(StreamCounters, OfDiscard) {
    StreamCounters counters;
    ServiceHarness harness{Discard{&counters}};
    Client client{harness};
    client.ask(std::string(100'000, 'x'));
    EXPECT_EQ(counted(counters), (Counted{1, 100'000, 0}));
    harness.expect_nothing_is_left();
}

TEST(StreamCounters, OfSource) {
    StreamCounters counters;
    ServiceHarness harness{Source{200'000, Source::Then::hold, &counters}};
    Client client{harness};
    EXPECT_EQ(client.read().size(), 200'000U);
    client.ask("unheard");
    EXPECT_EQ(counted(counters), (Counted{1, 7, 200'000}));
    harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
