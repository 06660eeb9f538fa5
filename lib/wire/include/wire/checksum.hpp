#pragma once

#include "wire/address.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::wire {

/// An Internet checksum under way: a one's complement sum of 16-bit words, taken as they lie in
/// memory (RFC 1071 §2 (B): the order of bytes does not matter until the end) and not yet folded.
/// Each sum that a function here returns is below 2^34, so a billion of them add up without
/// overflow.
struct ChecksumSum {
    std::uint64_t value = 0;

    constexpr ChecksumSum& operator+=(ChecksumSum other) {
        value += other.value;
        return *this;
    }
    [[nodiscard]] friend constexpr ChecksumSum operator+(ChecksumSum a, ChecksumSum b) {
        return a += b;
    }
};

namespace detail {

/// Between a number and the word that stands for it in memory, either way.
[[nodiscard]] constexpr std::uint16_t memory_order(std::uint16_t value) {
    return std::endian::native == std::endian::big ? value : __builtin_bswap16(value);
}
[[nodiscard]] constexpr std::uint32_t memory_order(std::uint32_t value) {
    return std::endian::native == std::endian::big ? value : __builtin_bswap32(value);
}

/// Folds to 16 bits, still in memory order. A number added to itself with its halves exchanged has
/// the halves' sum, end-around carry included, in its upper half.
[[nodiscard]] constexpr std::uint16_t fold_words(std::uint64_t value) {
    const auto half = static_cast<std::uint32_t>((value + std::rotl(value, 32)) >> 32);
    return static_cast<std::uint16_t>((half + std::rotl(half, 16)) >> 16);
}

/// One addition with end-around carry.
[[nodiscard]] constexpr std::uint64_t add_with_carry(std::uint64_t a, std::uint64_t b) {
    a += b;
    return a + (a < b ? 1U : 0U);
}

} // namespace detail

/// The sum as the number that a header field holds when it is not complemented: what a port that
/// finishes the checksum itself wants to find there (the pseudo-header's sum).
[[nodiscard]] constexpr std::uint16_t fold(ChecksumSum sum) {
    return detail::memory_order(detail::fold_words(sum.value));
}

/// The checksum to store: the complement of the folded sum.
[[nodiscard]] constexpr std::uint16_t finish(ChecksumSum sum) {
    return static_cast<std::uint16_t>(~unsigned{fold(sum)});
}

/// The same for UDP, where a result of zero is stored as 0xffff, because 0 says "none" (RFC 768).
[[nodiscard]] constexpr std::uint16_t finish_udp(ChecksumSum sum) {
    const std::uint16_t checksum = finish(sum);
    return checksum == 0 ? std::uint16_t{0xffff} : checksum;
}

/// True when a sum that took in the checksum field, and the pseudo-header where there is one, says
/// that nothing has changed.
[[nodiscard]] constexpr bool is_intact(ChecksumSum sum) {
    return detail::fold_words(sum.value) == 0xffff;
}

/// The sum of one 16-bit (32-bit) field given as a number.
[[nodiscard]] constexpr ChecksumSum sum_of(std::uint16_t value) {
    return {detail::memory_order(value)};
}
[[nodiscard]] constexpr ChecksumSum sum_of(std::uint32_t value) {
    return {detail::memory_order(value)};
}

/// The sum of `bytes`, of any length and alignment; an odd last byte is padded with a zero.
[[nodiscard]] ChecksumSum sum(std::span<const std::byte> bytes);

/// Copies `bytes` to `out`, which does not overlap them, and returns their sum.
ChecksumSum sum_and_copy(std::byte* out, std::span<const std::byte> bytes);

/// The sum of pieces that follow one another in a packet, each of any length.
class PiecewiseSum {
  public:
    void add(std::span<const std::byte> piece) { add(wire::sum(piece), piece.size()); }

    /// As above, with the sum of `length_bytes` bytes that was taken before.
    void add(ChecksumSum piece, std::size_t length_bytes) {
        if (odd_) {
            // The piece began in the second half of a word: its bytes weigh the other way round.
            piece.value = __builtin_bswap16(detail::fold_words(piece.value));
        }
        sum_ += piece;
        odd_ = odd_ != (length_bytes % 2 != 0);
    }

    [[nodiscard]] ChecksumSum sum() const { return sum_; }

  private:
    ChecksumSum sum_;
    bool odd_ = false; ///< An odd number of bytes went in so far.
};

/// The pseudo-header's sum (RFC 9293 §3.1); `length_bytes` is the transport header's and payload's
/// together.
[[nodiscard]] inline ChecksumSum pseudo_header_sum(const Ipv4Addr& source,
                                                   const Ipv4Addr& destination,
                                                   std::uint8_t protocol,
                                                   std::uint16_t length_bytes) {
    const auto from = std::bit_cast<std::uint32_t>(source.bytes);
    const auto to = std::bit_cast<std::uint32_t>(destination.bytes);
    return ChecksumSum{std::uint64_t{from} + to} + sum_of(length_bytes) +
           sum_of(std::uint16_t{protocol});
}

/// The pseudo-header's sum (RFC 8200 §8.1). For a packet with a routing header `destination` is the
/// last one.
[[nodiscard]] inline ChecksumSum pseudo_header_sum(const Ipv6Addr& source,
                                                   const Ipv6Addr& destination,
                                                   std::uint8_t protocol,
                                                   std::uint32_t length_bytes) {
    struct Words {
        std::uint32_t word[4];
    };
    const auto from = std::bit_cast<Words>(source.bytes);
    const auto to = std::bit_cast<Words>(destination.bytes);
    std::uint64_t addresses = 0;
    for (unsigned i = 0; i < 4; ++i) {
        addresses += std::uint64_t{from.word[i]} + to.word[i];
    }
    // Ten 32-bit values: below 2^36. One fold keeps the promise that ChecksumSum makes.
    addresses = (addresses >> 32) + (addresses & 0xffff'ffffU);
    return ChecksumSum{addresses} + sum_of(length_bytes) + sum_of(std::uint16_t{protocol});
}

/// The checksum after a field that it covers has changed (RFC 1624 equation 3).
[[nodiscard]] constexpr std::uint16_t
update_checksum(std::uint16_t checksum, std::uint16_t old_field, std::uint16_t new_field) {
    const ChecksumSum without_old{std::uint64_t{0xffffU ^ checksum} + (0xffffU ^ old_field)};
    const ChecksumSum with_new = without_old + ChecksumSum{new_field};
    return static_cast<std::uint16_t>(~unsigned{detail::fold_words(with_new.value)});
}
[[nodiscard]] constexpr std::uint16_t
update_checksum(std::uint16_t checksum, std::uint32_t old_field, std::uint32_t new_field) {
    const ChecksumSum without_old{std::uint64_t{0xffffU ^ checksum} + (0xffff'ffffU ^ old_field)};
    const ChecksumSum with_new = without_old + ChecksumSum{new_field};
    return static_cast<std::uint16_t>(~unsigned{detail::fold_words(with_new.value)});
}

} // namespace millrace::wire
