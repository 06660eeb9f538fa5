#pragma once

#include "base/time.hpp"
#include "script.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::script {

/// One line of a script, read from the left. Everything that does not find what it wants throws a
/// `Failure` that quotes the rest of the line.
class Lexer {
  public:
    Lexer(unsigned line, std::string_view text) : line_{line}, rest_{text} { skip_blanks(); }

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] unsigned line() const { return line_; }
    [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
    [[nodiscard]] bool at(std::string_view text) const { return rest_.starts_with(text); }

    /// Takes `text` when it comes next.
    [[nodiscard]] bool take(std::string_view text);
    void expect(std::string_view text);

    /// Letters, digits, underscores and dots.
    [[nodiscard]] std::string word();
    /// Takes `text` when it comes next as a whole word.
    [[nodiscard]] bool take_word(std::string_view text);
    /// Everything up to one of `ends`, which stays.
    [[nodiscard]] std::string_view until(std::string_view ends);
    [[nodiscard]] std::string_view rest();

    /// A decimal number of at most `most`.
    [[nodiscard]] std::uint64_t number(std::uint64_t most = UINT64_MAX);
    /// Seconds with at most nine decimal places.
    [[nodiscard]] Duration seconds();

    [[noreturn]] void fail(const std::string& wanted) const;

  private:
    void skip_blanks();
    [[nodiscard]] std::string_view digits();

    unsigned line_;
    std::string_view rest_;
};

} // namespace millrace::script
