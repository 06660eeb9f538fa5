#include "http/request_parser.hpp"

#include "field_lines.hpp"
#include "request_line.hpp"
#include "scan.hpp"
#include "text.hpp"
#include "verdict.hpp"

#include <algorithm>
#include <array>
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

ParseResult complete(const char* begin, const char* end) {
    return {ParseOutcome::complete, Status::ok, static_cast<std::uint32_t>(end - begin)};
}

/// What is not complete is partial or invalid; a view as long as the limit cannot become whole.
ParseResult incomplete(const char* begin, const char* end, Verdict verdict,
                       const RequestLimits& limits) {
    if (verdict != Verdict::partial) {
        return {ParseOutcome::invalid, static_cast<Status>(verdict), 0};
    }
    if (static_cast<std::size_t>(end - begin) == limits.head_bytes) {
        return {ParseOutcome::invalid, Status::request_header_fields_too_large, 0};
    }
    return {};
}

/// From the field line at `at` to the end of the head.
[[gnu::noinline]] ParseResult parse_fields(const char* begin, const char* at, const char* end,
                                           Request& out, const RequestLimits& limits,
                                           bool host_seen) {
    const std::uint32_t left = limits.fields - (host_seen ? 1 : 0);
    const Step blank = parse_field_lines(at, end, out, host_seen, left);
    if (blank.verdict != Verdict::good) [[unlikely]] {
        return incomplete(begin, end, blank.verdict, limits);
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
        return incomplete(begin, end, step.verdict, limits);
    }
    return parse_fields(begin, step.next, end, out, limits, false);
}

/// Too short to be whole, and for loads of 16 bytes: judged in a copy that has room before it.
[[gnu::noinline]] ParseResult parse_short(const char* begin, const char* end, Request& out,
                                          const RequestLimits& limits) {
    std::array<char, 16 + shortest_head_bytes> room{};
    char* const copy = room.data() + room.size() - (end - begin);
    std::copy(begin, end, copy);
    const ParseResult result = parse_carefully(copy, room.data() + room.size(), out, limits);
    reset(out);
    return result;
}

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

/// The parser's answer to a call that follows a partial one: most often "not yet", for the price of
/// a look at the bytes that are new.
[[gnu::noinline]] ParseResult parse_again(const char* begin, const char* end, Request& out,
                                          const RequestLimits& limits, std::uint32_t already_seen) {
    // The line feed before the blank line may be the third byte from the end of what was seen.
    const std::size_t from = already_seen < 3 ? 0 : already_seen - 3;
    const bool at_limit = static_cast<std::size_t>(end - begin) == limits.head_bytes;
    if (!at_limit && !has_blank_line(between(begin, end), from)) {
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
