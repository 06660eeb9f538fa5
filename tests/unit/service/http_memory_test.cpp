#include <gtest/gtest.h>

#include "http_harness.hpp"

#include <memory>
#include <vector>

// E6.pools: what happens when something of which there is only so much runs out.
namespace millrace::service::testing {
namespace {

constexpr const char* part_of_a_head = "GET / HTTP/1.1\r\nHost";
constexpr const char* rest_of_a_head = ": a\r\n\r\n";

HttpOptions few_buffers() {
    HttpOptions options;
    options.head_buffers = 2;
    return options;
}

TEST(HttpMemory, E6_HeadBuffersRunDryAndAreRefilled) {
    HttpHarness http{few_buffers()};
    Client first{http.harness, 40000};
    Client second{http.harness, 40001};
    first.write(part_of_a_head);
    second.write(part_of_a_head);
    Client third{http.harness, 40002};
    EXPECT_EQ(only_response(third.ask(part_of_a_head)).status, 503);
    EXPECT_TRUE(third.finished);
    Client whole{http.harness, 40003};
    EXPECT_EQ(only_response(whole.ask(get("/"))).status, 200) << "one that comes whole needs none";
    // The two go on, and what they give back is the next ones'.
    EXPECT_EQ(only_response(first.ask(rest_of_a_head)).status, 200);
    EXPECT_EQ(only_response(second.ask(rest_of_a_head)).status, 200);
    for (std::uint16_t port = 40004; port < 40010; ++port) {
        Client next{http.harness, port};
        next.write(part_of_a_head);
        EXPECT_EQ(only_response(next.ask(rest_of_a_head)).status, 200);
    }
    http.harness.expect_nothing_is_left();
}

/// However a head ends that never became whole, its buffer is given back at once.
TEST(HttpMemory, E3_EveryEndGivesTheHeadBufferBack) {
    const std::vector<void (*)(HttpHarness&, Client&)> ends{
        [](HttpHarness&, Client& client) { client.send(flag::rst | flag::ack); },
        [](HttpHarness&, Client& client) { client.finish(); }, // And our FIN is never acknowledged.
        [](HttpHarness&, Client& client) { client.write("\r\nbroken\r\n\r\n"); },
        [](HttpHarness& http, Client&) { http.harness.pass(11s); },
    };
    for (std::size_t i = 0; i < ends.size(); ++i) {
        HttpHarness http{few_buffers()};
        for (std::uint16_t port = 40000; port < 40002; ++port) {
            Client client{http.harness, port};
            client.write(part_of_a_head);
            ends[i](http, client);
        }
        Client next{http.harness, 41000};
        EXPECT_EQ(next.ask(part_of_a_head), "") << "end " << i;
        EXPECT_EQ(only_response(next.ask(rest_of_a_head)).status, 200) << "end " << i;
        http.harness.expect_nothing_is_left();
    }
}

/// Requests are answered as far as there is room, and the rest when the client has read.
TEST(HttpMemory, E3_PipelinedWithoutReading) {
    stack::WorkerSettings settings;
    settings.tcp.front().send_buffer_bytes = 8 * 1024;
    HttpHarness http{{}, settings};
    Client client{http.harness};
    client.window = 0;
    constexpr int count = 100;
    for (int i = 0; i < count; ++i) {
        client.write(get("/large"));
    }
    EXPECT_LE(http.harness.worker.core().buffers.chunks().in_use(), 8U);
    EXPECT_FALSE(client.reset);
    client.window = 65535;
    client.send(flag::ack);
    std::string text;
    int answered = 0;
    for (int idle = 0; idle < 5 && answered < count; ++idle) {
        for (std::string more = client.read(); !more.empty(); more = client.read()) {
            text += more;
            idle = 0;
        }
        while (text.size() >= HttpHarness::large_bytes + 400) {
            ASSERT_EQ(take_response(text).body.size(), HttpHarness::large_bytes);
            ++answered;
        }
        http.harness.pass(1s);
    }
    answered += text.empty() ? 0 : 1;
    EXPECT_EQ(answered, count);
    http.harness.expect_nothing_is_left();
}

/// A request waits while there is no memory for the head of its answer.
TEST(HttpMemory, E6_ChunkPoolDry) {
    stack::WorkerSettings settings;
    settings.buffers.chunks = 1;
    HttpHarness http{{}, settings};
    Client first{http.harness, 40000};
    first.window = 0;
    first.write(get("/"));
    Client second{http.harness, 40001};
    EXPECT_EQ(second.ask(get("/")), "") << "it waits, for half an answer would be worse";
    first.send(flag::rst | flag::ack);
    http.harness.pass(20ms);
    EXPECT_EQ(only_response(second.read()).status, 200);
    http.harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
