#include "wire/icmp.hpp"

#include "captured.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

std::span<const std::byte> icmp_of(const Bytes& frame) {
    return std::span{frame}.subspan(34);
}

IcmpMessage parsed(std::span<const std::byte> bytes) {
    IcmpMessage message;
    EXPECT_EQ(parse_icmp(bytes, message), Drop::none);
    return message;
}

/// The message of these bytes, its checksum filled in.
Bytes message_of(std::string_view text) {
    Bytes bytes = hex(text);
    header_at<IcmpHeader>(bytes.data()).checksum = finish(sum(bytes));
    return bytes;
}

Bytes written(const IcmpMessage& message) {
    Bytes out(icmp_header_bytes + message.data.size() + 1, std::byte{0x5a});
    const std::size_t length = write_icmp(out.data(), message);
    EXPECT_EQ(length, icmp_header_bytes + message.data.size());
    EXPECT_EQ(out.back(), std::byte{0x5a}) << "wrote past the end";
    out.resize(length);
    return out;
}

TEST(Icmp, EchoOfLinux) {
    const IcmpMessage request = parsed(icmp_of(captured::icmp_echo_request));
    EXPECT_EQ(request.type, icmp_type::echo_request);
    EXPECT_EQ(request.code, 0);
    EXPECT_EQ(request.echo_id, 7849);
    EXPECT_EQ(request.echo_sequence, 1);
    EXPECT_EQ(request.data.size(), 16U);
    EXPECT_TRUE(request.is_echo());
    EXPECT_FALSE(request.is_error());
}

TEST(Icmp, TheAnswerToLinuxIsWhatLinuxAnswers) {
    IcmpMessage message = parsed(icmp_of(captured::icmp_echo_request));
    message.type = icmp_type::echo_reply;
    EXPECT_EQ(written(message), copy_of(icmp_of(captured::icmp_echo_reply)));
}

TEST(Icmp, PortUnreachableOfLinux) {
    const IcmpMessage message = parsed(icmp_of(captured::icmp_port_unreachable));
    EXPECT_TRUE(message.is_error());
    EXPECT_EQ(message.type, icmp_type::destination_unreachable);
    EXPECT_EQ(message.code, icmp_unreachable::port);
    EXPECT_EQ(copy_of(message.data), copy_of(std::span{captured::udp_datagram}.subspan(14)));
    IcmpQuote quote;
    ASSERT_EQ(parse_icmp_quote(message.data, quote), Drop::none);
    EXPECT_EQ(quote.source, (Ipv4Addr{198, 18, 0, 1}));
    EXPECT_EQ(quote.destination, (Ipv4Addr{198, 18, 0, 2}));
    EXPECT_EQ(quote.transport.protocol, ip_protocol::udp);
    EXPECT_EQ(quote.transport.source_port, 52387);
    EXPECT_EQ(quote.transport.destination_port, 9);
    EXPECT_EQ(written(message), copy_of(icmp_of(captured::icmp_port_unreachable)));
}

TEST(Icmp, FragmentationNeededCarriesAnMtu) {
    const auto bytes = message_of("03 04 00 00 ff ff 05 14 45");
    const IcmpMessage message = parsed(bytes);
    EXPECT_TRUE(message.is_fragmentation_needed());
    EXPECT_EQ(message.mtu, 1300);
    EXPECT_EQ(parsed(message_of("03 03 00 00 00 00 05 14")).mtu, 0) << "another code has none";
    EXPECT_EQ(parsed(message_of("0b 00 00 00 00 00 05 14")).mtu, 0);
}

TEST(Icmp, ParameterProblemPoints) {
    EXPECT_EQ(parsed(message_of("0c 00 00 00 14 00 00 00")).pointer, 20);
}

TEST(Icmp, TypesWeDoNotKnow) {
    IcmpMessage message;
    for (const char* text : {"0d 00 00 00 00 00 00 00", "11 00 00 00 00 00 00 00",
                             "ff 00 00 00 00 00 00 00", "01 00 00 00 00 00 00 00"}) {
        EXPECT_EQ(parse_icmp(message_of(text), message), Drop::icmp_unknown_type) << text;
    }
}

TEST(Icmp, EveryBitIsCovered) {
    const auto bytes = icmp_of(captured::icmp_echo_request);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto changed = copy_of(bytes);
        changed[bit / 8] ^= std::byte{1} << bit % 8;
        IcmpMessage message;
        EXPECT_EQ(parse_icmp(changed, message), Drop::icmp_bad_checksum) << bit;
    }
}

