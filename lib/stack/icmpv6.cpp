#include "wire/icmpv6.hpp"

#include "frames.hpp"
#include "mld.hpp"
#include "stack/admission.hpp"
#include "stack/control.hpp"
#include "wire/checksum.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace::stack {
namespace {

/// An error is never longer than a packet that every link carries (RFC 4443 §2.4 (c)).
constexpr std::size_t quoted_bytes_max =
    wire::ipv6_mtu_bytes_min - wire::ipv6_header_bytes - wire::icmp_header_bytes;

void write_header(std::byte* out, const wire::Ipv6Addr& source, const wire::Ipv6Addr& destination,
                  std::uint8_t hop_limit, std::uint8_t traffic_class, std::size_t message_bytes) {
    wire::write_ipv6(out,
                     {.source = source,
                      .destination = destination,
                      .protocol = wire::ip_protocol::icmpv6,
                      .hop_limit = hop_limit,
                      .traffic_class = traffic_class},
                     message_bytes);
}

/// An error, or a redirect, of which no error may be sent. (One whose type is cut off counts.)
bool is_beyond_report(const wire::Ipv6Packet& packet) {
    if (packet.protocol != wire::ip_protocol::icmpv6) {
        return false;
    }
    if (packet.payload.empty()) {
        return true;
    }
    const auto type = std::to_integer<std::uint8_t>(packet.payload[0]);
    return type < wire::icmpv6_type::echo_request || type == wire::icmpv6_type::redirect;
}

/// RFC 4443 §2.4 (e). Of what was sent to a group, only some problems may be reported.
bool may_be_reported(const Interface& interface, const wire::MacAddr& frame_destination,
                     const wire::Ipv6Packet& packet, bool even_if_multicast) {
    const bool to_one_host =
        !frame_destination.is_multicast() && interface.owns(packet.destination);
    const bool to_our_group = is_our_group(interface, packet.destination);
    return (to_one_host || (even_if_multicast && to_our_group)) &&
           !packet.source.is_unspecified() && !interface.owns(packet.source) &&
           packet.fragment_offset == 0 && !is_beyond_report(packet) &&
           check_source(interface, packet) == wire::Drop::none;
}

Complaint complaint_of(const wire::Icmpv6Message& message) {
    switch (message.type) {
    case wire::icmpv6_type::packet_too_big:
        return Complaint::packet_too_big;
    case wire::icmpv6_type::destination_unreachable:
        return Complaint::unreachable;
    default:
        return Complaint::other;
    }
}

} // namespace

Control::Result Control::icmpv6_arrives(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                        Instant now) {
    wire::Icmpv6Message message;
    const wire::Drop drop = wire::parse_icmpv6(
        packet.payload,
        wire::pseudo_header_sum(packet.source, packet.destination, wire::ip_protocol::icmpv6,
                                static_cast<std::uint32_t>(packet.payload.size())),
        message);
    if (drop == wire::Drop::icmp_unknown_type && message.type == mld::query_type) {
        return group_query_arrives(packet, message, now);
    }
    if (drop != wire::Drop::none) {
        return {Result::Kind::drop, drop};
    }
    if (interface_.owns(packet.source) &&
        message.type != wire::icmpv6_type::neighbour_advertisement) {
        return {Result::Kind::drop, wire::Drop::ip_own_source};
    }
    if (message.is_neighbour_discovery()) {
        return nd_arrives(buffer, packet, message, now);
    }
    if (message.is_error()) {
        return error_arrives(message);
    }
    if (message.type != wire::icmpv6_type::echo_request) {
        return {}; // The reply to an echo that nobody here has sent.
    }
    if (!interface_.owns(packet.destination) || link_header(buffer).destination.is_multicast()) {
        return {Result::Kind::drop, wire::Drop::icmp_not_unicast};
    }
    if (packet.source.is_unspecified()) {
        return {Result::Kind::drop, wire::Drop::ip_martian_source};
    }
    if (!may_use(packet.destination)) {
        return {Result::Kind::drop, wire::Drop::ip_not_our_address};
    }
    return echo_reply(buffer, packet);
}

