#include "http/status.hpp"

namespace millrace::http {

std::string_view reason_phrase(Status status) {
    switch (status) {
    case Status::ok:
        return "OK";
    case Status::no_content:
        return "No Content";
    case Status::partial_content:
        return "Partial Content";
    case Status::moved_permanently:
        return "Moved Permanently";
    case Status::not_modified:
        return "Not Modified";
    case Status::bad_request:
        return "Bad Request";
    case Status::not_found:
        return "Not Found";
    case Status::method_not_allowed:
        return "Method Not Allowed";
    case Status::request_timeout:
        return "Request Timeout";
    case Status::precondition_failed:
        return "Precondition Failed";
    case Status::content_too_large:
        return "Content Too Large";
    case Status::uri_too_long:
        return "URI Too Long";
    case Status::range_not_satisfiable:
        return "Range Not Satisfiable";
    case Status::expectation_failed:
        return "Expectation Failed";
    case Status::request_header_fields_too_large:
        return "Request Header Fields Too Large";
    case Status::not_implemented:
        return "Not Implemented";
    case Status::service_unavailable:
        return "Service Unavailable";
    case Status::http_version_not_supported:
        return "HTTP Version Not Supported";
    }
    return "Unknown";
}

} // namespace millrace::http
