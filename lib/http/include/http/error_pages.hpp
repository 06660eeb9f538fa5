#pragma once

#include "http/response.hpp"

#include <array>
#include <string>

namespace millrace::http {

/// A small HTML page for every status that refuses or fails, built once and then shared by
/// everyone.
class ErrorPages {
  public:
    ErrorPages();
    ErrorPages(const ErrorPages&) = delete;
    ErrorPages& operator=(const ErrorPages&) = delete;

    /// Writes the whole response, head and page, to the front of `out`; `with_page` is false for
    /// HEAD. `extra_fields` are whole lines with their line ends, such as the Allow of a 405.
    /// Returns its length in bytes; 0 when it does not fit (`response_bytes_max` always does).
    [[nodiscard]] std::size_t write(Status status, const DateCache& date,
                                    ConnectionField connection, bool with_page,
                                    std::span<std::byte> out,
                                    std::string_view extra_fields = {}) const;

    /// How long the page itself is, for any status that has one.
    [[nodiscard]] std::size_t page_bytes(Status status) const {
        return page_for(status).page.size();
    }

    /// The longest response without extra fields.
    static constexpr std::size_t response_bytes_max = 512;

  private:
    struct Page {
        Status status{};
        std::string head;
        std::size_t date_offset = 0;
        std::string page;
    };

    static constexpr std::size_t page_count = 13;

    [[nodiscard]] const Page& page_for(Status status) const;

    std::array<Page, page_count> pages_;
};

} // namespace millrace::http
