#pragma once

#include "service_harness.hpp"
#include "site.hpp"

#include <charconv>
#include <utility>

namespace millrace::service::testing {

/// The HTTP service over a small site: `/` is an index, `/large` has many windows' bytes.
class HttpHarness {
  public:
    static constexpr std::size_t large_bytes = 300'000;

    explicit HttpHarness(HttpOptions options = {}, const stack::WorkerSettings& settings = {})
        : store_{load()}, harness{Http{with_echo(std::move(options)), store_, errors_, wall_clock_,
                                       &counters},
                                  settings} {}

    static std::string large_document() {
        std::string text;
        for (std::size_t i = 0; text.size() < large_bytes; ++i) {
            text += std::to_string(i) + '\n';
        }
        text.resize(large_bytes);
        return text;
    }

  private:
    static HttpOptions with_echo(HttpOptions options) {
        options.echo_path = "/echo";
        return options;
    }
    static http::ContentStore load() {
        http::test::Site site;
        site.add("index.html", "hello\n");
        site.add("large", large_document());
        return std::get<http::ContentStore>(http::load_content(site.options()));
    }

    http::ContentStore store_;
    http::ErrorPages errors_;
    WallClockOffset wall_clock_{0};

  public:
    HttpCounters counters;
    ServiceHarness harness;
};

/// One response at the front of `text`, which is taken off it.
struct Response {
    int status = 0;
    std::string head;
    std::string body;
};

inline Response take_response(std::string& text, bool to_head = false) {
    Response response;
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) {
        ADD_FAILURE() << "no response in: " << text;
        return response;
    }
    response.head = text.substr(0, end + 2);
    text.erase(0, end + 4);
    std::from_chars(response.head.data() + 9, response.head.data() + 12, response.status);
    if (const std::size_t at = response.head.find("Content-Length: ");
        at != std::string::npos && !to_head) {
        const std::size_t length = std::stoul(response.head.substr(at + 16));
        EXPECT_GE(text.size(), length) << "a part of a body";
        response.body = text.substr(0, length);
        text.erase(0, length);
    }
    return response;
}

/// What comes is one response and nothing else.
inline Response only_response(std::string text, bool to_head = false) {
    Response response = take_response(text, to_head);
    EXPECT_EQ(text, "");
    return response;
}

inline std::string get(std::string_view target, std::string_view fields = {}) {
    return "GET " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n";
}

inline std::string post(std::string_view target, std::string_view fields,
                        std::string_view content) {
    return "POST " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n" + std::string{fields} +
           "\r\n" + std::string{content};
}

} // namespace millrace::service::testing
