#pragma once

#include <cstddef>
#include <span>
#include <string_view>

/// Requests as common clients send them.
namespace millrace::http::bench {

inline constexpr std::string_view small_get = "GET / HTTP/1.1\r\nHost: 198.18.0.2\r\n\r\n";

inline constexpr std::string_view wrk_get =
    "GET /index.html HTTP/1.1\r\nHost: 198.18.0.2:8080\r\n\r\n";

inline constexpr std::string_view curl_get = "GET / HTTP/1.1\r\nHost: 198.18.0.2\r\n"
                                             "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

inline constexpr std::string_view browser_get =
    "GET /images/logo.png HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: image/avif,image/webp,*/*\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Referer: http://www.example.com/index.html\r\n"
    "Sec-Fetch-Dest: image\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "If-Modified-Since: Tue, 15 Nov 1994 12:45:26 GMT\r\n"
    "If-None-Match: \"a1b2c3d4e5f60718\"\r\n\r\n";

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

} // namespace millrace::http::bench
