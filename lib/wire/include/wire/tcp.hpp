#pragma once

#include "base/big_endian.hpp"
#include "wire/drop.hpp"
#include "wire/ip.hpp"
#include "wire/seq_num.hpp"
#include "wire/view.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

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
    // One byte, all of it named: cleared by one store, and "none of these" is one comparison.
    bool has_mss : 1 = false;
    bool has_window_scale : 1 = false;
    bool sack_permitted : 1 = false;
    bool has_timestamps : 1 = false;
    bool has_user_timeout : 1 = false;
    bool has_fast_open : 1 = false;
    bool reserved_6 : 1 = false;
    bool reserved_7 : 1 = false;
    std::uint8_t sack_count = 0;

    std::uint8_t window_scale = 0; ///< Shift count as it was sent; RFC 7323 §2.3 uses at most 14.
    std::uint16_t mss = 536;  ///< Bytes; without the option, IPv4's default (RFC 9293 §3.7.1).
    std::uint32_t ts_val = 0; ///< RFC 7323 §3.2.
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
    Ecn ecn = Ecn::not_capable; ///< Of the IP header around it, and neither read nor written here.
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

/// True for flags that no honest peer sends: SYN with FIN or RST; none of SYN, ACK, FIN and RST.
[[nodiscard]] constexpr bool tcp_flags_contradict(std::uint8_t flags) {
    using namespace tcp_flag;
    const bool syn_and_end = (flags & syn) != 0 && (flags & (fin | rst)) != 0;
    return syn_and_end || (flags & (syn | ack | fin | rst)) == 0;
}

/// Reads the options that fill `bytes`, up to 40. Returns `tcp_bad_options` for a length of 0 or 1,
/// one that overruns, or one that is wrong for a known kind; then `out` means nothing. Unknown
/// kinds, and a Fast Open cookie of a wrong length (RFC 7413 §4.1.1), are skipped.
inline Drop parse_tcp_options(std::span<const std::byte> bytes, TcpOptions& out);

/// Reads the segment that fills `bytes`: TCP header to the end of the IP payload, whose checksum
/// has been or will be verified elsewhere. The result points into `bytes`. Returns `tcp_too_short`,
/// `tcp_bad_offset`, `tcp_bad_flags` or `tcp_bad_options`; then `out` means nothing.
inline Drop parse_tcp(std::span<const std::byte> bytes, TcpSegment& out);

/// Bytes that `write_tcp` will use for these options, padding included: a multiple of four, at most
/// 40. What does not fit any more is left out, in this order: user timeout, Fast Open, SACK blocks
/// from the last.
[[nodiscard]] inline std::size_t tcp_options_length(const TcpOptions& options);

/// Writes the header with its options at `out`, which has room for 20 + `tcp_options_length`, and
/// returns its length. The checksum is zero and the payload is not written: see wire/checksum.hpp.
inline std::size_t write_tcp(std::byte* out, const TcpSegment& segment);

namespace detail {

/// NOP, NOP, timestamps of ten bytes: what nearly every segment after the SYN begins its options
/// with (RFC 7323 appendix A).
inline constexpr std::array<std::uint8_t, 4> tcp_timestamps_lead{tcp_option::nop, tcp_option::nop,
                                                                 tcp_option::timestamps, 10};
inline constexpr std::size_t tcp_timestamps_bytes = 12;

/// `tcp_flags_contradict` for every value of the low six flags, a bit for each.
inline constexpr std::uint64_t tcp_contradictions = [] {
    std::uint64_t bits = 0;
    for (unsigned flags = 0; flags < 64; ++flags) {
        const bool contradict = tcp_flags_contradict(static_cast<std::uint8_t>(flags));
        bits |= std::uint64_t{contradict} << flags;
    }
    return bits;
}();

/// The byte of presence bits, which compilers do not look at as a whole of their own accord.
[[nodiscard]] inline std::uint8_t presence_bits(const TcpOptions& options) {
    static_assert(std::is_standard_layout_v<TcpOptions>);
    static_assert(offsetof(TcpOptions, sack_count) == 1);
    std::uint8_t bits = 0;
    std::memcpy(&bits, &options, sizeof bits);
    return bits;
}

/// `TcpOptions` without anything but, perhaps, timestamps.
[[nodiscard]] inline bool only_timestamps(const TcpOptions& options) {
    const TcpOptions timestamps{.has_timestamps = true};
    const unsigned others = presence_bits(options) & ~unsigned{presence_bits(timestamps)};
    return others == 0 && options.sack_count == 0;
}

/// Forgets what was present, all but perhaps timestamps.
inline void reset_tcp_options(TcpOptions& options, bool has_timestamps) {
    options.has_mss = options.has_window_scale = options.sack_permitted = false;
    options.has_timestamps = has_timestamps;
    options.has_user_timeout = options.has_fast_open = false;
    options.reserved_6 = options.reserved_7 = false;
    options.sack_count = 0;
}

/// The fields of the fixed header but the checksum.
inline void read_tcp_header(const TcpHeader& header, TcpSegment& out) {
#if defined(__SSSE3__)
    // The segment begins with the header's fields in the header's order, but for the byte order
    // (and the data offset, which falls into the padding behind the flags): one shuffle reads them
    // all.
    static_assert(std::endian::native == std::endian::little);
    static_assert(offsetof(TcpSegment, source_port) == 0 &&
                  offsetof(TcpSegment, destination_port) == 2 && offsetof(TcpSegment, seq) == 4 &&
                  offsetof(TcpSegment, ack) == 8 && offsetof(TcpSegment, flags) == 12 &&
                  offsetof(TcpSegment, window) == 14);
    const __m128i order = _mm_setr_epi8(1, 0, 3, 2, 7, 6, 5, 4, 11, 10, 9, 8, 13, -1, 15, 14);
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&header));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(&out), _mm_shuffle_epi8(bytes, order));
#else
    out.source_port = header.source_port;
    out.destination_port = header.destination_port;
    out.seq = SeqNum{header.seq};
    out.ack = SeqNum{header.ack};
    out.flags = header.flags;
    out.window = header.window;
