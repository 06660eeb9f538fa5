#include "http/error_pages.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <cstring>

namespace millrace::http {
namespace {

constexpr std::array statuses{
    Status::bad_request,
    Status::not_found,
    Status::method_not_allowed,
    Status::request_timeout,
    Status::precondition_failed,
    Status::content_too_large,
    Status::uri_too_long,
    Status::range_not_satisfiable,
    Status::expectation_failed,
    Status::request_header_fields_too_large,
    Status::not_implemented,
    Status::service_unavailable,
    Status::http_version_not_supported,
};

std::string page_text(Status status) {
    const std::string title =
        std::to_string(static_cast<unsigned>(status)) + ' ' + std::string{reason_phrase(status)};
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
           "</title></head>\n<body><h1>" + title + "</h1></body></html>\n";
}

} // namespace

ErrorPages::ErrorPages() {
    static_assert(statuses.size() == page_count);
    std::array<std::byte, response_bytes_max> buffer;
    for (std::size_t i = 0; i < page_count; ++i) {
        Page& page = pages_[i];
        page.status = statuses[i];
        page.page = page_text(page.status);
        HeadWriter writer{buffer};
        writer.begin(page.status, DateCache{});
        writer.field("Content-Type", "text/html; charset=utf-8");
        writer.field("Content-Length", page.page.size());
        MILLRACE_ASSERT(writer.length() > 0 &&
                        writer.length() + page.page.size() + head_tail_bytes <= response_bytes_max);
        page.date_offset = writer.date_offset();
        page.head.resize(writer.length());
        std::memcpy(page.head.data(), buffer.data(), writer.length());
    }
}

const ErrorPages::Page& ErrorPages::page_for(Status status) const {
    const auto found = std::ranges::find(pages_, status, &Page::status);
    MILLRACE_ASSERT(found != pages_.end());
    return *found;
}

std::size_t ErrorPages::write(Status status, const DateCache& date, ConnectionField connection,
                              bool with_page, std::span<std::byte> out,
                              std::string_view extra_fields) const {
    const Page& page = page_for(status);
    const std::size_t page_bytes = with_page ? page.page.size() : 0;
    if (out.size() < page_bytes) {
        return 0;
    }
    const std::size_t head_bytes = write_head({page.head, page.date_offset}, date, connection,
                                              out.first(out.size() - page_bytes), extra_fields);
    if (head_bytes == 0) {
        return 0;
    }
    std::memcpy(out.data() + head_bytes, page.page.data(), page_bytes);
    return head_bytes + page_bytes;
}

} // namespace millrace::http
