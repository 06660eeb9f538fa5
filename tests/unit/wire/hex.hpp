#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
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

/// Calls `check` with the first n bytes for every n from none to all, each time in memory of its
/// own that ends with them, so that the address sanitizer sees a read past the end.
template <class Check>
void at_every_length(std::span<const std::byte> bytes, Check check) {
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
        const auto exact = std::make_unique<std::byte[]>(length);
        std::copy_n(bytes.begin(), length, exact.get());
        check(std::span<const std::byte>{exact.get(), length});
    }
}

} // namespace millrace::wire
