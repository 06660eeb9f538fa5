#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>
#include <string_view>

/// Sixteen bytes at a time over a head. Every function here takes `end`, the end of a
/// buffer in which at least 16 bytes precede it; no byte at or past `end` is ever read.
namespace millrace::http::scan {

/// The load that is nearest to the end of the buffer, moved down by 16 - n bytes and filled with
/// zeros, when this is added to it: row 16 - n of a byte shuffle.
inline constexpr auto shift_down = [] {
    std::array<std::uint8_t, 32> rows{};
    for (std::size_t i = 0; i < 32; ++i) {
        rows[i] = i < 16 ? static_cast<std::uint8_t>(i) : 0x80;
    }
    return rows;
}();

inline __m128i load_unaligned(const void* at) {
    __m128i bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

/// The 16 bytes at `at`, with zeros in place of those at or past `end`.
inline __m128i load_16(const char* at, const char* end) {
    const std::ptrdiff_t available = end - at;
    if (available >= 16) [[likely]] {
        return load_unaligned(at);
    }
    return _mm_shuffle_epi8(load_unaligned(end - 16),
                            load_unaligned(shift_down.data() + (16 - available)));
}

/// The same for who loads often: it takes a register for the last place to load from, and two
/// instructions less each time.
inline __m128i load_16_in_loop(const char* at, const char* end) {
    return at <= end - 16 ? load_unaligned(at) : load_16(at, end);
}

/// The lowest bit that is set; there is one.
inline unsigned first_bit(unsigned bits) {
    return static_cast<unsigned>(std::countr_zero(bits));
}

/// A set of ASCII characters as two table look-ups by nibble: a byte is in the set when the row of
/// its low nibble has the bit of its high nibble. Bytes from 0x80 are in no set.
class CharSet {
  public:
    template <class Predicate>
    constexpr explicit CharSet(Predicate contains) {
        for (unsigned c = 0; c < 0x80; ++c) {
            if (contains(static_cast<char>(c))) {
                rows_[c & 15] = static_cast<std::uint8_t>(rows_[c & 15] | (1U << (c >> 4)));
            }
        }
    }

    [[nodiscard]] constexpr bool contains(char c) const {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x80 && ((rows_[byte & 15] >> (byte >> 4)) & 1U) != 0;
    }

    /// Bit i is set when byte i of `bytes` is not in the set.
    [[nodiscard]] unsigned outside(__m128i bytes) const {
        const __m128i bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
        const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
        const __m128i hit = _mm_and_si128(_mm_shuffle_epi8(load_unaligned(rows_.data()), bytes),
                                          _mm_shuffle_epi8(bits, high));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128())));
    }

  private:
    std::array<std::uint8_t, 16> rows_{};
};

constexpr bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// RFC 9110 §5.6.2.
inline constexpr CharSet token_chars{[](char c) {
    return is_alphanumeric(c) ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}};

/// What a registered name or an IPv4 address is made of, percent-encoding aside (RFC 3986 §3.2.2).
inline constexpr CharSet plain_host_chars{[](char c) {
    return is_alphanumeric(c) ||
           std::string_view{"-._~!$&'()*+,;="}.find(c) != std::string_view::npos;
}};

/// A set of characters as at most eight ranges, which SSE4.2 compares 16 bytes with at once. NUL is
/// in no set.
class CharRanges {
  public:
    /// The first and the last of each range.
    template <std::size_t N>
    constexpr explicit CharRanges(const char (&ranges)[N]) {
        static_assert(N % 2 == 1 && N - 1 <= 16);
        for (std::size_t i = 0; i < N - 1; ++i) {
            ranges_[i] = ranges[i];
        }
    }

    [[nodiscard]] constexpr bool contains(char c) const {
        bool found = false;
        for (std::size_t i = 0; i < ranges_.size(); i += 2) {
            found |= c != 0 && ranges_[i] <= c && c <= ranges_[i + 1];
        }
        return found;
    }

    /// How many bytes are in the set before the first that is not; 16 when all are.
    [[nodiscard]] unsigned length_in(__m128i bytes) const {
        constexpr int first_outside =
            _SIDD_UBYTE_OPS | _SIDD_CMP_RANGES | _SIDD_NEGATIVE_POLARITY | _SIDD_LEAST_SIGNIFICANT;
        return static_cast<unsigned>(
            _mm_cmpistri(load_unaligned(ranges_.data()), bytes, first_outside));
    }

  private:
    std::array<char, 16> ranges_{};
};

/// The token characters but for `~`, which would be a ninth range.
inline constexpr CharRanges plain_name_chars{"!!#'*+-.09AZ^z||"};
static_assert([] {
    bool are_the_same = true;
    for (char c = 0; c < 0x7f; ++c) {
        are_the_same &= plain_name_chars.contains(c) == (token_chars.contains(c) && c != '~');
    }
    return are_the_same;
}());

inline constexpr CharRanges printable_chars{" ~"};

/// The first byte at or after `at` that is not in the set; `end` when there is none. `front` are
/// the 16 bytes at `at`.
inline const char* skip(const CharRanges& set, __m128i front, const char* at, const char* end) {
    for (;;) {
        if (const unsigned length = set.length_in(front); length < 16) {
            return at + length;
        }
        at += 16;
        front = load_16_in_loop(at, end);
    }
}
inline const char* skip(const CharRanges& set, const char* at, const char* end) {
    return skip(set, load_16_in_loop(at, end), at, end);
}

/// The first byte at or after `at` that is not in the set; `end` when there is none.
inline const char* skip(const CharSet& set, const char* at, const char* end) {
    for (;;) {
        if (const unsigned stops = set.outside(load_16(at, end)); stops != 0) [[likely]] {
            return at + first_bit(stops);
        }
        at += 16;
    }
}

/// The first byte at or after `at` that is not a visible ASCII character; `end` when there is none.
inline const char* skip_visible(const char* at, const char* end) {
    for (;;) {
        const __m128i bytes = load_16(at, end);
        // Signed, so that bytes from 0x80 count as below the space.
        const __m128i at_most_space = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), bytes);
        const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        const auto stops =
            static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(at_most_space, del)));
        if (stops != 0) [[likely]] {
            return at + first_bit(stops);
        }
        at += 16;
    }
}

/// The first byte at or after `at` that cannot be in a field value (RFC 9110 §5.5): a control
/// character other than the tab. `end` when there is none.
inline const char* skip_field_value(const char* at, const char* end) {
    for (;;) {
        const __m128i bytes = load_16(at, end);
        const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        const auto stops = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, del)));
        if (stops == 0) {
            at += 16;
            continue;
        }
        at += first_bit(stops);
        if (at == end || *at != '\t') [[likely]] {
            return at;
        }
        ++at;
    }
}

template <class Word>
Word load_word(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

} // namespace millrace::http::scan