Control::Result Control::error_arrives(const wire::Icmpv6Message& message) {
    wire::Icmpv6Quote quote;
    if (const wire::Drop drop = wire::parse_icmpv6_quote(message.data, quote);
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

/// RFC 4443 §4.2. Extension headers of the request are not returned. The pseudo-header's sum is the
/// same in both directions, so only the type changes the checksum.
Control::Result Control::echo_reply(std::span<std::byte> buffer, const wire::Ipv6Packet& packet) {
    const std::size_t link_bytes = link_bytes_before(buffer, packet.headers);
    const std::size_t message_bytes = packet.payload.size();
    if (wire::ipv6_header_bytes + message_bytes > interface_.mtu) {
        return {Result::Kind::drop, wire::Drop::reply_too_long};
    }
    std::byte* const ip = buffer.data() + link_bytes;
    std::byte* const message = ip + wire::ipv6_header_bytes;
    if (packet.payload.data() != message) {
        std::memmove(message, packet.payload.data(), message_bytes);
    }
    auto& header = wire::header_at<wire::IcmpHeader>(message);
    constexpr std::uint16_t request_word = wire::icmpv6_type::echo_request << 8;
    constexpr std::uint16_t reply_word = wire::icmpv6_type::echo_reply << 8;
    header.type = wire::icmpv6_type::echo_reply;
    header.checksum = wire::update_checksum(header.checksum, request_word, reply_word);
    write_header(ip, packet.destination, packet.source, interface_.hop_limit,
                 wire::traffic_class(wire::dscp_of(packet.traffic_class), wire::Ecn::not_capable),
                 message_bytes);
    readdress(buffer, interface_.mac, link_header(buffer).source);
    counters_.add(ControlCounter::echo_replies_sent);
    return {Result::Kind::reply, wire::Drop::none,
            static_cast<std::uint32_t>(link_bytes + wire::ipv6_header_bytes + message_bytes)};
}

Control::Result Control::unreachable(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                     wire::Drop why, Instant now) {
    wire::Icmpv6Message error{.type = wire::icmpv6_type::destination_unreachable,
                              .code = wire::icmpv6_unreachable::port};
    if (why == wire::Drop::ip_unknown_protocol) {
        error.type = wire::icmpv6_type::parameter_problem;
        error.code = wire::icmpv6_problem::unknown_next_header;
        error.pointer = packet.next_header_offset;
    }
    constexpr bool even_if_multicast = false;
    return report(buffer, packet, error, even_if_multicast, why, now);
}

Control::Result Control::reassembly_timed_out(std::span<std::byte> buffer,
                                              const wire::Ipv6Packet& packet, Instant now) {
    constexpr bool even_if_multicast = false;
    return report(
        buffer, packet,
        {.type = wire::icmpv6_type::time_exceeded, .code = wire::icmp_time_exceeded_reassembly},
        even_if_multicast, wire::Drop::fragment_timeout, now);
}

Control::Result Control::malformed(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                   wire::Drop why, Instant now) {
    if (!packet.problem.report) {
        return {Result::Kind::drop, why};
    }
    return report(buffer, packet,
                  {.type = wire::icmpv6_type::parameter_problem,
                   .code = packet.problem.code,
                   .pointer = packet.problem.pointer},
                  packet.problem.even_if_multicast, why, now);
}

Control::Result Control::report(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                wire::Icmpv6Message error, bool even_if_multicast, wire::Drop why,
                                Instant now) {
    const std::size_t link_bytes = link_bytes_before(buffer, packet.headers);
    constexpr std::size_t headers = wire::ipv6_header_bytes + wire::icmp_header_bytes;
    const std::size_t original_bytes = packet.headers.size() + packet.payload.size();
    const std::size_t room = buffer.size() - std::min(buffer.size(), link_bytes + headers);
    const std::size_t quoted_bytes = std::min({original_bytes, quoted_bytes_max, room});
    if (quoted_bytes < wire::ipv6_header_bytes ||
        !may_be_reported(interface_, link_header(buffer).destination, packet, even_if_multicast)) {
        return {Result::Kind::drop, why};
    }
    const auto source = interface_.owns(packet.destination) ? std::optional{packet.destination}
                                                            : usable_source_for(packet.source);
    if (!source || !may_use(*source)) {
        return {Result::Kind::drop, why};
    }
    if (!errors_.take(now)) {
        return {Result::Kind::drop, wire::Drop::icmp_rate_limited};
    }
    std::array<std::byte, quoted_bytes_max> quoted;
    std::memcpy(quoted.data(), packet.headers.data(), quoted_bytes);
    error.data = std::span{quoted}.first(quoted_bytes);
    const wire::Ipv6Addr destination = packet.source;
    std::byte* const ip = buffer.data() + link_bytes;
    const std::size_t message_bytes =
        wire::write_icmpv6(ip + wire::ipv6_header_bytes, error, *source, destination);
    constexpr std::uint8_t traffic_class = 0;
    write_header(ip, *source, destination, interface_.hop_limit, traffic_class, message_bytes);
    readdress(buffer, interface_.mac, link_header(buffer).source);
    counters_.add(ControlCounter::errors_sent);
    return {Result::Kind::reply, why,
            static_cast<std::uint32_t>(link_bytes + wire::ipv6_header_bytes + message_bytes)};
}

} // namespace millrace::stack
