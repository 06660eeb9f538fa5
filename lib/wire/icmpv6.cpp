#include "wire/icmpv6.hpp"

#include "wire/ipv6.hpp"

namespace millrace::wire {
namespace {

bool is_known_error(std::uint8_t type) {
    return type >= icmpv6_type::destination_unreachable && type <= icmpv6_type::parameter_problem;
}

std::uint32_t long_field(const IcmpHeader& header) {
    return std::uint32_t{header.first} << 16 | header.second;
}

void set_long_field(IcmpHeader& header, std::uint32_t value) {
    header.first = static_cast<std::uint16_t>(value >> 16);
    header.second = static_cast<std::uint16_t>(value);
}

} // namespace

Drop parse_icmpv6(std::span<const std::byte> bytes, ChecksumSum pseudo_header, Icmpv6Message& out) {
    if (bytes.size() < icmp_header_bytes) {
        return Drop::icmp_too_short;
    }
    if (!is_intact(pseudo_header + sum(bytes))) {
        return Drop::icmp_bad_checksum;
    }
    const auto& header = header_at<IcmpHeader>(bytes.data());
    out = {.type = header.type,
           .code = header.code,
           .data = bytes.subspan(icmp_header_bytes),
           .whole = bytes};
    if (out.is_echo()) {
        out.echo_id = header.first;
        out.echo_sequence = header.second;
    } else if (out.type == icmpv6_type::packet_too_big) {
        out.mtu = long_field(header);
    } else if (out.type == icmpv6_type::parameter_problem) {
        out.pointer = long_field(header);
    }
    const bool known = out.is_echo() || out.is_neighbour_discovery() || is_known_error(out.type);
    return known ? Drop::none : Drop::icmp_unknown_type;
}

Drop parse_icmpv6_quote(std::span<const std::byte> data, Icmpv6Quote& out) {
    Ipv6Packet packet;
    if (parse_ipv6_quote(data, packet) != Drop::none || packet.fragment_offset != 0) {
        return Drop::icmp_bad_quote;
    }
    out.source = packet.source;
    out.destination = packet.destination;
    return detail::read_quoted_transport(packet.protocol, packet.payload, out.transport);
}

std::size_t write_icmpv6(std::byte* out, const Icmpv6Message& message, const Ipv6Addr& source,
                         const Ipv6Addr& destination) {
    IcmpHeader header{.type = message.type,
                      .code = message.code,
                      .checksum = std::uint16_t{0},
                      .first = std::uint16_t{0},
                      .second = std::uint16_t{0}};
    if (message.is_echo()) {
        header.first = message.echo_id;
        header.second = message.echo_sequence;
    } else if (message.type == icmpv6_type::packet_too_big) {
        set_long_field(header, message.mtu);
    } else if (message.type == icmpv6_type::parameter_problem) {
        set_long_field(header, message.pointer);
    }
    const std::size_t length = icmp_header_bytes + message.data.size();
    ChecksumSum total = sum_and_copy(out + icmp_header_bytes, message.data);
    total += sum(std::as_bytes(std::span{&header, 1}));
    total += pseudo_header_sum(source, destination, ip_protocol::icmpv6,
                               static_cast<std::uint32_t>(length));
    header.checksum = finish(total);
    header_at<IcmpHeader>(out) = header;
    return length;
}

} // namespace millrace::wire
