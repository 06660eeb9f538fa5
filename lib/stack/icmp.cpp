#include "wire/icmp.hpp"

#include "frames.hpp"
#include "stack/admission.hpp"
#include "stack/control.hpp"
#include "wire/checksum.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace::stack {
namespace {

/// DSCP "internetwork control": errors go before data (RFC 1812 §4.3.2.5).
constexpr std::uint8_t error_traffic_class = 0xc0;
constexpr std::size_t quoted_bytes_max =
    wire::icmp_error_packet_bytes_max - wire::ipv4_header_bytes_min - wire::icmp_header_bytes;
/// Of a quoted packet's payload, the least that is of use (RFC 792).
constexpr std::size_t quoted_payload_bytes_min = 8;

/// Writes the header of an ICMP packet from us, which is never fragmented.
void write_header(std::byte* out, const wire::Ipv4Addr& source, const wire::Ipv4Addr& destination,
                  std::uint8_t ttl, std::uint8_t traffic_class, std::size_t message_bytes) {
    wire::write_ipv4(out,
                     {.source = source,
                      .destination = destination,
                      .protocol = wire::ip_protocol::icmp,
                      .ttl = ttl,
                      .traffic_class = traffic_class,
                      .dont_fragment = true},
                     message_bytes);
    wire::fill_ipv4_checksum(out);
}

/// RFC 1122 §3.2.2: whom no error is sent to, and about what.
bool may_be_reported(const Interface& interface, const wire::MacAddr& frame_destination,
                     const wire::Ipv4Packet& packet) {
    return !frame_destination.is_multicast() && interface.owns(packet.destination) &&
           packet.fragment_offset == 0 && packet.protocol != wire::ip_protocol::icmp &&
           check_source(interface, packet) == wire::Drop::none;
}

Complaint complaint_of(const wire::IcmpMessage& message) {
    if (message.is_fragmentation_needed()) {
        return Complaint::packet_too_big;
    }
    return message.type == wire::icmp_type::destination_unreachable ? Complaint::unreachable
                                                                    : Complaint::other;
}

} // namespace

Control::Result Control::icmp_arrives(std::span<std::byte> buffer, const wire::Ipv4Packet& packet,
                                      Instant /*now*/) {
    wire::IcmpMessage message;
    if (const wire::Drop drop = wire::parse_icmp(packet.payload, message);
        drop != wire::Drop::none) {
        return {Result::Kind::drop, drop};
    }
    if (message.is_error()) {
        return error_arrives(message);
    }
    if (message.type != wire::icmp_type::echo_request) {
        return {}; // The reply to an echo that nobody here has sent.
    }
    if (!interface_.owns(packet.destination) || link_header(buffer).destination.is_multicast()) {
        return {Result::Kind::drop, wire::Drop::icmp_not_unicast};
    }
    if (!may_use(packet.destination)) {
        return {Result::Kind::drop, wire::Drop::ip_not_our_address};
    }
    return echo_reply(buffer, packet);
}

/// Errors are never answered; of those about TCP the connection is told.
Control::Result Control::error_arrives(const wire::IcmpMessage& message) {
    if (message.type == wire::icmp_type::redirect) {
        counters_.add(ControlCounter::redirects_ignored);
        return {};
    }
    wire::IcmpQuote quote;
    if (const wire::Drop drop = wire::parse_icmp_quote(message.data, quote);
        drop != wire::Drop::none) {
        return {Result::Kind::drop, drop};
    }
    Result result;
    if (quote.transport.protocol != wire::ip_protocol::tcp) {
        note_error();
    } else {
        result.about = quoted_segment(quote, complaint_of(message), message.mtu);
    }
    return result;
}

