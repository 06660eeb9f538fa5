#pragma once

#include "base/big_endian.hpp"
#include "wire/address.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::wire {

/// An Internet checksum under way: a one's complement sum of 16-bit words, taken as they lie in memory
/// (RFC 1071 §2 (B): the order of bytes does not matter until the end) and not yet folded. Each sum
/// that a function here returns is below 2^34, so millions of them add up without overflow.
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

/// The sum as the number that the header field holds when it is not complemented: what a port that
/// finishes the checksum wants to find there (with the pseudo-header's sum).
[[nodiscard]] constexpr std::uint16_t fold(ChecksumSum sum);

/// The checksum to store: the complement of the folded sum.
[[nodiscard]] constexpr std::uint16_t finish(ChecksumSum sum);

/// The same for UDP, where a sum of zero is stored as 0xffff, for 0 says "none" (RFC 768).
[[nodiscard]] constexpr std::uint16_t finish_udp(ChecksumSum sum);

/// True when a sum that took in the checksum field, and the pseudo-header where there is one, says
/// that nothing has changed.
[[nodiscard]] constexpr bool is_intact(ChecksumSum sum);

/// The sum of `bytes`, of any length and alignment; an odd last byte is padded with a zero.
[[nodiscard]] ChecksumSum sum(std::span<const std::byte> bytes);

/// The sum of one 16-bit (32-bit) field given as a number.
[[nodiscard]] constexpr ChecksumSum sum_of(std::uint16_t value);
[[nodiscard]] constexpr ChecksumSum sum_of(std::uint32_t value);

/// Copies `bytes` to `out`, which does not overlap them, and returns their sum.
ChecksumSum sum_and_copy(std::byte* out, std::span<const std::byte> bytes);

/// The sum of pieces that follow one another in a packet, each of any length.
class PiecewiseSum {
  public:
    void add(std::span<const std::byte> piece);
    /// As `add`, with a sum of `length` bytes that was taken before.
    void add(ChecksumSum piece, std::size_t length_bytes);
    [[nodiscard]] ChecksumSum sum() const { return sum_; }

  private:
    ChecksumSum sum_;
    bool odd_ = false; ///< The next piece begins in the second half of a word.
};

/// The pseudo-header's sum (RFC 9293 §3.1, RFC 8200 §8.1); `length_bytes` is the transport header's
/// and payload's together.
[[nodiscard]] ChecksumSum pseudo_header_sum(const Ipv4Addr& source, const Ipv4Addr& destination,
                                            std::uint8_t protocol, std::uint32_t length_bytes);
[[nodiscard]] ChecksumSum pseudo_header_sum(const Ipv6Addr& source, const Ipv6Addr& destination,
                                            std::uint8_t protocol, std::uint32_t length_bytes);

/// The checksum after a field that it covers has changed (RFC 1624 equation 3).
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t checksum,
                                                      std::uint16_t old_field,
                                                      std::uint16_t new_field);
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t checksum,
                                                      std::uint32_t old_field,
                                                      std::uint32_t new_field);

} // namespace millrace::wire
