#include "wire/tcp.hpp"

#include "captured.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t tcp_at = 34;      ///< Behind Ethernet and IPv4.
constexpr std::size_t tcp_at_ipv6 = 54; ///< Behind Ethernet and IPv6.

std::span<const std::byte> tcp_of(const Bytes& frame, std::size_t at = tcp_at) {
    return std::span{frame}.subspan(at);
}

/// A segment of port 7 to 80 with these options, padded with zeros to whole words, and this
/// payload.
Bytes segment_with(std::string_view options, std::string_view payload = "",
                   std::uint8_t flags = tcp_flag::ack) {
    Bytes bytes = hex("00 07 00 50 00 00 00 01 00 00 00 02 00 00 10 00 ab cd 00 00");
    const Bytes more = hex(options);
    bytes.insert(bytes.end(), more.begin(), more.end());
    bytes.resize((bytes.size() + 3) / 4 * 4);
    bytes[12] = static_cast<std::byte>(bytes.size() / 4 << 4);
    bytes[13] = std::byte{flags};
    const Bytes data = hex(payload);
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

TcpSegment parsed(std::span<const std::byte> bytes) {
    TcpSegment segment;
    EXPECT_EQ(parse_tcp(bytes, segment), Drop::none);
    return segment;
}

Drop drop_of(std::span<const std::byte> bytes) {
    TcpSegment segment;
    return parse_tcp(bytes, segment);
}

Drop drop_of_options(std::string_view options) {
    return drop_of(segment_with(options));
}

TEST(ParseTcp, SynOfLinux) {
    const TcpSegment syn = parsed(tcp_of(captured::tcp_syn));
    EXPECT_EQ(syn.source_port, 56916);
    EXPECT_EQ(syn.destination_port, 7);
    EXPECT_EQ(syn.seq, SeqNum{320109903});
    EXPECT_EQ(syn.ack, SeqNum{0});
    EXPECT_EQ(syn.flags, tcp_flag::syn);
    EXPECT_EQ(syn.window, 64240);
    EXPECT_EQ(syn.urgent_pointer, 0);
    EXPECT_TRUE(syn.options.has_mss);
    EXPECT_EQ(syn.options.mss, 1460);
    EXPECT_TRUE(syn.options.sack_permitted);
    EXPECT_TRUE(syn.options.has_timestamps);
    EXPECT_EQ(syn.options.ts_val, 2346207029U);
    EXPECT_EQ(syn.options.ts_ecr, 0U);
    EXPECT_TRUE(syn.options.has_window_scale);
    EXPECT_EQ(syn.options.window_scale, 10);
    EXPECT_EQ(syn.options.sack_count, 0);
    EXPECT_FALSE(syn.options.has_user_timeout);
    EXPECT_FALSE(syn.options.has_fast_open);
    EXPECT_TRUE(syn.payload.empty());
    EXPECT_EQ(syn.sequence_length(), 1U);
}

TEST(ParseTcp, DataOfLinux) {
    const auto bytes = tcp_of(captured::tcp_data);
    const TcpSegment data = parsed(bytes);
    EXPECT_EQ(data.flags, tcp_flag::psh | tcp_flag::ack);
    EXPECT_EQ(data.seq, SeqNum{320109904});
    EXPECT_EQ(data.ack, SeqNum{257869228});
    EXPECT_EQ(data.window, 63);
    EXPECT_TRUE(data.options.has_timestamps);
    EXPECT_EQ(data.options.ts_val, 2346207033U);
    EXPECT_EQ(data.options.ts_ecr, 1475643468U);
    EXPECT_FALSE(data.options.has_mss || data.options.has_window_scale ||
                 data.options.sack_permitted);
    EXPECT_EQ(data.payload.data(), bytes.data() + 32);
    EXPECT_EQ(data.payload.size(), 13U);
    EXPECT_EQ(data.sequence_length(), 13U);
}

TEST(ParseTcp, FinTakesOneNumber) {
    const TcpSegment fin = parsed(tcp_of(captured::tcp_fin));
    EXPECT_TRUE(fin.has(tcp_flag::fin));
    EXPECT_FALSE(fin.has(tcp_flag::psh));
    EXPECT_EQ(fin.sequence_length(), 1U);
    EXPECT_EQ(parsed(segment_with("", "aa bb", tcp_flag::fin | tcp_flag::ack)).sequence_length(),
              3U);
}

TEST(ParseTcp, EveryFieldAndNoOptions) {
    const auto bytes = hex("12 34 56 78 9a bc de f0 0f ed cb a9 5f f1 87 65 ff ff 43 21 de ad");
    const TcpSegment segment = parsed(bytes);
    EXPECT_EQ(segment.source_port, 0x1234);
    EXPECT_EQ(segment.destination_port, 0x5678);
    EXPECT_EQ(segment.seq.value(), 0x9abcdef0U);
    EXPECT_EQ(segment.ack.value(), 0x0fedcba9U);
    EXPECT_EQ(segment.flags, 0xf1) << "all flags but SYN, RST and PSH";
    EXPECT_EQ(segment.window, 0x8765);
    EXPECT_EQ(segment.urgent_pointer, 0x4321);
    EXPECT_EQ(copy_of(segment.payload), hex("de ad"));
}

TEST(ParseTcp, PresenceIsResetForEverySegment) {
    TcpSegment segment = parsed(segment_with("02 04 05 b4 04 02 03 03 07 1c 04 00 10 22 02 01"));
    EXPECT_TRUE(segment.options.has_mss && segment.options.has_fast_open);
    ASSERT_EQ(parse_tcp(segment_with("05 0a 00 00 00 01 00 00 00 02"), segment), Drop::none);
    EXPECT_EQ(segment.options.sack_count, 1);
    EXPECT_FALSE(segment.options.has_mss || segment.options.sack_permitted ||
                 segment.options.has_window_scale || segment.options.has_user_timeout ||
                 segment.options.has_fast_open || segment.options.has_timestamps);
    ASSERT_EQ(parse_tcp(segment_with(""), segment), Drop::none);
    EXPECT_EQ(segment.options.sack_count, 0);
}

TEST(ParseTcp, SackBlocksBehindTimestamps) {
    const TcpSegment segment = parsed(segment_with(
        "01 01 08 0a 00 00 00 09 00 00 00 08"
        "01 01 05 1a ff ff ff f0 00 00 00 10 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00"));
    EXPECT_EQ(segment.options.ts_val, 9U);
    EXPECT_EQ(segment.options.ts_ecr, 8U);
    ASSERT_EQ(segment.options.sack_count, 3);
    EXPECT_EQ(segment.options.sack[0], (SackBlock{SeqNum{0xffff'fff0}, SeqNum{0x10}}));
    EXPECT_EQ(segment.options.sack[1], (SackBlock{SeqNum{0x100}, SeqNum{0x200}}));
    EXPECT_EQ(segment.options.sack[2], (SackBlock{SeqNum{0x300}, SeqNum{0x400}}));
}

TEST(ParseTcp, FourSackBlocksAreTheMost) {
    const std::string block = "00 00 00 01 00 00 00 02";
    const std::string four = "01 01 05 22" + block + block + block + block;
    EXPECT_EQ(parsed(segment_with(four)).options.sack_count, 4);
    TcpOptions options;
    EXPECT_EQ(parse_tcp_options(hex("05 2a" + block + block + block + block + block), options),
              Drop::tcp_bad_options)
        << "more than a header can hold";
    EXPECT_EQ(drop_of_options("05 02"), Drop::tcp_bad_options);
    EXPECT_EQ(drop_of_options("05 09" + block), Drop::tcp_bad_options);
    EXPECT_EQ(drop_of_options("05 0b" + block + "00"), Drop::tcp_bad_options);
}

TEST(ParseTcp, OptionsInAnyOrder) {
    const TcpSegment segment =
        parsed(segment_with("03 03 0e 01 08 0a 00 00 00 05 00 00 00 06 04 02 02 04 02 18"));
    EXPECT_EQ(segment.options.window_scale, 14);
    EXPECT_EQ(segment.options.ts_val, 5U);
    EXPECT_TRUE(segment.options.sack_permitted);
    EXPECT_EQ(segment.options.mss, 536);
}

TEST(ParseTcp, ASynThatIsNearlyCustomaryIsReadAllTheSame) {
    // The same length as Linux's, the window scale before its NOP.
    const TcpSegment segment = parsed(segment_with(
        "02 04 05 b4 04 02 08 0a 00 00 00 05 00 00 00 06 03 03 07 01", "", tcp_flag::syn));
    EXPECT_EQ(segment.options.window_scale, 7);
    EXPECT_EQ(segment.options.mss, 1460);
    EXPECT_EQ(segment.options.ts_ecr, 6U);
    EXPECT_EQ(drop_of_options("02 04 05 b4 04 02 08 0a 00 00 00 05 00 00 00 06 01 03 04 07"),
              Drop::tcp_bad_options);
}

TEST(ParseTcp, EndOfOptionsHidesWhatFollows) {
    const TcpSegment segment = parsed(segment_with("04 02 00 02 00 00 ff ff"));
    EXPECT_TRUE(segment.options.sack_permitted);
    EXPECT_FALSE(segment.options.has_mss);
}

TEST(ParseTcp, UnknownOptionsAreSkipped) {
    const TcpSegment segment = parsed(segment_with("fd 04 f9 89 13 12 00 00 00 00 00 00 00 00 00 00"
                                                   "00 00 00 00 00 00 02 04 05 b4"));
    EXPECT_EQ(segment.options.mss, 1460);
}

// E5.headers
TEST(ParseTcp, BadOptionLengthsAreRefused) {
    for (const char* options : {
             "fd 00",
             "fd 01",
             "02 00 05 b4",
             "02 01 05 b4", // below two
             "01 01 01 02",
             "01 01 01 fd", // no room for the length
             "fd 05 00 00",
             "01 02 04 05",
             "01 01 08 0a", // over the end
             "02 03 05",
             "02 05 05 b4 00",
             "03 02",
             "03 04 07 00",
             "04 03 00",
             "08 02",
             "08 09",
             "08 09 00 00 00 00 00 00 00",
             "08 0b 00 00 00 00 00 00 00 00 00",
             "1c 03 00",
             "1c 05 00 00 00", // wrong for the kind
         }) {
        EXPECT_EQ(drop_of_options(options), Drop::tcp_bad_options) << options;
    }
}

TEST(ParseTcp, UserTimeoutInSecondsAndMinutes) {
    EXPECT_EQ(parsed(segment_with("1c 04 00 1e")).options.user_timeout_s, 30U);
    EXPECT_EQ(parsed(segment_with("1c 04 80 1e")).options.user_timeout_s, 30U * 60);
    EXPECT_EQ(parsed(segment_with("1c 04 ff ff")).options.user_timeout_s, 32767U * 60);
}

TEST(ParseTcp, FastOpenCookies) {
    const TcpSegment request = parsed(segment_with("22 02"));
    EXPECT_TRUE(request.options.has_fast_open);
    EXPECT_TRUE(request.options.fast_open_cookie.empty());
    const auto bytes = segment_with("22 0a 01 02 03 04 05 06 07 08");
    const TcpSegment cookie = parsed(bytes);
    EXPECT_TRUE(cookie.options.has_fast_open);
    EXPECT_EQ(copy_of(cookie.options.fast_open_cookie), hex("01 02 03 04 05 06 07 08"));
    // RFC 7413 §4.1.1: lengths that no cookie has are as if the option were not there.
    for (const char* wrong : {"22 03 00", "22 04 00 00", "22 07 00 00 00 00 00",
                              "22 14 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"}) {
        EXPECT_FALSE(parsed(segment_with(wrong)).options.has_fast_open) << wrong;
    }
}

// E5.headers
TEST(ParseTcp, DataOffsetStaysInsideTheSegment) {
    auto bytes = segment_with("01 01 01 01", "aa");
    for (const unsigned words : {0U, 1U, 4U, 7U, 15U}) {
        bytes[12] = static_cast<std::byte>(words << 4);
        EXPECT_EQ(drop_of(bytes), Drop::tcp_bad_offset) << words;
    }
    bytes[12] = std::byte{0x6f};
    EXPECT_EQ(drop_of(bytes), Drop::none) << "the reserved bits are ignored";
}

// E5.flags
TEST(ParseTcp, ContradictingFlagsAreRefused) {
    using namespace tcp_flag;
    for (unsigned flags = 0; flags < 256; ++flags) {
        const bool syn_and_end = (flags & syn) != 0 && (flags & (fin | rst)) != 0;
        const bool nothing = (flags & (syn | ack | fin | rst)) == 0;
        EXPECT_EQ(drop_of(segment_with("", "", static_cast<std::uint8_t>(flags))),
                  syn_and_end || nothing ? Drop::tcp_bad_flags : Drop::none)
            << flags;
    }
}

TEST(ParseTcp, EveryTruncationIsRefusedOrTakenAsLessPayload) {
    const Bytes full =
        segment_with("01 01 08 0a 00 00 00 09 00 00 00 08 01 01 05 0a 00 00 00 01 00 00 00 02"
                     "22 06 01 02 03 04 02 04 05 b4 1c 04",
                     "aa bb cc");
    const Bytes valid = segment_with("01 01 08 0a 00 00 00 09 00 00 00 08", "aa bb cc");
    for (const Bytes* bytes : {&full, &valid}) {
        const std::size_t header = std::to_integer<std::size_t>((*bytes)[12]) / 16 * 4;
        at_every_length(*bytes, [&](std::span<const std::byte> part) {
            const Drop drop = drop_of(part);
            if (part.size() < 20) {
                EXPECT_EQ(drop, Drop::tcp_too_short) << part.size();
            } else if (part.size() < header) {
                EXPECT_EQ(drop, Drop::tcp_bad_offset) << part.size();
            } else {
                EXPECT_EQ(drop, bytes == &valid ? Drop::none : Drop::tcp_bad_options);
            }
        });
    }
}

TEST(ParseTcpOptions, EveryTruncationOfEveryOption) {
    const Bytes all = hex("02 04 05 b4 03 03 07 04 02 08 0a 00 00 00 01 00 00 00 02 1c 04 00 01"
                          "22 02 05 0a 00 00 00 01 00 00 00 02");
    // Where one option ends and the next begins.
    const std::vector<std::size_t> ends{0, 4, 7, 9, 19, 23, 25, 35};
    at_every_length(all, [&](std::span<const std::byte> part) {
        TcpOptions options;
        const bool whole = std::find(ends.begin(), ends.end(), part.size()) != ends.end();
        EXPECT_EQ(parse_tcp_options(part, options), whole ? Drop::none : Drop::tcp_bad_options)
            << part.size();
    });
}

Bytes written(const TcpSegment& segment) {
    Bytes bytes(tcp_header_bytes_max + 1, std::byte{0x5a});
    const std::size_t length = write_tcp(bytes.data(), segment);
    EXPECT_EQ(length, tcp_header_bytes_min + tcp_options_length(segment.options));
    EXPECT_EQ(length % 4, 0U);
    EXPECT_EQ(bytes[length], std::byte{0x5a}) << "wrote past the end";
    bytes.resize(length);
    return bytes;
}

/// The captured header with the checksum that a writer leaves open.
Bytes header_of(const Bytes& frame, std::size_t at, std::size_t length) {
    Bytes header = copy_of(std::span{frame}.subspan(at, length));
    header[16] = header[17] = std::byte{0};
    return header;
}

TEST(WriteTcp, WritesWhatLinuxWrites) {
    using namespace captured;
    EXPECT_EQ(written(parsed(tcp_of(tcp_syn))), header_of(tcp_syn, tcp_at, 40));
    EXPECT_EQ(written(parsed(tcp_of(tcp_syn_ack))), header_of(tcp_syn_ack, tcp_at, 40));
    EXPECT_EQ(written(parsed(tcp_of(tcp_data))), header_of(tcp_data, tcp_at, 32));
    EXPECT_EQ(written(parsed(tcp_of(tcp_fin))), header_of(tcp_fin, tcp_at, 32));
    EXPECT_EQ(written(parsed(tcp_of(tcp_data_ipv6, tcp_at_ipv6))),
              header_of(tcp_data_ipv6, tcp_at_ipv6, 32));
}

std::string options_written(const TcpOptions& options) {
    TcpSegment segment;
    segment.options = options;
    const Bytes bytes = written(segment);
    std::string text;
    for (const std::byte byte : std::span{bytes}.subspan(tcp_header_bytes_min)) {
        constexpr std::string_view digits = "0123456789abcdef";
        text += digits[std::to_integer<std::size_t>(byte >> 4)];
        text += digits[std::to_integer<std::size_t>(byte & std::byte{0xf})];
    }
    return text;
}

TEST(WriteTcp, LayoutOfEachOption) {
    EXPECT_EQ(options_written({}), "");
    EXPECT_EQ(options_written({.has_mss = true, .mss = 1220}), "020404c4");
    EXPECT_EQ(options_written({.has_window_scale = true, .window_scale = 9}), "01030309");
    EXPECT_EQ(options_written({.sack_permitted = true}), "01010402");
    EXPECT_EQ(options_written({.has_timestamps = true, .ts_val = 1, .ts_ecr = 2}),
              "0101080a0000000100000002");
    EXPECT_EQ(
        options_written({.sack_permitted = true, .has_timestamps = true, .ts_val = 1, .ts_ecr = 2}),
        "0402080a0000000100000002");
    EXPECT_EQ(options_written({.sack_count = 1, .sack = {{{SeqNum{3}, SeqNum{4}}}}}),
              "0101050a0000000300000004");
    EXPECT_EQ(options_written({.has_user_timeout = true, .user_timeout_s = 32767}), "1c047fff");
    EXPECT_EQ(options_written({.has_user_timeout = true, .user_timeout_s = 32768}), "1c048223")
        << "minutes, rounded up";
    EXPECT_EQ(options_written({.has_user_timeout = true, .user_timeout_s = UINT32_MAX}),
              "1c04ffff");
    EXPECT_EQ(options_written({.has_fast_open = true}), "22020101");
    const auto cookie = hex("01 02 03 04 05 06 07 08");
    EXPECT_EQ(options_written({.has_fast_open = true, .fast_open_cookie = cookie}),
              "220a01020304050607080101");
}

TEST(WriteTcp, TimestampsLeaveRoomForThreeSackBlocks) {
    TcpOptions options{.has_timestamps = true, .sack_count = 4};
    EXPECT_EQ(tcp_options_length(options), 12U + 4 + 3 * 8);
    TcpSegment segment;
    segment.flags = tcp_flag::ack;
    segment.options = options;
    EXPECT_EQ(parsed(written(segment)).options.sack_count, 3);
    options.has_timestamps = false;
    EXPECT_EQ(tcp_options_length(options), 4U + 4 * 8);
}

TEST(WriteTcp, WhatDoesNotFitIsLeftOutWhole) {
    const auto cookie = hex("00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f");
    TcpOptions syn{.has_mss = true,
                   .has_window_scale = true,
                   .sack_permitted = true,
                   .has_timestamps = true,
                   .has_user_timeout = true,
                   .has_fast_open = true,
                   .fast_open_cookie = cookie};
    EXPECT_EQ(tcp_options_length(syn), 40U) << "all but the user timeout";
    TcpSegment segment;
    segment.flags = tcp_flag::syn;
    segment.options = syn;
    const TcpOptions back = parsed(written(segment)).options;
    EXPECT_TRUE(back.has_fast_open);
    EXPECT_FALSE(back.has_user_timeout);
    syn.sack_count = 1;
    EXPECT_EQ(tcp_options_length(syn), 20U + 12 + 4) << "a SACK block goes before the cookie";
    syn.fast_open_cookie = std::span{cookie}.first(5);
    syn.sack_count = 0;
    EXPECT_EQ(tcp_options_length(syn), 20U + 4) << "five bytes are no cookie";
}

TEST(WriteTcp, RandomSegmentsComeBackAsTheyWere) {
    constexpr std::uint64_t seed = 7;
    std::mt19937_64 random{seed};
    const auto u32 = [&] { return static_cast<std::uint32_t>(random()); };
    const auto u16 = [&] { return static_cast<std::uint16_t>(random()); };
    for (int round = 0; round < 20'000; ++round) {
        TcpSegment segment;
        segment.source_port = u16();
        segment.destination_port = u16();
        segment.seq = SeqNum{u32()};
        segment.ack = SeqNum{u32()};
        segment.flags = tcp_flag::ack;
        segment.window = u16();
        segment.urgent_pointer = u16();
        TcpOptions& options = segment.options;
        const auto choice = random();
        options.has_mss = (choice & 1) != 0;
        options.has_window_scale = (choice & 2) != 0;
        options.sack_permitted = (choice & 4) != 0;
        options.has_timestamps = (choice & 8) != 0;
        options.mss = u16();
        options.window_scale = static_cast<std::uint8_t>(u16());
        options.ts_val = u32();
        options.ts_ecr = u32();
        options.sack_count = static_cast<std::uint8_t>(random() % 3);
        for (SackBlock& block : options.sack) {
            block = {SeqNum{u32()}, SeqNum{u32()}};
        }
        const TcpSegment back = parsed(written(segment));
        SCOPED_TRACE(::testing::Message() << "seed " << seed << " round " << round);
        ASSERT_EQ(back.source_port, segment.source_port);
        ASSERT_EQ(back.destination_port, segment.destination_port);
        ASSERT_EQ(back.seq, segment.seq);
        ASSERT_EQ(back.ack, segment.ack);
        ASSERT_EQ(back.flags, segment.flags);
        ASSERT_EQ(back.window, segment.window);
        ASSERT_EQ(back.urgent_pointer, segment.urgent_pointer);
        ASSERT_EQ(back.options.has_mss, options.has_mss);
        ASSERT_EQ(back.options.has_window_scale, options.has_window_scale);
        ASSERT_EQ(back.options.sack_permitted, options.sack_permitted);
        ASSERT_EQ(back.options.has_timestamps, options.has_timestamps);
        ASSERT_EQ(back.options.mss, options.has_mss ? options.mss : 536);
        ASSERT_EQ(back.options.window_scale, options.has_window_scale ? options.window_scale : 0);
        ASSERT_EQ(back.options.ts_val, options.has_timestamps ? options.ts_val : 0);
        ASSERT_EQ(back.options.ts_ecr, options.has_timestamps ? options.ts_ecr : 0);
        ASSERT_EQ(back.options.sack_count, options.sack_count);
        for (unsigned i = 0; i < options.sack_count; ++i) {
            ASSERT_EQ(back.options.sack[i], options.sack[i]);
        }
    }
}

} // namespace
} // namespace millrace::wire
