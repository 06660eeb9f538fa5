#include "head.hpp"

namespace millrace::http {
namespace {

/// True when a line that is empty, by any reading, ends in `head` at or after `from`.
bool has_blank_line(std::string_view head, std::size_t from) {
    for (std::size_t at = head.find('\n', from); at != std::string_view::npos;
         at = head.find('\n', at + 1)) {
        const std::string_view next = head.substr(at + 1, 2);
        if (next.starts_with('\n') || next == "\r\n") {
            return true;
        }
    }
    return false;
}

} // namespace

bool is_worth_parsing_again(std::string_view head, std::uint32_t head_bytes_max,
                            std::uint32_t already_seen) {
    // The line feed before the blank line may be the last byte but one of what was seen.
    const std::size_t from = already_seen < 2 ? 0 : already_seen - 2;
    return head.size() == head_bytes_max || has_blank_line(head, from);
}

Step match(const char* at, const char* end, std::string_view pattern) {
    for (const char wanted : pattern) {
        if (at == end) {
            return {at, Verdict::partial};
        }
        const bool matches = wanted == 'd' ? *at >= '0' && *at <= '9' : *at == wanted;
        if (!matches) {
            return {at, bad_request};
        }
        ++at;
    }
    return {at, Verdict::good};
}

} // namespace millrace::http
