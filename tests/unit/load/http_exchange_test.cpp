#include <gtest/gtest.h>

#include "load/http_exchange.hpp"

#include <span>
#include <string>
#include <string_view>

namespace millrace::load {
namespace {

/// What a whole stream of responses came to.
struct Outcome {
    int completed = 0;
    bool last = false;
    std::optional<Counter> error;

    bool operator==(const Outcome&) const = default;
};

class HttpExchangeTest : public ::testing::Test {
  public:
    /// Hears a stream in pieces that end at `cuts`, as a connection would.
    Outcome hear(std::string_view text, std::vector<std::size_t> cuts = {}) {
        HttpExchange exchange{ask, buffers};
        HttpExchange::State state{};
        Outcome outcome;
        cuts.push_back(text.size());
        std::size_t begin = 0;
        for (const std::size_t end : cuts) {
            const auto bytes = std::as_bytes(std::span{text.substr(begin, end - begin)});
            Slice rest{bytes.data(), static_cast<std::uint32_t>(bytes.size())};
            while (rest.length > 0 && !outcome.error) {
                const Heard heard = exchange.hear(state, rest);
                EXPECT_GT(heard.used, 0U);
                EXPECT_LE(heard.used, rest.length);
                rest = rest.without_first(heard.used);
                outcome.completed += heard.completed ? 1 : 0;
                outcome.last = outcome.last || heard.last;
                outcome.error = heard.error;
            }
            begin = end;
        }
        ends_with_stream = exchange.ends_with_stream(state);
        exchange.release(state);
        return outcome;
    }

    HttpAsk ask{.request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
    std::uint16_t buffers = 4;
    bool ends_with_stream = false;
};

constexpr std::string_view counted = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

TEST_F(HttpExchangeTest, HearsOneResponseAfterAnother) {
    const std::string two = std::string{counted} + std::string{chunked} + std::string{counted};
    EXPECT_EQ(hear(two), (Outcome{.completed = 3}));
}

// However a stream is cut into segments, it is the same stream.
TEST_F(HttpExchangeTest, CutsDoNotMatter) {
    const std::string text = "HTTP/1.1 100 Continue\r\n\r\n" + std::string{counted} +
                             "HTTP/1.1 204 No Content\r\n\r\n" + std::string{chunked};
    ask.status = 0;
    const Outcome whole = hear(text);
    EXPECT_EQ(whole, (Outcome{.completed = 3}));
    for (std::size_t first = 1; first < text.size(); ++first) {
        EXPECT_EQ(hear(text, {first}), whole) << first;
        for (std::size_t second = first + 1; second < text.size(); ++second) {
            ASSERT_EQ(hear(text, {first, second}), whole) << first << ' ' << second;
        }
    }
}

TEST_F(HttpExchangeTest, SaysThatAResponseIsTheLast) {
    EXPECT_EQ(hear("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
              (Outcome{.completed = 1, .last = true}));
    EXPECT_EQ(hear("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
              (Outcome{.completed = 1, .last = true}));
}

TEST_F(HttpExchangeTest, AnotherStatusIsAnError) {
    EXPECT_EQ(hear("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").error,
              Counter::wrong_status);
    ask.status = 404;
    EXPECT_EQ(hear("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
              (Outcome{.completed = 1}));
    EXPECT_EQ(hear(counted).error, Counter::wrong_status);
    ask.status = 0;
    EXPECT_EQ(hear("HTTP/1.1 101 Switching Protocols\r\n\r\n").error, Counter::wrong_status);
}

TEST_F(HttpExchangeTest, AnotherLengthIsAnError) {
    ask.bytes = 5;
    EXPECT_EQ(hear(counted), (Outcome{.completed = 1}));
    EXPECT_EQ(hear(chunked), (Outcome{.completed = 1}));
    ask.bytes = 6;
    EXPECT_EQ(hear(counted).error, Counter::wrong_length);
    EXPECT_EQ(hear(chunked).error, Counter::wrong_length);
    EXPECT_EQ(hear("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").error, Counter::wrong_length);
}

TEST_F(HttpExchangeTest, WhatIsNotHttpIsAnError) {
    EXPECT_EQ(hear("hello, I am not HTTP\r\n\r\n").error, Counter::malformed);
    EXPECT_EQ(hear("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz").error,
              Counter::malformed);
    EXPECT_EQ(hear(std::string(100'000, 'a')).error, Counter::malformed);
    const std::string long_head = "HTTP/1.1 200 OK\r\nX: " + std::string(9000, 'a');
    EXPECT_EQ(hear(long_head, {4000, 8000}).error, Counter::malformed);
}

TEST_F(HttpExchangeTest, ContentMayEndWithTheStream) {
    EXPECT_EQ(hear("HTTP/1.1 200 OK\r\n\r\nhello"), (Outcome{}));
    EXPECT_TRUE(ends_with_stream);
    ask.bytes = 6;
    EXPECT_EQ(hear("HTTP/1.1 200 OK\r\n\r\nhello"), (Outcome{}));
    EXPECT_FALSE(ends_with_stream);
    EXPECT_EQ(hear("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"), (Outcome{}));
    EXPECT_FALSE(ends_with_stream);
}

// E6.pools: heads in pieces have a few buffers; who finds none is an error of ours.
TEST_F(HttpExchangeTest, BuffersRunOutAndComeBack) {
    HttpExchange exchange{ask, 1};
    const auto slice = [](std::string_view text) {
        const auto bytes = std::as_bytes(std::span{text});
        return Slice{bytes.data(), static_cast<std::uint32_t>(bytes.size())};
    };
    HttpExchange::State first{};
    HttpExchange::State second{};
    EXPECT_FALSE(exchange.hear(first, slice("HTTP/1.1 200")).error);
    EXPECT_EQ(exchange.hear(second, slice("HTTP/1.1 200")).error, Counter::no_memory);
    EXPECT_TRUE(exchange.hear(first, slice(" OK\r\nContent-Length: 0\r\n\r\n")).completed);
    EXPECT_FALSE(exchange.hear(first, slice("HTTP/1.1 200")).error);
    exchange.release(first);
    HttpExchange::State third{};
    EXPECT_FALSE(exchange.hear(third, slice("HTTP/1.1 200")).error);
}

} // namespace
} // namespace millrace::load
