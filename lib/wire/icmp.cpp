#include "wire/icmp.hpp"

#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace millrace::wire {

Drop parse_icmp(std::span<const std::byte> bytes, IcmpMessage& out) {
    if (bytes.size() < icmp_header_bytes) {
        return Drop::icmp_too_short;
    }
    if (!is_intact(sum(bytes))) {
        return Drop::icmp_bad_checksum;
    }
    const auto& header = header_at<IcmpHeader>(bytes.data());
    out = {.type = header.type, .code = header.code, .data = bytes.subspan(icmp_header_bytes)};
    if (out.is_echo()) {
        out.echo_id = header.first;
        out.echo_sequence = header.second;
        return Drop::none;
    }
    if (out.is_fragmentation_needed()) {
        out.mtu = header.second;
    } else if (out.type == icmp_type::parameter_problem) {
        out.pointer = static_cast<std::uint8_t>(header.first >> 8);
    }
    return out.is_error() ? Drop::none : Drop::icmp_unknown_type;
}

Drop parse_icmp_quote(std::span<const std::byte> data, IcmpQuote& out) {
    if (data.size() < ipv4_header_bytes_min) {
        return Drop::icmp_bad_quote;
    }
    const auto& header = header_at<Ipv4Header>(data.data());
    const std::size_t header_bytes = (header.version_length & 0xfU) * std::size_t{4};
    if (header.version_length >> 4 != 4 || header_bytes < ipv4_header_bytes_min ||
        header_bytes > data.size() || (header.fragment & Ipv4Header::offset_mask) != 0) {
        return Drop::icmp_bad_quote;
    }
    out.source = header.source;
    out.destination = header.destination;
    return detail::read_quoted_transport(header.protocol, data.subspan(header_bytes),
                                         out.transport);
}

std::size_t write_icmp(std::byte* out, const IcmpMessage& message) {
    IcmpHeader header{.type = message.type,
                      .code = message.code,
                      .checksum = std::uint16_t{0},
                      .first = std::uint16_t{0},
                      .second = std::uint16_t{0}};
    if (message.is_echo()) {
        header.first = message.echo_id;
        header.second = message.echo_sequence;
    } else if (message.is_fragmentation_needed()) {
        header.second = message.mtu;
    } else if (message.type == icmp_type::parameter_problem) {
        header.first = static_cast<std::uint16_t>(message.pointer << 8);
    }
    const ChecksumSum data = sum_and_copy(out + icmp_header_bytes, message.data);
    header.checksum = finish(data + sum(std::as_bytes(std::span{&header, 1})));
    header_at<IcmpHeader>(out) = header;
    return icmp_header_bytes + message.data.size();
}

Drop detail::read_quoted_transport(std::uint8_t protocol, std::span<const std::byte> bytes,
                                   QuotedTransport& out) {
    constexpr std::size_t quoted_bytes_min = 8; // All that RFC 792 promises.
    out = {.protocol = protocol};
    if (protocol != ip_protocol::tcp && protocol != ip_protocol::udp) {
        return Drop::none;
    }
    if (bytes.size() < quoted_bytes_min) {
        return Drop::icmp_bad_quote;
    }
    // Ports stand in the same place in both.
    static_assert(offsetof(TcpHeader, destination_port) == offsetof(UdpHeader, destination_port));
    static_assert(offsetof(TcpHeader, seq) + sizeof(TcpHeader::seq) <= quoted_bytes_min);
    const auto& ports = header_at<UdpHeader>(bytes.data());
    out.source_port = ports.source_port;
    out.destination_port = ports.destination_port;
    if (protocol == ip_protocol::tcp) {
        out.seq =
            SeqNum{header_at<BigEndian<std::uint32_t>>(bytes.data() + offsetof(TcpHeader, seq))};
    }
    return Drop::none;
}

} // namespace millrace::wire
