#include "wire/nd.hpp"

#include "frames.hpp"
#include "stack/admission.hpp"
#include "stack/control.hpp"

#include <array>
#include <cstring>

namespace millrace::stack {
namespace {

Evidence evidence_of(const wire::NeighbourAdvertisement& advertisement) {
    if (advertisement.solicited) {
        return advertisement.override ? Evidence::solicited_override : Evidence::solicited;
    }
    return advertisement.override ? Evidence::unsolicited_override : Evidence::unsolicited;
}

} // namespace

Control::Result Control::nd_arrives(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                    const wire::Icmpv6Message& message, Instant now) {
    wire::Drop drop = wire::Drop::none;
    switch (message.type) {
    case wire::icmpv6_type::neighbour_solicitation: {
        wire::NeighbourSolicitation solicitation;
        drop = wire::parse_nd(packet, message, solicitation);
        if (drop == wire::Drop::none) {
            return solicited(buffer, packet, solicitation, now);
        }
        break;
    }
    case wire::icmpv6_type::neighbour_advertisement: {
        wire::NeighbourAdvertisement advertisement;
        drop = wire::parse_nd(packet, message, advertisement);
        if (drop == wire::Drop::none) {
            return advertised(buffer, advertisement, now);
        }
        break;
    }
    case wire::icmpv6_type::router_advertisement: {
        wire::RouterAdvertisement advertisement;
        drop = wire::parse_nd(packet, message, advertisement);
        if (drop == wire::Drop::none) {
            return router_advertised(packet, advertisement, now);
        }
        break;
    }
    case wire::icmpv6_type::redirect:
        counters_.add(ControlCounter::redirects_ignored);
        return {};
    default: // Router solicitations are for routers.
        drop = wire::Drop::nd_not_for_us;
        break;
    }
    return {Result::Kind::drop, drop};
}

Control::Result Control::solicited(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                   const wire::NeighbourSolicitation& solicitation, Instant now) {
    const wire::MacAddr sender = link_header(buffer).source;
    const bool is_probe = packet.source.is_unspecified();
    switch (claims6_.state(solicitation.target)) {
    case ClaimState::waiting:
    case ClaimState::probing:
        // RFC 4862 §5.4.3: somebody else tries to get the address at the same time; but our own
        // probe, which some links bring back, proves nothing.
        if (is_probe && sender != interface_.mac) {
            contested(claims6_, solicitation.target, sender);
            return {Result::Kind::drop, wire::Drop::nd_conflict};
        }
        return {Result::Kind::drop, wire::Drop::nd_not_for_us};
    case ClaimState::lost: // Or not ours.
        return {Result::Kind::drop, wire::Drop::nd_not_for_us};
    case ClaimState::announcing:
    case ClaimState::settled:
        break;
    }
    if (sender == interface_.mac) {
        return {Result::Kind::drop, wire::Drop::frame_own_source};
    }
    if (solicitation.source_mac && is_on_link(interface_, packet.source)) {
        learn_neighbour(neighbours6_, packet.source, solicitation.source_mac, Evidence::request,
                        now);
    }
    return advertise(buffer, packet, solicitation);
}

/// RFC 4861 §7.2.4. Whoever probes for our address has none to send the answer to: all nodes hear
/// it.
Control::Result Control::advertise(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                   const wire::NeighbourSolicitation& solicitation) {
    const bool is_probe = packet.source.is_unspecified();
    const wire::Ipv6Addr destination = is_probe ? wire::Ipv6Addr::all_nodes : packet.source;
    wire::NeighbourAdvertisement advertisement{.target = solicitation.target,
                                               .solicited = !is_probe,
                                               .override = true,
                                               .target_mac = interface_.mac};
    const std::size_t link_bytes = link_bytes_before(buffer, packet.headers);
    std::array<std::byte, wire::nd_bytes_max> message;
    const std::size_t message_bytes =
        wire::write_nd(message.data(), advertisement, solicitation.target, destination);
    const std::size_t frame_bytes = link_bytes + wire::ipv6_header_bytes + message_bytes;
    if (frame_bytes > buffer.size()) {
        return {Result::Kind::drop, wire::Drop::tx_too_long};
    }
    readdress(buffer, interface_.mac,
              is_probe ? wire::multicast_mac(destination)
                       : solicitation.source_mac.value_or(link_header(buffer).source));
    std::byte* const ip = buffer.data() + link_bytes;
    wire::write_ipv6(ip,
                     {.source = solicitation.target,
                      .destination = destination,
                      .protocol = wire::ip_protocol::icmpv6,
                      .hop_limit = wire::nd_hop_limit},
                     message_bytes);
    std::memcpy(ip + wire::ipv6_header_bytes, message.data(), message_bytes);
    counters_.add(ControlCounter::advertisements_sent);
    return {Result::Kind::reply, wire::Drop::none, static_cast<std::uint32_t>(frame_bytes)};
}

Control::Result Control::advertised(std::span<std::byte> buffer,
                                    const wire::NeighbourAdvertisement& advertisement,
                                    Instant now) {
    const wire::MacAddr sender = link_header(buffer).source;
    if (sender == interface_.mac) {
        return {Result::Kind::drop, wire::Drop::frame_own_source};
    }
    if (interface_.owns(advertisement.target)) {
        contested(claims6_, advertisement.target, advertisement.target_mac.value_or(sender));
        return {Result::Kind::drop, wire::Drop::nd_conflict};
    }
    learn_neighbour(neighbours6_, advertisement.target, advertisement.target_mac,
                    evidence_of(advertisement), now);
    if (!advertisement.router) {
        router_ceased(advertisement.target, now);
    }
    return {};
}

std::size_t Control::write_step(std::span<std::byte> out,
                                const Claims<wire::Ipv6Addr>::Step& step) const {
    if (step.act == Claims<wire::Ipv6Addr>::Act::probe) {
        const wire::Ipv6Addr group = step.address.solicited_node();
        return write_nd_frame(out, interface_.mac, wire::multicast_mac(group), wire::Ipv6Addr{},
                              group, wire::NeighbourSolicitation{.target = step.address});
    }
    const wire::Ipv6Addr group = wire::Ipv6Addr::all_nodes;
    return write_nd_frame(out, interface_.mac, wire::multicast_mac(group), step.address, group,
                          wire::NeighbourAdvertisement{.target = step.address,
                                                       .override = true,
                                                       .target_mac = interface_.mac});
}

std::size_t Control::write_solicitation(std::span<std::byte> out, const wire::Ipv6Addr& target,
                                        const std::optional<wire::MacAddr>& mac) {
    const auto source = usable_source_for(target);
    if (!source) {
        return 0; // A solicitation from nobody would be a probe.
    }
    counters_.add(ControlCounter::solicitations_sent);
    const wire::Ipv6Addr destination = mac ? target : target.solicited_node();
    return write_nd_frame(
        out, interface_.mac, mac.value_or(wire::multicast_mac(destination)), *source, destination,
        wire::NeighbourSolicitation{.target = target, .source_mac = interface_.mac});
}

} // namespace millrace::stack
