#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace millrace::http::test {

/// What generators of messages make their choices with.
class Generator {
  protected:
    explicit Generator(std::uint64_t seed) : random_{seed} {}

    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool one_in(std::uint64_t count) { return below(count) == 0; }
    std::string_view pick(std::span<const std::string_view> from) {
        return from[below(from.size())];
    }

    /// Changes one place without any sense.
    void mutate(std::string& text) {
        constexpr std::array awkward{'\0', '\t',   '\n',   '\r',   ' ', '!', '"', '#', '%',
                                     ',',  '/',    ':',    ';',    '=', '@', '[', ']', '{',
                                     '}',  '\x7f', '\x80', '\xff', 'a', 'Z', '0', '9'};
        const std::size_t at = below(text.size() + 1);
        switch (below(5)) {
        case 0:
            text.insert(at, 1, awkward[below(awkward.size())]);
            break;
        case 1:
            text.erase(at, 1 + below(3));
            break;
        case 2:
            text.insert(at, text.substr(below(text.size() + 1), below(20)));
            break;
        case 3:
            text.resize(at);
            break;
        default:
            if (at < text.size()) {
                text[at] = awkward[below(awkward.size())];
            }
        }
    }

  private:
    std::mt19937_64 random_;
};

} // namespace millrace::http::test
