#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

/// A stream for tests and measurements: byte n is n modulo 251, so that whoever receives it can
/// tell a byte that is missing from one that is wrong.
namespace millrace::pattern {

inline constexpr std::uint32_t period = 251;

/// What one `piece` has at most.
inline constexpr std::uint32_t piece_bytes_max = period * 255;

namespace detail {

/// One period more than a piece has, so that a piece can begin anywhere.
inline constexpr auto bytes = [] {
    std::array<std::byte, piece_bytes_max + period> result{};
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = static_cast<std::byte>(i % period);
    }
    return result;
}();

} // namespace detail

/// The stream from byte `position` on, `length` bytes of it or as many as a piece has.
[[nodiscard]] inline std::span<const std::byte> piece(std::uint64_t position,
                                                      std::uint64_t length) {
    return std::span{detail::bytes}.subspan(position % period,
                                            std::min<std::uint64_t>(length, piece_bytes_max));
}

/// Whether `text` is what the stream has at `position`.
[[nodiscard]] inline bool matches(std::uint64_t position, std::span<const std::byte> text) {
    while (!text.empty()) {
        const std::span<const std::byte> wanted = piece(position, text.size());
        if (std::memcmp(text.data(), wanted.data(), wanted.size()) != 0) {
            return false;
        }
        position += wanted.size();
        text = text.subspan(wanted.size());
    }
    return true;
}

} // namespace millrace::pattern
