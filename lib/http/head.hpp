#pragma once

#include "http/parse_result.hpp"
#include "verdict.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What is the same for the heads of requests and of responses.
namespace millrace::http {

inline ParseResult complete(const char* begin, const char* end) {
    return {ParseOutcome::complete, Status::ok, static_cast<std::uint32_t>(end - begin)};
}

/// What is not complete is partial or invalid; a view as long as the limit cannot become whole.
inline ParseResult incomplete(const char* begin, const char* end, Verdict verdict,
                              std::uint32_t head_bytes_max) {
    if (verdict != Verdict::partial) {
        return {ParseOutcome::invalid, static_cast<Status>(verdict), 0};
    }
    if (static_cast<std::size_t>(end - begin) == head_bytes_max) {
        return {ParseOutcome::invalid, Status::request_header_fields_too_large, 0};
    }
    return {};
}

/// True when a head of which the first `already_seen` bytes were partial could have another answer
/// now: its blank line has come, by any reading, or it is as long as the limit. Most often false,
/// for the price of a look at the bytes that are new.
[[nodiscard]] bool is_worth_parsing_again(std::string_view head, std::uint32_t head_bytes_max,
                                          std::uint32_t already_seen);

/// Reads what is spelled as `pattern`, in which each `d` stands for a digit.
[[nodiscard]] Step match(const char* at, const char* end, std::string_view pattern);

/// Bytes too short to be a whole head, copied to where there is room for loads of 16 before them.
class ShortHead {
  public:
    static constexpr std::ptrdiff_t longest_bytes = 17;

    ShortHead(const char* first, const char* last)
        : begin_{room_.data() + room_.size() - (last - first)} {
        std::copy(first, last, begin_);
    }

    [[nodiscard]] const char* begin() const { return begin_; }
    [[nodiscard]] const char* end() const { return room_.data() + room_.size(); }

  private:
    std::array<char, 16 + longest_bytes> room_{};
    char* begin_;
};

} // namespace millrace::http