#endif
    out.urgent_pointer = header.urgent_pointer;
}

inline void write_tcp_timestamps(std::byte* out, const TcpOptions& options) {
    const BigEndian<std::uint32_t> ts_val{options.ts_val};
    const BigEndian<std::uint32_t> ts_ecr{options.ts_ecr};
    std::memcpy(out, tcp_timestamps_lead.data(), 4);
    std::memcpy(out + 4, &ts_val, 4);
    std::memcpy(out + 8, &ts_ecr, 4);
}

/// Any options at all; nothing has been read into `out` that these do not add to.
Drop parse_tcp_options_general(std::span<const std::byte> bytes, TcpOptions& out);
std::size_t tcp_options_length_general(const TcpOptions& options);
std::size_t write_tcp_options_general(std::byte* out, const TcpOptions& options);

} // namespace detail

inline Drop parse_tcp_options(std::span<const std::byte> bytes, TcpOptions& out) {
    if (bytes.size() < detail::tcp_timestamps_bytes ||
        std::memcmp(bytes.data(), detail::tcp_timestamps_lead.data(), 4) != 0) {
        detail::reset_tcp_options(out, false);
        return bytes.empty() ? Drop::none : detail::parse_tcp_options_general(bytes, out);
    }
    detail::reset_tcp_options(out, true);
    out.ts_val = header_at<BigEndian<std::uint32_t>>(bytes.data() + 4);
    out.ts_ecr = header_at<BigEndian<std::uint32_t>>(bytes.data() + 8);
    bytes = bytes.subspan(detail::tcp_timestamps_bytes);
    return bytes.empty() ? Drop::none : detail::parse_tcp_options_general(bytes, out);
}

inline Drop parse_tcp(std::span<const std::byte> bytes, TcpSegment& out) {
    if (bytes.size() < tcp_header_bytes_min) [[unlikely]] {
        return Drop::tcp_too_short;
    }
    const auto& header = header_at<TcpHeader>(bytes.data());
    const std::size_t header_bytes = std::size_t{header.data_offset} / 16 * 4;
    if (header_bytes < tcp_header_bytes_min || header_bytes > bytes.size()) [[unlikely]] {
        return Drop::tcp_bad_offset;
    }
    if ((detail::tcp_contradictions >> (header.flags & 0x3fU) & 1U) != 0) [[unlikely]] {
        return Drop::tcp_bad_flags;
    }
    detail::read_tcp_header(header, out);
    out.payload = bytes.subspan(header_bytes);
    return parse_tcp_options(bytes.first(header_bytes).subspan(tcp_header_bytes_min), out.options);
}

inline std::size_t tcp_options_length(const TcpOptions& options) {
    if (detail::only_timestamps(options)) {
        return options.has_timestamps ? detail::tcp_timestamps_bytes : 0;
    }
    return detail::tcp_options_length_general(options);
}

inline std::size_t write_tcp(std::byte* out, const TcpSegment& segment) {
    std::byte* const options = out + tcp_header_bytes_min;
    std::size_t length = tcp_header_bytes_min;
    if (!detail::only_timestamps(segment.options)) {
        length += detail::write_tcp_options_general(options, segment.options);
    } else if (segment.options.has_timestamps) {
        detail::write_tcp_timestamps(options, segment.options);
        length += detail::tcp_timestamps_bytes;
    }
    header_at<TcpHeader>(out) = {
        .source_port = segment.source_port,
        .destination_port = segment.destination_port,
        .seq = segment.seq.value(),
        .ack = segment.ack.value(),
        .data_offset = static_cast<std::uint8_t>(length / 4 * 16),
        .flags = segment.flags,
        .window = segment.window,
        .checksum = std::uint16_t{0},
        .urgent_pointer = segment.urgent_pointer,
    };
    return length;
}

} // namespace millrace::wire
