#include "lexer.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace millrace::script {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.remove_suffix(1);
    }
    return text;
}

} // namespace

void Lexer::skip_blanks() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
        rest_.remove_prefix(1);
    }
}

void Lexer::fail(const std::string& wanted) const {
    const std::string found =
        rest_.empty() ? "the end of the line" : "\"" + std::string{rest_} + "\"";
    throw Failure{line_, "expected " + wanted + ", found " + found};
}

bool Lexer::take(std::string_view text) {
    if (!rest_.starts_with(text)) {
        return false;
    }
    rest_.remove_prefix(text.size());
    skip_blanks();
    return true;
}

void Lexer::expect(std::string_view text) {
    if (!take(text)) {
        fail("\"" + std::string{text} + "\"");
    }
}

std::string Lexer::word() {
    const auto end = std::ranges::find_if_not(rest_, is_word);
    const std::string found{rest_.begin(), end};
    if (found.empty()) {
        fail("a word");
    }
    rest_.remove_prefix(found.size());
    skip_blanks();
    return found;
}

bool Lexer::take_word(std::string_view text) {
    const bool whole =
        rest_.starts_with(text) && (rest_.size() == text.size() || !is_word(rest_[text.size()]));
    return whole && take(text);
}

std::string_view Lexer::until(std::string_view ends) {
    const std::string_view found = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(found.size());
    return trimmed(found);
}

std::string_view Lexer::rest() {
    const std::string_view all = rest_;
    rest_ = {};
    return trimmed(all);
}

std::string_view Lexer::digits() {
    const std::string_view found = rest_.substr(
        0, static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_digit) - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
}

std::uint64_t Lexer::number(std::uint64_t most) {
    const std::string_view before = rest_;
    const std::string_view found = digits();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(found.begin(), found.end(), value);
    if (found.empty() || error != std::errc{} || value > most) {
        rest_ = before;
        fail("a number of at most " + std::to_string(most));
    }
    skip_blanks();
    return value;
}

Duration Lexer::seconds() {
    const std::string_view before = rest_;
    std::string whole{digits()};
    std::string decimals;
    // Three dots are the range of a call that blocks.
    if (rest_.starts_with('.') && !rest_.starts_with("...")) {
        rest_.remove_prefix(1);
        decimals = digits();
    }
    if (whole.size() + decimals.size() == 0 || whole.size() > 9 || decimals.size() > 9) {
        rest_ = before;
        fail("a time in seconds");
    }
    decimals.resize(9, '0');
    skip_blanks();
    return std::chrono::nanoseconds{std::stoll("0" + whole + decimals)};
}

} // namespace millrace::script
