#pragma once

#include "base/big_endian.hpp"
#include "wire/drop.hpp"
#include "wire/seq_num.hpp"
#include "wire/view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::wire {

namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01;
inline constexpr std::uint8_t syn = 0x02;
inline constexpr std::uint8_t rst = 0x04;
inline constexpr std::uint8_t psh = 0x08;
inline constexpr std::uint8_t ack = 0x10;
inline constexpr std::uint8_t urg = 0x20;
inline constexpr std::uint8_t ece = 0x40;
inline constexpr std::uint8_t cwr = 0x80;
} // namespace tcp_flag

namespace tcp_option {
inline constexpr std::uint8_t end = 0;
inline constexpr std::uint8_t nop = 1;
inline constexpr std::uint8_t mss = 2;
inline constexpr std::uint8_t window_scale = 3;
inline constexpr std::uint8_t sack_permitted = 4;
inline constexpr std::uint8_t sack = 5;
inline constexpr std::uint8_t timestamps = 8;
inline constexpr std::uint8_t user_timeout = 28;
inline constexpr std::uint8_t fast_open = 34;
} // namespace tcp_option

inline constexpr std::size_t tcp_header_bytes_min = 20;
inline constexpr std::size_t tcp_header_bytes_max = 60;
inline constexpr std::size_t tcp_options_bytes_max = tcp_header_bytes_max - tcp_header_bytes_min;

/// The TCP header as it lies in a packet (RFC 9293 §3.1).
struct TcpHeader {
    BigEndian<std::uint16_t> source_port;
    BigEndian<std::uint16_t> destination_port;
    BigEndian<std::uint32_t> seq;
    BigEndian<std::uint32_t> ack;
    std::uint8_t data_offset; ///< In 32-bit words, in the upper four bits.
    std::uint8_t flags;
    BigEndian<std::uint16_t> window;
    BigEndian<std::uint16_t> checksum;
    BigEndian<std::uint16_t> urgent_pointer;
};
static_assert(sizeof(TcpHeader) == tcp_header_bytes_min);

/// A run of received bytes beyond the cumulative acknowledgement: from `left` up to, not including,
/// `right` (RFC 2018 §3).
struct SackBlock {
    SeqNum left;
    SeqNum right;

    [[nodiscard]] friend constexpr bool operator==(const SackBlock&, const SackBlock&) = default;
};

/// The options of one segment. A value means something only where its `has_` is true (SACK blocks:
/// the first `sack_count`); after parsing, the others hold what they held before.
struct TcpOptions {
    bool has_mss = false;
    bool has_window_scale = false;
    bool sack_permitted = false;
    bool has_timestamps = false;
    bool has_user_timeout = false;
    bool has_fast_open = false;
    std::uint8_t sack_count = 0;

    std::uint8_t window_scale = 0;    ///< Shift count as it was sent; RFC 7323 §2.3 uses at most 14.
    std::uint16_t mss = 0;            ///< Bytes.
    std::uint32_t ts_val = 0;         ///< RFC 7323 §3.2.
    std::uint32_t ts_ecr = 0;
    std::uint32_t user_timeout_s = 0; ///< RFC 5482.
    std::array<SackBlock, 4> sack{};
    /// RFC 7413 §4.1.1; empty asks for a cookie. After parsing it points into the packet.
    std::span<const std::byte> fast_open_cookie{};
};

/// A segment as the engine sees it. `payload` points into the packet.
struct TcpSegment {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    SeqNum seq;
    SeqNum ack;
    std::uint8_t flags = 0;
    std::uint16_t window = 0; ///< As it was sent, before scaling.
    std::uint16_t urgent_pointer = 0;
    TcpOptions options;
    std::span<const std::byte> payload{};

    /// True when one of the flags is set.
    [[nodiscard]] constexpr bool has(std::uint8_t flag) const { return (flags & flag) != 0; }

    /// SEG.LEN: the sequence space the segment takes, SYN and FIN counted (RFC 9293 §3.4).
    [[nodiscard]] constexpr std::uint32_t sequence_length() const {
        return static_cast<std::uint32_t>(payload.size()) + (has(tcp_flag::syn) ? 1U : 0U) +
               (has(tcp_flag::fin) ? 1U : 0U);
    }
};

/// Reads the segment that fills `bytes`: TCP header to the end of the IP payload, whose checksum has
/// been or will be verified elsewhere. The result points into `bytes`. Returns `tcp_too_short`,
/// `tcp_bad_offset`, `tcp_bad_flags` (SYN with FIN or RST; none of SYN, ACK, FIN, RST) or
/// `tcp_bad_options`; then `out` means nothing. Unknown options are skipped (RFC 9293 MUST-6).
Drop parse_tcp(std::span<const std::byte> bytes, TcpSegment& out);

/// Bytes that `write_tcp` will use for these options, padding included: a multiple of four, at most
/// 40. What does not fit any more is left out, in this order: user timeout, Fast Open, SACK blocks
/// from the last.
[[nodiscard]] std::size_t tcp_options_length(const TcpOptions& options);

/// Writes the header with its options at `out`, which has room for 20 + `tcp_options_length`, and
/// returns its length. The checksum is zero and the payload is not written: see wire/checksum.hpp.
std::size_t write_tcp(std::byte* out, const TcpSegment& segment);

} // namespace millrace::wire