/// RFC 1122 §3.2.2.6. Options of the request are not returned.
Control::Result Control::echo_reply(std::span<std::byte> buffer, const wire::Ipv4Packet& packet) {
    const std::size_t link_bytes = link_bytes_before(buffer, packet.header);
    const std::size_t message_bytes = packet.payload.size();
    if (wire::ipv4_header_bytes_min + message_bytes > interface_.mtu) {
        return {Result::Kind::drop, wire::Drop::reply_too_long};
    }
    std::byte* const ip = buffer.data() + link_bytes;
    std::byte* const message = ip + wire::ipv4_header_bytes_min;
    if (packet.payload.data() != message) {
        std::memmove(message, packet.payload.data(), message_bytes);
    }
    auto& header = wire::header_at<wire::IcmpHeader>(message);
    constexpr std::uint16_t request_word = wire::icmp_type::echo_request << 8;
    constexpr std::uint16_t reply_word = wire::icmp_type::echo_reply << 8;
    header.type = wire::icmp_type::echo_reply;
    header.checksum = wire::update_checksum(header.checksum, request_word, reply_word);
    write_header(ip, packet.destination, packet.source, interface_.hop_limit,
                 wire::traffic_class(wire::dscp_of(packet.traffic_class), wire::Ecn::not_capable),
                 message_bytes);
    readdress(buffer, interface_.mac, link_header(buffer).source);
    counters_.add(ControlCounter::echo_replies_sent);
    return {Result::Kind::reply, wire::Drop::none,
            static_cast<std::uint32_t>(link_bytes + wire::ipv4_header_bytes_min + message_bytes)};
}

Control::Result Control::unreachable(std::span<std::byte> buffer, const wire::Ipv4Packet& packet,
                                     wire::Drop why, Instant now) {
    return report(buffer, packet,
                  {.type = wire::icmp_type::destination_unreachable,
                   .code = why == wire::Drop::ip_unknown_protocol ? wire::icmp_unreachable::protocol
                                                                  : wire::icmp_unreachable::port},
                  why, now);
}

Control::Result Control::reassembly_timed_out(std::span<std::byte> buffer,
                                              const wire::Ipv4Packet& packet, Instant now) {
    return report(
        buffer, packet,
        {.type = wire::icmp_type::time_exceeded, .code = wire::icmp_time_exceeded_reassembly},
        wire::Drop::fragment_timeout, now);
}

Control::Result Control::report(std::span<std::byte> buffer, const wire::Ipv4Packet& packet,
                                wire::IcmpMessage error, wire::Drop why, Instant now) {
    const std::size_t link_bytes = link_bytes_before(buffer, packet.header);
    constexpr std::size_t headers = wire::ipv4_header_bytes_min + wire::icmp_header_bytes;
    const std::size_t original_bytes = packet.header.size() + packet.payload.size();
    const std::size_t room = buffer.size() - std::min(buffer.size(), link_bytes + headers);
    const std::size_t quoted_bytes = std::min({original_bytes, quoted_bytes_max, room});
    const bool quotes_enough =
        quoted_bytes >= std::min(original_bytes, packet.header.size() + quoted_payload_bytes_min);
    if (!quotes_enough || !may_use(packet.destination) ||
        !may_be_reported(interface_, link_header(buffer).destination, packet)) {
        return {Result::Kind::drop, why};
    }
    if (!errors_.take(now)) {
        return {Result::Kind::drop, wire::Drop::icmp_rate_limited};
    }
    std::array<std::byte, quoted_bytes_max> quoted;
    std::memcpy(quoted.data(), packet.header.data(), quoted_bytes);
    std::byte* const ip = buffer.data() + link_bytes;
    error.data = std::span{quoted}.first(quoted_bytes);
    const std::size_t message_bytes = wire::write_icmp(ip + wire::ipv4_header_bytes_min, error);
    write_header(ip, packet.destination, packet.source, interface_.hop_limit, error_traffic_class,
                 message_bytes);
    readdress(buffer, interface_.mac, link_header(buffer).source);
    counters_.add(ControlCounter::errors_sent);
    return {Result::Kind::reply, why,
            static_cast<std::uint32_t>(link_bytes + wire::ipv4_header_bytes_min + message_bytes)};
}

} // namespace millrace::stack
