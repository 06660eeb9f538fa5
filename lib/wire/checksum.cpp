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
        total = detail::add_with_carry(total, word);
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

/// A lane of 32 bits holds 32,767 sums of two signed words; this stays below that.
constexpr std::size_t vector_bytes_max = std::size_t{16} * 16'384;

/// Words summed in four signed lanes. The instruction that adds pairs of 16-bit words takes them as
/// signed, so each is first made smaller by 2^15 (its sign bit turned over), which `total` makes
/// good.
class Lanes {
  public:
    void add(__m128i words) {
        const __m128i ones = _mm_set1_epi16(1);
        const __m128i sign_bits = _mm_set1_epi16(INT16_MIN);
        sums_ = _mm_add_epi32(sums_, _mm_madd_epi16(_mm_xor_si128(words, sign_bits), ones));
    }

    void add(const Lanes& other) { sums_ = _mm_add_epi32(sums_, other.sums_); }

    /// The sum of the words in `length_bytes` bytes.
    [[nodiscard]] std::uint64_t total(std::size_t length_bytes) const {
        alignas(16) std::int32_t lane[4];
        _mm_store_si128(reinterpret_cast<__m128i*>(lane), sums_);
        const std::int64_t sum = std::int64_t{lane[0]} + lane[1] + std::int64_t{lane[2]} + lane[3];
        return static_cast<std::uint64_t>(sum) + length_bytes / 2 * 0x8000U;
    }

  private:
    __m128i sums_ = _mm_setzero_si128();
};

__m128i load_block(const std::byte* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

/// The sum of whole 16-byte blocks; `length` is a multiple of 16, at most `vector_bytes_max`.
template <class Sink>
std::uint64_t sum_blocks(const std::byte* bytes, std::size_t length, Sink& sink) {
    Lanes even;
    Lanes odd;
    const std::byte* const end = bytes + length;
    for (const std::byte* const fours = bytes + length / 64 * 64; bytes != fours; bytes += 64) {
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
    for (; bytes != end; bytes += 16) {
        const __m128i words = load_block(bytes);
        sink(words);
        even.add(words);
    }
    even.add(odd);
    return even.total(length);
}

template <class Sink>
ChecksumSum sum_with(std::span<const std::byte> bytes, Sink sink) {
    std::uint64_t total = 0;
    while (bytes.size() >= vector_bytes_min) {
        const std::size_t blocks = std::min(bytes.size(), vector_bytes_max) / 16 * 16;
        total += sum_blocks(bytes.data(), blocks, sink); // Below 2^33 each.
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
