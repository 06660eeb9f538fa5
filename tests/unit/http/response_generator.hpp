#pragma once

#include "generator.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::http::test {

/// Makes responses from a seed: most near to sound, many broken in the ways that matter, some
/// mutated without any sense.
class ResponseGenerator : private Generator {
  public:
    explicit ResponseGenerator(std::uint64_t seed) : Generator{seed} {}

    std::string next() {
        std::string text = one_in(80) ? "\r\n" : "";
        text += status_line();
        for (std::uint64_t count = below(7); count > 0; --count) {
            text += pick(fields);
        }
        text += one_in(40) ? "" : "\r\n";
        text +=
            one_in(3) ? "content, and more of it: so much that nothing is near the end\r\n" : "";
        for (std::uint64_t count = one_in(3) ? 1 + below(3) : 0; count > 0; --count) {
            mutate(text);
        }
        return text;
    }

  private:
    static constexpr std::array<std::string_view, 9> versions{"HTTP/1.1", "HTTP/1.1", "HTTP/1.1",
                                                              "HTTP/1.1", "HTTP/1.0", "HTTP/1.0",
                                                              "HTTP/1.2", "HTTP/2.0", "http/1.1"};

    static constexpr std::array<std::string_view, 18> codes{
        "200", "200", "200", "200", "100", "101", "103", "204",  "206",
        "301", "304", "404", "500", "099", "000", "999", "2000", "20"};

    static constexpr std::array<std::string_view, 7> reasons{
        " OK", " ", " Not Found", " I'm a teapot, \xe4\tand more", "", "\tOK", "  "};

    static constexpr std::array<std::string_view, 48> fields{
        "Server: something/1.0 (like others; but not quite) and more\r\n",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Last-Modified: Sat, 05 Nov 1994 11:02:06 GMT\r\n",
        "Content-Type: text/html; charset=\"utf-8\"\r\n",
        "ETag: \"tag\"\r\n",
        "Accept-Ranges: bytes\r\n",
        "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n",
        "Vary: Accept-Encoding\r\n",
        "Sixteen-Letters-: v\r\n",
        "Seventeen-Letters: v\r\n",
        "X: y\r\n",
        "Empty:\r\n",
        "Blank: \t \r\n",
        "Tabs:\tin\tthe\tmiddle\t\r\n",
        "High: \xe4\xf6\xfc\r\n",
        "~: a tilde\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "Connection: Keep-Alive, Upgrade\r\n",
        "connection:upgrade ,close\r\n",
        "Connection: not;a(list\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 5\r\n",
        "content-length:615 \r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 9223372036854775807\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: Chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked;a=b\r\n",
        "Transfer-Encoding: a;b=\", chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "Folded: one\r\n two\r\n",
        "Folded: one\r\n\ttwo\r\n",
        "Space : before\r\n",
        ": nameless\r\n",
        "No colon\r\n",
        "Bare: carriage\rreturn\r\n",
        "Bare: line feed\n",
        "Bad(Name): v\r\n",
        "!#$%&'*+-.^_`|09: nearly every kind of token character\r\n"};

    std::string status_line() {
        std::string line;
        line += one_in(3) ? pick(versions) : "HTTP/1.1";
        line += one_in(80) ? "  " : " ";
        line += one_in(2) ? pick(codes) : "200";
        line += one_in(3) ? pick(reasons) : " OK";
        line += one_in(80) ? "\n" : "\r\n";
        return line;
    }
};

} // namespace millrace::http::test
