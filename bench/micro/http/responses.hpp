#pragma once

#include <string_view>

/// Responses as common servers send them, with the beginning of their content.
namespace millrace::http::bench {

inline constexpr std::string_view small_page = "HTTP/1.1 200 OK\r\n"
                                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                               "Server: millrace\r\n"
                                               "Content-Type: text/plain\r\n"
                                               "Content-Length: 6\r\n\r\n"
                                               "hello\n";

inline constexpr std::string_view nginx_page =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/html\r\n"
    "Content-Length: 615\r\n"
    "Last-Modified: Sat, 05 Nov 1994 11:02:06 GMT\r\n"
    "Connection: keep-alive\r\n"
    "ETag: \"637a1b2c-267\"\r\n"
    "Accept-Ranges: bytes\r\n\r\n"
    "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n";

inline constexpr std::string_view nginx_not_modified =
    "HTTP/1.1 304 Not Modified\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Last-Modified: Sat, 05 Nov 1994 11:02:06 GMT\r\n"
    "Connection: keep-alive\r\n"
    "ETag: \"637a1b2c-267\"\r\n\r\n";

inline constexpr std::string_view application =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: no-store, no-cache, must-revalidate\r\n"
    "Set-Cookie: session=2b7e151628aed2a6abf7158809cf4f3c; Path=/; HttpOnly; SameSite=Lax\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Vary: Accept-Encoding, Origin\r\n\r\n"
    "1c\r\n{\"status\":\"ok\",\"items\":[1,2]}\r\n";

} // namespace millrace::http::bench
