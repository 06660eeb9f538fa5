#include <gtest/gtest.h>

#include "http_harness.hpp"

/// POST to the echo, both ways of saying how long the content is.
namespace millrace::service::testing {
namespace {

/// The content of a chunked body at the front of `text`, which is taken off it.
std::string take_chunks(std::string& text) {
    std::string content;
    for (;;) {
        const std::size_t line = text.find("\r\n");
        if (line == std::string::npos) {
            ADD_FAILURE() << "a part of a chunked body";
            return content;
        }
        const std::size_t size = std::stoul(text.substr(0, line), nullptr, 16);
        content += text.substr(line + 2, size);
        EXPECT_EQ(text.substr(line + 2 + size, 2), "\r\n");
        text.erase(0, std::min(text.size(), line + 4 + size));
        if (size == 0) {
            return content;
        }
    }
}

std::string chunk(std::string_view content) {
    std::array<char, 8> size;
    char* const end = std::to_chars(size.data(), size.data() + 8, content.size(), 16).ptr;
    return std::string{size.data(), end} + "\r\n" + std::string{content} + "\r\n";
}

// F2.bodies
TEST(HttpEcho, F2_ContentLength) {
    HttpHarness http;
    Client client{http.harness};
    const std::string content(20'000, 'e');
    const std::string request = post("/echo?ignored", "Content-Length: 20000\r\n", content);
    for (int i = 0; i < 2; ++i) {
        const Response response = only_response(client.ask(request));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, content);
    }
    EXPECT_EQ(only_response(client.ask(post("/echo", "Content-Length: 0\r\n", ""))).body, "");
    http.harness.expect_nothing_is_left();
}

// F2.bodies
TEST(HttpEcho, F2_Chunked) {
    HttpHarness http;
    Client client{http.harness};
    std::string content;
    std::string chunks;
    for (std::size_t size = 1; size < 5000; size = size * 2 + 1) {
        const std::string piece(size, static_cast<char>('a' + content.size() % 26));
        content += piece;
        chunks += chunk(piece);
    }
    std::string text =
        client.ask(post("/echo", "Transfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n"));
    const Response response = take_response(text);
    EXPECT_NE(response.head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
    EXPECT_EQ(response.head.find("Content-Length"), std::string::npos);
    EXPECT_EQ(take_chunks(text), content);
    EXPECT_EQ(text, "");
    EXPECT_EQ(only_response(client.ask(get("/"))).status, 200);
    http.harness.expect_nothing_is_left();
}

// F2.continue
TEST(HttpEcho, F2_ContinueIsSaidWhereContentIsWanted) {
    HttpHarness http;
    Client client{http.harness};
    const std::string fields = "Content-Length: 3\r\nExpect: 100-continue\r\n";
    std::string text = client.ask(post("/echo", fields, ""));
    EXPECT_EQ(take_response(text, true).status, 100);
    EXPECT_EQ(take_response(text, true).status, 200);
    EXPECT_EQ(client.ask("abc"), "abc");
    EXPECT_FALSE(client.finished);
    // Where it is not, the answer is final, and nobody knows whether the content will come.
    EXPECT_EQ(only_response(client.ask(post("/", fields, ""))).status, 405);
    EXPECT_TRUE(client.finished);
    http.harness.expect_nothing_is_left();
}

/// A client that sends without reading: the echo waits, and goes on when it reads.
TEST(HttpEcho, E6_SendBufferFullInTheMiddleOfContent) {
    for (const bool chunked : {false, true}) {
        stack::WorkerSettings settings;
        settings.tcp.front().send_buffer_bytes = 16 * 1024;
        HttpHarness http{{}, settings};
        Client client{http.harness};
        client.window = 0;
        std::string content;
        std::string body;
        for (int i = 0; i < 40; ++i) {
            const std::string piece(700, static_cast<char>('a' + i % 26));
            content += piece;
            body += chunked ? chunk(piece) : piece;
        }
        body += chunked ? "0\r\n\r\n" : "";
        client.write(post("/echo",
                          chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 28000\r\n",
                          body),
                     500);
        ASSERT_FALSE(client.reset) << "chunked: " << chunked;
        client.window = 65535;
        client.send(flag::ack);
        std::string text = client.read();
        for (int i = 0; i < 20; ++i) {
            http.harness.pass(1s);
            text += client.read();
        }
        take_response(text, chunked);
        if (chunked) {
            EXPECT_EQ(take_chunks(text), content);
        }
        EXPECT_EQ(text, "");
        http.harness.expect_nothing_is_left();
    }
}

TEST(HttpEcho, BrokenChunksEndIt) {
    HttpHarness http;
    Client client{http.harness};
    const std::string text =
        client.ask(post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabcX"));
    EXPECT_EQ(text.find("0\r\n\r\n"), std::string::npos) << "never a whole answer";
    EXPECT_TRUE(client.reset);
    http.harness.expect_nothing_is_left();
}

TEST(HttpEcho, AResetInTheMiddleLeavesNothing) {
    for (const char* const fields :
         {"Content-Length: 9999\r\n", "Transfer-Encoding: chunked\r\n"}) {
        HttpHarness http;
        Client client{http.harness};
        client.write(post("/echo", fields, "3\r\nabc\r\n2"));
        client.send(flag::rst | flag::ack);
        EXPECT_EQ(http.harness.connections(), 0U);
        http.harness.expect_nothing_is_left();
    }
}

} // namespace
} // namespace millrace::service::testing
