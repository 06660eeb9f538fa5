#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Comparing and splitting field names and values.
namespace millrace::http {

namespace detail {

template <class Word>
bool word_equals_ignoring_case(const char* at, const char* lower_case) {
    Word have;
    Word want;
    std::memcpy(&have, at, sizeof have);
    std::memcpy(&want, lower_case, sizeof want);
    return (have | static_cast<Word>(0x2020202020202020U)) == want;
}

} // namespace detail

/// True when the bytes at `at`, as many as `lower_case` has (at least four), spell it in any case.
/// The bytes must be token characters, `lower_case` letters and hyphens: setting bit 5 then folds
/// case and nothing else. Compiles to one or two comparisons of words.
template <std::size_t N>
bool name_equals(const char* at, const char (&lower_case)[N]) {
    constexpr std::size_t length = N - 1;
    static_assert(length >= 4);
    if constexpr (length < 8) {
        return detail::word_equals_ignoring_case<std::uint32_t>(at, lower_case) &&
               detail::word_equals_ignoring_case<std::uint32_t>(at + length - 4,
                                                                lower_case + length - 4);
    } else {
        for (std::size_t i = 0; i + 8 <= length; i += 8) {
            if (!detail::word_equals_ignoring_case<std::uint64_t>(at + i, lower_case + i)) {
                return false;
            }
        }
        return detail::word_equals_ignoring_case<std::uint64_t>(at + length - 8,
                                                                lower_case + length - 8);
    }
}

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_optional_space(char c) {
    return c == ' ' || c == '\t';
}

/// The value of a hexadecimal digit, or 16.
constexpr unsigned hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    const char letter = static_cast<char>(c | 0x20);
    return letter >= 'a' && letter <= 'f' ? static_cast<unsigned>(letter - 'a') + 10 : 16;
}

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
    if (text.size() != lower_case.size()) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (lower(text[i]) != lower_case[i]) {
            return false;
        }
    }
    return true;
}

constexpr std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_optional_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_optional_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// Takes the next element off a comma-separated list (RFC 9110 §5.6.1), without the white space
/// around it; it may be empty. Not for lists whose elements may be quoted.
constexpr std::string_view next_element(std::string_view& list) {
    const std::size_t comma = list.find(',');
    const std::string_view element = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    return trimmed(element);
}

} // namespace millrace::http
