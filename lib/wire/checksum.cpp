#include "wire/checksum.hpp"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace::wire {
namespace {

/// What is done with the bytes besides summing them.
struct Ignore {
    template <class Word>
    void operator()(const Word& /*word*/) {}
};

/// Writes back what was loaded, so that a copy costs no second pass.
struct Store {
    std::byte* out;

    template <class Word>
    void operator()(const Word& word) {
        std::memcpy(out, &word, sizeof word);
        out += sizeof word;
    }

#if defined(__SSE2__)
    void operator()(const __m128i& block) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out), block);
        out += sizeof block;
    }
#endif
};

constexpr std::uint64_t fold_to_33_bits(std::uint64_t value) {
    return (value >> 32) + (value & 0xffff'ffffU);
}

template <class Word>
Word load(const std::byte* bytes) {
    Word word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

/// Any length, 8 bytes a step: the carry out of 64 bits is worth one (2^64 - 1 divides by 2^16 -
/// 1).
template <class Sink>
std::uint64_t sum_scalar(const std::byte* bytes, std::size_t length, Sink& sink) {
    std::uint64_t total = 0;
    for (; length >= 8; bytes += 8, length -= 8) {
        const auto word = load<std::uint64_t>(bytes);
        sink(word);
        total += word;
        total += total < word ? 1U : 0U;
    }
    total = fold_to_33_bits(total);
    if (length >= 4) {
        const auto word = load<std::uint32_t>(bytes);
        sink(word);
        total += word;
        bytes += 4;
        length -= 4;
    }
    if (length >= 2) {
        const auto word = load<std::uint16_t>(bytes);
        sink(word);
        total += word;
        bytes += 2;
        length -= 2;
    }
    if (length == 1) {
        const std::byte last[2] = {*bytes, std::byte{0}};
        sink(*bytes);
        total += load<std::uint16_t>(last);
    }
    return total;
}

#if defined(__SSE2__)

/// Below this the vector's set-up costs more than it saves.
constexpr std::size_t vector_bytes_min = 96;

/// Keeps each 32-bit lane of high halves exact: 65,536 additions of at most 2^16 - 1.
constexpr std::size_t vector_bytes_max = std::size_t{65'536} * 16;

__m128i load_block(const std::byte* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

/// Lanes of 32 bits. `whole` sums full words and may wrap; `high` sums their upper halves and may
/// not, so the sum of the lower halves is what `whole` has beyond `high` << 16, exactly. That is
/// two additions and one shift for 16 bytes, without unpacking.
struct Lanes {
    __m128i whole = _mm_setzero_si128();
    __m128i high = _mm_setzero_si128();

    void add(__m128i words) {
        whole = _mm_add_epi32(whole, words);
        high = _mm_add_epi32(high, _mm_srli_epi32(words, 16));
    }

    void add(const Lanes& other) {
        whole = _mm_add_epi32(whole, other.whole);
        high = _mm_add_epi32(high, other.high);
    }

    [[nodiscard]] std::uint64_t total() const {
        const __m128i low = _mm_sub_epi32(whole, _mm_slli_epi32(high, 16));
        const __m128i zero = _mm_setzero_si128();
        const __m128i lows =
            _mm_add_epi64(_mm_unpacklo_epi32(low, zero), _mm_unpackhi_epi32(low, zero));
        const __m128i highs =
            _mm_add_epi64(_mm_unpacklo_epi32(high, zero), _mm_unpackhi_epi32(high, zero));
        const __m128i both = _mm_add_epi64(lows, highs);
        const __m128i upper = _mm_unpackhi_epi64(both, both);
        return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(both, upper)));
    }
};

/// The sum of whole 16-byte blocks; `length` is a multiple of 16, at most `vector_bytes_max`.
template <class Sink>
std::uint64_t sum_blocks(const std::byte* bytes, std::size_t length, Sink& sink) {
    Lanes even;
    Lanes odd;
    for (; length >= 64; bytes += 64, length -= 64) {
        const __m128i a = load_block(bytes);
        const __m128i b = load_block(bytes + 16);
        const __m128i c = load_block(bytes + 32);
        const __m128i d = load_block(bytes + 48);
        sink(a);
        sink(b);
        sink(c);
        sink(d);
        even.add(a);
        odd.add(b);
        even.add(c);
        odd.add(d);
    }
    for (; length >= 16; bytes += 16, length -= 16) {
        const __m128i words = load_block(bytes);
        sink(words);
        even.add(words);
    }
    even.add(odd);
    return even.total();
}

template <class Sink>
ChecksumSum sum_with(std::span<const std::byte> bytes, Sink sink) {
    std::uint64_t total = 0;
    while (bytes.size() >= vector_bytes_min) {
        const std::size_t blocks = std::min(bytes.size(), vector_bytes_max) / 16 * 16;
        total += fold_to_33_bits(sum_blocks(bytes.data(), blocks, sink));
        bytes = bytes.subspan(blocks);
    }
    total += sum_scalar(bytes.data(), bytes.size(), sink);
    return {fold_to_33_bits(total)};
}

#else

template <class Sink>
ChecksumSum sum_with(std::span<const std::byte> bytes, Sink sink) {
    return {fold_to_33_bits(sum_scalar(bytes.data(), bytes.size(), sink))};
}

#endif

} // namespace

ChecksumSum sum(std::span<const std::byte> bytes) {
    return sum_with(bytes, Ignore{});
}

ChecksumSum sum_and_copy(std::byte* out, std::span<const std::byte> bytes) {
    return sum_with(bytes, Store{out});
}

} // namespace millrace::wire
