#pragma once

#include "http/status.hpp"
#include "scan.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

/// What the steps of parsing a head tell each other.
namespace millrace::http {

/// `good`, `partial`, or the status to refuse the message with.
enum class Verdict : std::uint16_t { good = 0, partial = 1 };

constexpr Verdict refuse(Status status) {
    return static_cast<Verdict>(status);
}

constexpr Verdict bad_request = refuse(Status::bad_request);

struct [[nodiscard]] Step {
    const char* next;
    Verdict verdict;
};

inline std::string_view between(const char* first, const char* last) {
    return {first, static_cast<std::size_t>(last - first)};
}

/// Up to four characters as they are loaded from memory.
template <std::size_t N>
constexpr std::uint32_t word_of(const char (&text)[N]) {
    static_assert(N - 1 <= 4);
    std::uint32_t word = 0;
    for (unsigned i = 0; i < N - 1; ++i) {
        word |= static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) << (8 * i);
    }
    return word;
}

inline bool is_line_end(const char* at) {
    return scan::load_word<std::uint16_t>(at) == 0x0a0d;
}

/// No line end at `at`: is it not there yet, or never?
[[gnu::noinline]] inline Step broken_line_end(const char* at, const char* end) {
    const bool cut_short = at == end || (at + 1 == end && *at == '\r');
    return {at, cut_short ? Verdict::partial : bad_request};
}

/// The line end at `at`, which is where a field value stopped or the blank line should be.
inline Step line_end(const char* at, const char* end) {
    if (end - at >= 2 && is_line_end(at)) [[likely]] {
        return {at + 2, Verdict::good};
    }
    return broken_line_end(at, end);
}

} // namespace millrace::http
