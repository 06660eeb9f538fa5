#include "wire/icmpv6.hpp"

#include "captured.hpp"
#include "wire/ipv6.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

const Ipv6Addr ip_a = Ipv6Addr::from_string("2001:db8::1").value();
const Ipv6Addr ip_b = Ipv6Addr::from_string("2001:db8::2").value();

std::span<const std::byte> icmp_of(const Bytes& frame) {
    return std::span{frame}.subspan(54);
}

ChecksumSum pseudo_for(std::size_t length) {
    return pseudo_header_sum(ip_a, ip_b, ip_protocol::icmpv6, static_cast<std::uint32_t>(length));
}

Drop drop_of(std::span<const std::byte> bytes, Icmpv6Message& out) {
    return parse_icmpv6(bytes, pseudo_for(bytes.size()), out);
}

/// From `ip_a` to `ip_b` or back: the sum is the same.
Icmpv6Message parsed(std::span<const std::byte> bytes) {
    Icmpv6Message message;
    EXPECT_EQ(drop_of(bytes, message), Drop::none);
    return message;
}

Bytes message_of(std::string_view text) {
    Bytes bytes = hex(text);
    header_at<IcmpHeader>(bytes.data()).checksum = finish(pseudo_for(bytes.size()) + sum(bytes));
    return bytes;
}

Bytes written(const Icmpv6Message& message, const Ipv6Addr& from, const Ipv6Addr& to) {
    Bytes out(icmp_header_bytes + message.data.size() + 1, std::byte{0x5a});
    const std::size_t length = write_icmpv6(out.data(), message, from, to);
    EXPECT_EQ(out.back(), std::byte{0x5a}) << "wrote past the end";
    out.resize(length);
    return out;
}

TEST(Icmpv6, EchoOfLinux) {
    const auto bytes = icmp_of(captured::icmpv6_echo_request);
    const Icmpv6Message request = parsed(bytes);
    EXPECT_EQ(request.type, icmpv6_type::echo_request);
    EXPECT_EQ(request.echo_id, 7850);
    EXPECT_EQ(request.echo_sequence, 1);
    EXPECT_EQ(request.data.size(), 15U);
    EXPECT_EQ(request.whole.size(), bytes.size());
    EXPECT_FALSE(request.is_error() || request.is_neighbour_discovery());
    EXPECT_EQ(written(request, ip_a, ip_b), copy_of(bytes));
}

TEST(Icmpv6, PortUnreachableOfLinux) {
    const auto bytes = icmp_of(captured::icmpv6_port_unreachable);
    const Icmpv6Message message = parsed(bytes);
    EXPECT_TRUE(message.is_error());
    EXPECT_EQ(message.type, icmpv6_type::destination_unreachable);
    EXPECT_EQ(message.code, icmpv6_unreachable::port);
    Icmpv6Quote quote;
    ASSERT_EQ(parse_icmpv6_quote(message.data, quote), Drop::none);
    EXPECT_EQ(quote.source, ip_a);
    EXPECT_EQ(quote.destination, ip_b);
    EXPECT_EQ(quote.transport.protocol, ip_protocol::udp);
    EXPECT_EQ(quote.transport.source_port, 39304);
    EXPECT_EQ(quote.transport.destination_port, 9);
    EXPECT_EQ(written(message, ip_b, ip_a), copy_of(bytes));
}

TEST(Icmpv6, NeighbourDiscoveryOfLinuxIsKnownForWhatItIs) {
    EXPECT_TRUE(parsed(icmp_of(captured::neighbour_advertisement)).is_neighbour_discovery());
}

TEST(Icmpv6, FieldsOfTheErrors) {
    EXPECT_EQ(parsed(message_of("02 00 00 00 00 01 05 00")).mtu, 0x10500U);
    EXPECT_EQ(parsed(message_of("04 01 00 00 00 00 00 06")).pointer, 6U);
    EXPECT_EQ(parsed(message_of("04 01 00 00 00 00 00 06")).mtu, 0U);
    EXPECT_EQ(parsed(message_of("03 00 00 00 00 00 00 06")).pointer, 0U);
}

TEST(Icmpv6, TypesWeDoNotKnow) {
    Icmpv6Message message;
    for (const char* text :
         {"00 00 00 00 00 00 00 00", "05 00 00 00 00 00 00 00", "7f 00 00 00 00 00 00 00",
          "82 00 00 00 00 00 00 00", "8a 00 00 00 00 00 00 00", "ff 00 00 00 00 00 00 00"}) {
        EXPECT_EQ(drop_of(message_of(text), message), Drop::icmp_unknown_type) << text;
    }
}

TEST(Icmpv6, EveryBitIsCovered) {
    const auto bytes = icmp_of(captured::icmpv6_echo_request);
    Icmpv6Message message;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto changed = copy_of(bytes);
        changed[bit / 8] ^= std::byte{1} << bit % 8;
        EXPECT_EQ(drop_of(changed, message), Drop::icmp_bad_checksum) << bit;
    }
    EXPECT_EQ(parse_icmpv6(bytes, ChecksumSum{}, message), Drop::icmp_bad_checksum)
        << "the pseudo-header counts";
}

TEST(Icmpv6, EveryTruncation) {
    at_every_length(
        icmp_of(captured::icmpv6_port_unreachable), [](std::span<const std::byte> part) {
            Icmpv6Message message;
            const Drop expected =
                part.size() < icmp_header_bytes ? Drop::icmp_too_short : Drop::icmp_bad_checksum;
            const bool whole = part.size() == 59;
            EXPECT_EQ(drop_of(part, message), whole ? Drop::none : expected);
        });
}

TEST(Icmpv6Quote, TcpSequenceNumberAtEveryLength) {
    const auto packet = std::span{captured::tcp_data_ipv6}.subspan(14, 60);
    at_every_length(packet, [](std::span<const std::byte> part) {
        Icmpv6Quote quote;
        if (part.size() < 48) {
            EXPECT_EQ(parse_icmpv6_quote(part, quote), Drop::icmp_bad_quote) << part.size();
        } else {
            ASSERT_EQ(parse_icmpv6_quote(part, quote), Drop::none) << part.size();
            EXPECT_EQ(quote.transport.protocol, ip_protocol::tcp);
            EXPECT_EQ(quote.transport.source_port, 44012);
            EXPECT_EQ(quote.transport.destination_port, 7);
            EXPECT_EQ(quote.transport.seq, SeqNum{3741433520});
        }
    });
}

TEST(Icmpv6Quote, LaterFragmentsHaveNoPorts) {
    Icmpv6Quote quote;
    EXPECT_EQ(parse_icmpv6_quote(std::span{captured::udp_last_fragment_ipv6}.subspan(14), quote),
              Drop::icmp_bad_quote);
}

TEST(WriteIcmpv6, EveryKindComesBackAsItWas) {
    const Bytes data = hex("60 00 00 00 00 00 00");
    const std::vector<Icmpv6Message> messages{
        {.type = icmpv6_type::echo_reply, .echo_id = 0x1234, .echo_sequence = 0x5678, .data = data},
        {.type = icmpv6_type::destination_unreachable, .code = 3, .data = data},
        {.type = icmpv6_type::packet_too_big, .mtu = 0x12345678, .data = data},
        {.type = icmpv6_type::time_exceeded, .code = 1, .data = {}},
        {.type = icmpv6_type::parameter_problem, .code = 2, .pointer = 0x87654321, .data = data},
    };
    for (const Icmpv6Message& message : messages) {
        const Bytes bytes = written(message, ip_a, ip_b);
        const Icmpv6Message back = parsed(bytes);
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