TEST(Icmp, EveryTruncation) {
    at_every_length(icmp_of(captured::icmp_port_unreachable), [](std::span<const std::byte> part) {
        IcmpMessage message;
        if (part.size() < icmp_header_bytes) {
            EXPECT_EQ(parse_icmp(part, message), Drop::icmp_too_short);
        } else {
            Bytes exact = copy_of(part);
            auto& checksum = header_at<IcmpHeader>(exact.data()).checksum;
            checksum = std::uint16_t{0};
            checksum = finish(sum(exact));
            EXPECT_EQ(parse_icmp(exact, message), Drop::none);
        }
    });
}

TEST(IcmpQuote, TcpSequenceNumberIsAmongTheFirstEightBytes) {
    const auto packet = std::span{captured::tcp_data}.subspan(14);
    at_every_length(packet.first(40), [](std::span<const std::byte> part) {
        IcmpQuote quote;
        if (part.size() < 28) {
            EXPECT_EQ(parse_icmp_quote(part, quote), Drop::icmp_bad_quote) << part.size();
        } else {
            ASSERT_EQ(parse_icmp_quote(part, quote), Drop::none) << part.size();
            EXPECT_EQ(quote.transport.protocol, ip_protocol::tcp);
            EXPECT_EQ(quote.transport.source_port, 56916);
            EXPECT_EQ(quote.transport.destination_port, 7);
            EXPECT_EQ(quote.transport.seq, SeqNum{320109904});
        }
    });
}

TEST(IcmpQuote, HeadersWithOptionsAndWithoutPorts) {
    auto packet = copy_of(std::span{captured::tcp_data}.subspan(14, 28));
    IcmpQuote quote;
    packet[0] =
        std::byte{0x46}; // The first four bytes of TCP are options now, and eight are not left.
    EXPECT_EQ(parse_icmp_quote(packet, quote), Drop::icmp_bad_quote);
    packet.resize(32);
    ASSERT_EQ(parse_icmp_quote(packet, quote), Drop::none);
    EXPECT_EQ(quote.transport.source_port, 320109904 >> 16);
    packet[9] = std::byte{ip_protocol::icmp};
    packet.resize(24);
    ASSERT_EQ(parse_icmp_quote(packet, quote), Drop::none);
    EXPECT_EQ(quote.transport.protocol, ip_protocol::icmp);
    EXPECT_EQ(quote.transport.source_port, 0);
}

TEST(IcmpQuote, WhatIsNoPacketOfOurs) {
    const auto packet = copy_of(std::span{captured::tcp_data}.subspan(14));
    IcmpQuote quote;
    for (const unsigned wrong : {0x65U, 0x44U, 0x4fU, 0x40U}) {
        auto bytes = copy_of(std::span{packet}.first(48));
        bytes[0] = static_cast<std::byte>(wrong);
        EXPECT_EQ(parse_icmp_quote(bytes, quote), Drop::icmp_bad_quote) << wrong;
    }
    auto later_fragment = packet;
    later_fragment[7] = std::byte{1};
    EXPECT_EQ(parse_icmp_quote(later_fragment, quote), Drop::icmp_bad_quote);
    auto first_fragment = packet;
    first_fragment[6] = std::byte{0x20};
    EXPECT_EQ(parse_icmp_quote(first_fragment, quote), Drop::none);
}

TEST(WriteIcmp, EveryKindComesBackAsItWas) {
    const Bytes data = hex("45 00 00 1c 00 00 00");
    const std::vector<IcmpMessage> messages{
        {.type = icmp_type::echo_reply, .echo_id = 0x1234, .echo_sequence = 0x5678, .data = data},
        {.type = icmp_type::destination_unreachable,
         .code = icmp_unreachable::fragmentation_needed,
         .mtu = 1400,
         .data = data},
        {.type = icmp_type::destination_unreachable, .code = icmp_unreachable::host, .data = data},
        {.type = icmp_type::time_exceeded, .code = 1, .data = data},
        {.type = icmp_type::parameter_problem, .pointer = 9, .data = {}},
    };
    for (const IcmpMessage& message : messages) {
        const Bytes bytes = written(message);
        const IcmpMessage back = parsed(bytes);
        EXPECT_EQ(back.type, message.type);
        EXPECT_EQ(back.code, message.code);
        EXPECT_EQ(back.echo_id, message.echo_id);
        EXPECT_EQ(back.echo_sequence, message.echo_sequence);
        EXPECT_EQ(back.mtu, message.mtu);
        EXPECT_EQ(back.pointer, message.pointer);
        EXPECT_EQ(copy_of(back.data), copy_of(message.data));
    }
}

} // namespace
} // namespace millrace::wire
