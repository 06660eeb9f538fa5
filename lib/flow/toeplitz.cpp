#include "flow/toeplitz.hpp"

#include "base/assert.hpp"

namespace millrace::flow {

namespace {

/// The 32 bits of the key that begin with its bit `first`.
std::uint32_t window(std::span<const std::uint8_t> key, std::size_t first) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < 5; ++i) {
        const std::size_t at = first / 8 + i;
        bytes = bytes << 8 | (at < key.size() ? key[at] : 0U);
    }
    return static_cast<std::uint32_t>(bytes >> (8 - first % 8));
}

/// What one input byte contributes.
std::uint32_t contribution(std::span<const std::uint8_t> key, std::size_t position, unsigned byte) {
    std::uint32_t result = 0;
    for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((byte & 0x80U >> bit) != 0) {
            result ^= window(key, 8 * position + bit);
        }
    }
    return result;
}

} // namespace

std::uint32_t toeplitz_by_definition(std::span<const std::uint8_t> key,
                                     std::span<const std::uint8_t> input) {
    MILLRACE_ASSERT(key.size() >= input.size() + 4);
    std::uint32_t result = 0;
    for (std::size_t i = 0; i < input.size(); ++i) {
        result ^= contribution(key, i, input[i]);
    }
    return result;
}

Toeplitz::Toeplitz(std::span<const std::uint8_t> key) : rows_(input_length_most) {
    MILLRACE_ASSERT(key.size() >= key_length_least);
    for (std::size_t position = 0; position < rows_.size(); ++position) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            rows_[position][byte] = contribution(key, position, byte);
        }
    }
}

} // namespace millrace::flow
