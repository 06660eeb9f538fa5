#pragma once

#include "http/content_store.hpp"
#include "http/error_pages.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

#include <cstddef>
#include <span>

namespace millrace::http {

/// What to send in answer to a request: what was written to the caller's buffer, then `body`.
struct Answer {
    Status status = Status::ok;
    bool keep_alive = false;         ///< False: close when all of it is sent.
    std::size_t written = 0;         ///< Bytes at the front of the buffer.
    std::span<const std::byte> body; ///< Bytes of the content store; empty for HEAD and errors.
    std::size_t page_bytes = 0;      ///< Of `written` the last: the page that tells of an error.
};

/// A buffer of this size takes every answer; only a redirect with a long path or query is larger,
/// and is refused with 414 when it does not fit.
inline constexpr std::size_t answer_bytes_min = 1024;

/// Answers GET, HEAD and OPTIONS of a tree of documents: 200, 206, 301, 304, 404, 405, 412, 416 and
/// what a bad target deserves (RFC 9110 §9.3, §13, §14). The caller has yet to pass over the
/// request's content, if it has any.
class StaticHandler {
  public:
    /// Both must outlive the handler.
    StaticHandler(const ContentStore& store, const ErrorPages& errors)
        : store_{&store}, errors_{&errors} {}

    /// `out` has at least `answer_bytes_min` bytes.
    [[nodiscard]] Answer answer(const Request& request, const DateCache& date,
                                std::span<std::byte> out) const;

  private:
    struct Exchange; // One request with what it takes to answer it.

    [[nodiscard]] Answer answer_carefully(const Exchange& exchange) const;
    [[nodiscard]] Answer tell_options(const Exchange& exchange) const;
    [[nodiscard]] Answer answer_document(const Exchange& exchange, const Document& document) const;
    [[nodiscard]] Answer answer_part(const Exchange& exchange, const Document& document) const;
    [[nodiscard]] Answer redirect(const Exchange& exchange, std::string_view path,
                                  std::string_view query) const;
    [[nodiscard]] Answer refuse(const Exchange& exchange, Status status,
                                std::string_view extra_fields = {}) const;

    const ContentStore* store_;
    const ErrorPages* errors_;
};

} // namespace millrace::http
