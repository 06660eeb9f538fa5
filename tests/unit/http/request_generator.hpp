#pragma once

#include "generator.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::http::test {

/// Makes requests from a seed: most near to sound, many broken in the ways that matter, some
/// mutated without any sense.
class RequestGenerator : private Generator {
  public:
    explicit RequestGenerator(std::uint64_t seed) : Generator{seed} {}

    std::string next() {
        std::string text = one_in(30) ? "\r\n" : "";
        text += request_line();
        if (!one_in(25)) {
            text += pick(hosts);
        }
        for (std::uint64_t count = below(6); count > 0; --count) {
            text += pick(fields);
        }
        text += one_in(40) ? "" : "\r\n";
        text += one_in(10) ? "GET / HTTP/1.1\r\nHost: next\r\n\r\n" : "";
        for (std::uint64_t count = one_in(3) ? 1 + below(3) : 0; count > 0; --count) {
            mutate(text);
        }
        return text;
    }

  private:
    static constexpr std::array<std::string_view, 14> methods{
        "GET", "GET",   "GET",   "HEAD",    "POST", "POST", "OPTIONS",
        "PUT", "PATCH", "TRACE", "CONNECT", "BREW", "get",  "DELETE"};

    static constexpr std::array<std::string_view, 18> targets{
        "/",
        "/",
        "/index.html",
        "/a/b/../c?d=e&f=%20",
        "/a-target-with-more-than-sixteen-bytes",
        "*",
        "http://example.com/x",
        "HTTP://example.com",
        "http://[::1]:80/?q",
        "http://user@example.com/",
        "http:///",
        "https://example.com/",
        "example.com:80",
        "//double/slash",
        "/{curly}|\\^`\"<>",
        "/\xc3\xa4",
        "/#fragment",
        "/%zz"};

    static constexpr std::array<std::string_view, 9> versions{"HTTP/1.1", "HTTP/1.1", "HTTP/1.1",
                                                              "HTTP/1.1", "HTTP/1.0", "HTTP/1.0",
                                                              "HTTP/1.2", "HTTP/2.0", "http/1.1"};

    static constexpr std::array<std::string_view, 10> hosts{"Host: 198.18.0.2\r\n",
                                                            "Host: example.com:8080\r\n",
                                                            "host:x\r\n",
                                                            "HOST: \t x \t\r\n",
                                                            "Host: [2001:db8::1]:80\r\n",
                                                            "Host:\r\n",
                                                            "Host: x\r\n",
                                                            "Host: a b\r\n",
                                                            "Host: a/b\r\n",
                                                            "Host: x:port\r\n"};

    static constexpr std::array<std::string_view, 52> fields{
        "User-Agent: something/1.0 (like others; but not quite) and more\r\n",
        "Accept: */*\r\n",
        "Accept-Encoding: gzip, br\r\n",
        "X: y\r\n",
        "Empty:\r\n",
        "Tabs:\tin\tthe\tmiddle\t\r\n",
        "High: \xe4\xf6\xfc\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "Connection: Keep-Alive, Upgrade\r\n",
        "connection: upgrade ,close\r\n",
        "Connection: not;a(list\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: 5\r\n",
        "content-length:5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 9223372036854775807\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: Chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Expect: 100-continue\r\n",
        "Expect: 100-Continue\r\n",
        "Expect: miracles\r\n",
        "Range: bytes=0-99\r\n",
        "If-Range: \"tag\"\r\n",
        "If-Match: \"tag\", W/\"other\"\r\n",
        "If-None-Match: *\r\n",
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Host: again\r\n",
        "Folded: one\r\n two\r\n",
        "Folded: one\r\n\ttwo\r\n",
        "Space : before\r\n",
        ": nameless\r\n",
        "No colon\r\n",
        "Bare: carriage\rreturn\r\n",
        "Bare: line feed\n",
        "A-Name-That-Has-Many-More-Than-Sixteen-Bytes: v\r\n",
        "Bad(Name): v\r\n",
        "!#$%&'*+-.^_`|~09: every kind of token character\r\n",
        "Content-Type: text/plain; charset=\"utf-8\"\r\n",
        "Cookie: a=b; c=d; e=f\r\n",
        "Upgrade-Insecure-Requests: 1\r\n",
        "Via: 1.1 proxy\r\n",
        "Referer: http://example.com/\r\n"};

    std::string request_line() {
        std::string line;
        const bool usual = !one_in(3);
        line += usual ? "GET" : pick(methods);
        line += one_in(80) ? "  " : " ";
        line += one_in(3) ? pick(targets) : pick(std::span{targets}.first(4));
        line += one_in(80) ? "  " : " ";
        line += one_in(3) ? pick(versions) : "HTTP/1.1";
        line += one_in(80) ? "\n" : "\r\n";
        return line;
    }
};

} // namespace millrace::http::test
