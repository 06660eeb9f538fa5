#include "http/request_parser.hpp"

#include "head.hpp"
#include "request_fields.hpp"
#include "request_line.hpp"
#include "scan.hpp"
#include "text.hpp"
#include "verdict.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

// The way through a head: the request line, then field by field to the blank line, then
// judge_whole. Each step says where the next begins and whether it is good; the first that is not
// ends it. Bytes are judged from left to right, so a longer prefix of the same stream never gets
// another answer.
//
// Before that, parse_request tries the two lines that nearly every request begins with, spelled the
// way nearly every client spells them, and hands over to the careful way at the first surprise. It
// calls nothing on its way but in tail position, so a small GET saves no registers.

namespace millrace::http {
namespace {

/// No whole head is shorter than `GET / HTTP/1.0` and its two line ends.
constexpr std::ptrdiff_t shortest_head_bytes = 18;
static_assert(shortest_head_bytes - 1 <= ShortHead::longest_bytes);

/// Sets every member to its default, which is all zeros, without the string instruction that
/// compilers choose for this many bytes.
void reset(Request& out) {
    static_assert(std::is_trivially_copyable_v<Request> && sizeof(Request) % 16 == 0);
    static_assert(Method{} == Method::get && Version{} == Request{}.version);
    char* const at = static_cast<char*>(static_cast<void*>(&out));
    [at]<std::size_t... line>(std::index_sequence<line...>) {
        (std::memset(at + line * 16, 0, 16), ...);
    }
    (std::make_index_sequence<sizeof(Request) / 16>{});
}

/// From the field line at `at` to the end of the head.
[[gnu::noinline]] ParseResult parse_fields(const char* begin, const char* at, const char* end,
                                           Request& out, const RequestLimits& limits,
                                           bool host_seen) {
    const std::uint32_t left = limits.fields - (host_seen ? 1 : 0);
    const Step blank = parse_request_fields(at, end, out, host_seen, left);
    if (blank.verdict != Verdict::good) [[unlikely]] {
        return incomplete(begin, end, blank.verdict, limits.head_bytes);
    }
    return complete(begin, blank.next);
}

/// The whole head, with nothing taken for granted but the 16 bytes before `end`.
[[gnu::noinline]] ParseResult parse_carefully(const char* begin, const char* end, Request& out,
                                              const RequestLimits& limits) {
    Step step = skip_empty_lines(begin, end);
    if (step.verdict == Verdict::good) {
        step = parse_request_line(step.next, end, out, limits);
    }
    if (step.verdict != Verdict::good) {
        return incomplete(begin, end, step.verdict, limits.head_bytes);
    }
    return parse_fields(begin, step.next, end, out, limits, false);
}

/// Too short to be whole, and for loads of 16 bytes.
[[gnu::noinline]] ParseResult parse_short(const char* begin, const char* end, Request& out,
                                          const RequestLimits& limits) {
    const ShortHead head{begin, end};
    const ParseResult result = parse_carefully(head.begin(), head.end(), out, limits);
    reset(out);
    return result;
}

/// The parser's answer to a call that follows a partial one.
[[gnu::noinline]] ParseResult parse_again(const char* begin, const char* end, Request& out,
                                          const RequestLimits& limits, std::uint32_t already_seen) {
    if (!is_worth_parsing_again(between(begin, end), limits.head_bytes, already_seen)) {
        return {};
    }
    return end - begin < shortest_head_bytes ? parse_short(begin, end, out, limits)
                                             : parse_carefully(begin, end, out, limits);
}

/// `GET /… HTTP/1.1` and its line end; returns where the next line begins, or null for anything
/// else.
const char* usual_request_line(const char* begin, const char* end, Request& out,
                               std::uint32_t target_bytes) {
    constexpr std::string_view version = " HTTP/1.1\r\n";
    const char* const target = begin + 4;
    if (scan::load_word<std::uint32_t>(begin) != word_of("GET ") || *target != '/') {
        return nullptr;
    }
    const char* const target_end = scan::skip_visible(target, end);
    if (end - target_end < std::ptrdiff_t{version.size()} ||
        std::memcmp(target_end, version.data(), 8) != 0 ||
        std::memcmp(target_end + 7, version.data() + 7, 4) != 0 ||
        target_end - target > std::ptrdiff_t{target_bytes}) {
        return nullptr;
    }
    out.target = between(target, target_end);
    out.path = between(target, target_end);
    return target_end + version.size();
}

/// `Host: name` or `Host: name:port`, where the name needs no second look; returns where the value
/// ends, which is where a line end begins, or null for anything else.
const char* usual_host_line(const char* at, const char* end, Request& out) {
    constexpr std::ptrdiff_t prefix = 6;
    if (end - at < prefix + 2 || !name_equals(at, "host") ||
        scan::load_word<std::uint16_t>(at + 4) != word_of(": ")) {
        return nullptr;
    }
    const char* const host = at + prefix;
    const char* host_end = scan::skip(scan::plain_host_chars, host, end);
    if (end - host_end > 2 && *host_end == ':') {
        do {
            ++host_end;
        } while (end - host_end > 2 && *host_end >= '0' && *host_end <= '9');
    }
    if (end - host_end < 2) {
        return nullptr;
    }
    out.host = between(host, host_end);
    return is_line_end(host_end) ? host_end : nullptr;
}

} // namespace

ParseResult parse_request(std::span<const std::byte> head, Request& out,
                          const RequestLimits& limits, std::uint32_t already_seen) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are read as characters.
    const char* const begin = reinterpret_cast<const char*>(head.data());
    const char* const end = begin + std::min<std::size_t>(head.size(), limits.head_bytes);
    reset(out);
    if (already_seen > 0) [[unlikely]] {
        return parse_again(begin, end, out, limits, already_seen);
    }
    if (end - begin < shortest_head_bytes) [[unlikely]] {
        return parse_short(begin, end, out, limits);
    }
    const char* const second_line = usual_request_line(begin, end, out, limits.target_bytes);
    if (second_line == nullptr) [[unlikely]] {
        return parse_carefully(begin, end, out, limits);
    }
    const char* const host_end = usual_host_line(second_line, end, out);
    if (host_end == nullptr) [[unlikely]] {
        out.host = {};
        return parse_fields(begin, second_line, end, out, limits, false);
    }
    if (end - host_end >= 4 && scan::load_word<std::uint32_t>(host_end) == word_of("\r\n\r\n")) {
        out.keep_alive = true;
        return complete(begin, host_end + 4);
    }
    return parse_fields(begin, host_end + 2, end, out, limits, true);
}

} // namespace millrace::http
