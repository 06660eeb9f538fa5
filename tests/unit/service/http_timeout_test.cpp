#include <gtest/gtest.h>

#include "http_harness.hpp"

/// What a client may take its time for, and how long.
namespace millrace::service::testing {
namespace {

HttpOptions short_times() {
    HttpOptions options;
    options.head_timeout = 10s;
    options.body_timeout = 30s;
    options.idle_timeout = 60s;
    options.linger_timeout = 5s;
    return options;
}

TEST(HttpTimeout, F2_IdleConnectionIsClosed) {
    HttpHarness http{short_times()};
    Client client{http.harness};
    http.harness.pass(59s);
    EXPECT_EQ(only_response(client.ask(get("/"))).status, 200);
    http.harness.pass(59s);
    client.read();
    EXPECT_FALSE(client.finished) << "each request begins the time anew";
    http.harness.pass(2s);
    EXPECT_EQ(client.read(), "");
    EXPECT_TRUE(client.finished);
    http.harness.expect_nothing_is_left();
}

/// A head's time is that of the whole head, so that a byte now and then does not stretch it.
// F2.limits, E3.slow_requests
TEST(HttpTimeout, E3_SlowHead) {
    HttpHarness http{short_times()};
    Client client{http.harness};
    for (int i = 0; i < 9; ++i) {
        client.write(i == 0 ? "GET / HTTP/1.1\r\nX: " : "x");
        http.harness.pass(1s);
    }
    EXPECT_EQ(client.read(), "");
    http.harness.pass(2s);
    EXPECT_EQ(only_response(client.read()).status, 408);
    EXPECT_TRUE(client.finished);
    http.harness.expect_nothing_is_left();
}

TEST(HttpTimeout, F2_ContentThatStops) {
    HttpHarness http{short_times()};
    Client client{http.harness};
    client.write(post("/echo", "Content-Length: 10\r\n", "01234"));
    client.read();
    http.harness.pass(29s);
    client.write("5");
    http.harness.pass(29s);
    client.read();
    EXPECT_FALSE(client.reset) << "each piece begins the time anew";
    http.harness.pass(2s);
    client.read();
    EXPECT_TRUE(client.reset);
    EXPECT_EQ(http.harness.connections(), 0U);
    http.harness.expect_nothing_is_left();
}

/// The answer has been given, so it is not taken away.
TEST(HttpTimeout, F2_UnwantedContentThatStops) {
    HttpHarness http{short_times()};
    Client client{http.harness};
    client.write(post("/", "Content-Length: 10\r\n", "01234"));
    http.harness.pass(31s);
    EXPECT_EQ(only_response(client.read()).status, 405);
    EXPECT_FALSE(client.reset);
    EXPECT_TRUE(client.finished);
    http.harness.expect_nothing_is_left();
}

TEST(HttpTimeout, F2_LingeringEnds) {
    HttpHarness http{short_times()};
    Client client{http.harness};
    client.ask("nonsense\r\n\r\n");
    for (int i = 0; i < 4; ++i) {
        http.harness.pass(1s);
        client.write("more");
    }
    EXPECT_FALSE(client.reset);
    http.harness.pass(2s);
    client.write("and more");
    client.read();
    EXPECT_TRUE(client.reset) << "nobody is there any more";
    EXPECT_EQ(http.harness.connections(), 0U);
    http.harness.expect_nothing_is_left();
}

/// A document that takes longer than the idle time is no idleness: the time begins when the client
/// has it all.
TEST(HttpTimeout, F2_ASlowReaderIsNotIdle) {
    HttpHarness http{short_times()};
    Client client{http.harness};
    client.window = 2000;
    client.write(get("/large"));
    std::string text;
    int seconds = 0;
    for (; seconds < 300 && text.size() < HttpHarness::large_bytes; ++seconds) {
        text += client.read_some();
        http.harness.pass(1s);
    }
    EXPECT_GT(seconds, 65) << "or nothing is shown";
    text += client.read();
    EXPECT_EQ(only_response(text).body, HttpHarness::large_document());
    EXPECT_FALSE(client.finished);
    EXPECT_EQ(only_response(client.ask(get("/"))).status, 200);
    http.harness.expect_nothing_is_left();
}

/// A client that asks and never reads holds memory for as long as the idle time, and no longer,
/// whether or not the connection was to go on after the answer.
// E3.zero_window
TEST(HttpTimeout, E3_ReaderThatNeverReads) {
    for (const int how : {0, 1, 2}) {
        HttpHarness http{short_times()};
        Client client{http.harness};
        client.window = 0;
        client.write(get("/large", how == 1 ? "Connection: close\r\n" : ""));
        if (how == 2) {
            client.finish();
        }
        for (int i = 0; i < 120; ++i) {
            http.harness.pass(1s);
            client.send(flag::ack); // The window stays closed, and every probe is answered.
        }
        EXPECT_EQ(http.harness.connections(), 0U) << "how: " << how;
        http.harness.expect_nothing_is_left();
    }
}

} // namespace
} // namespace millrace::service::testing
