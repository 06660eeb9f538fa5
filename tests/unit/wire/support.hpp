#pragma once

#include "wire/drop.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::wire {

/// Bytes from pairs of hex digits; spaces between pairs do not matter.
inline std::vector<std::byte> hex(std::string_view text) {
    const auto digit = [](char c) {
        return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    };
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] != ' ') {
            bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
            ++i;
        }
    }
    return bytes;
}

inline std::vector<std::byte> random_bytes(std::mt19937_64& random, std::size_t count) {
    std::vector<std::byte> bytes(count);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random()); });
    return bytes;
}

inline std::vector<std::byte> copy_of(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
}

/// What GoogleTest prints of a drop.
inline void PrintTo(Drop drop, std::ostream* out) {
    *out << name(drop);
}

/// Calls `check` with the first n bytes for every n from none to all, each time in memory of its
/// own that ends with them, so that the address sanitizer sees a read past the end.
template <class Check>
void at_every_length(std::span<const std::byte> bytes, Check check) {
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
        const std::vector<std::byte> exact = copy_of(bytes.first(length));
        check(std::span<const std::byte>{exact});
    }
}

} // namespace millrace::wire
