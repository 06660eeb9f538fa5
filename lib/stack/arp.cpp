#include "frames.hpp"
#include "stack/admission.hpp"
#include "stack/control.hpp"

namespace millrace::stack {
namespace {

bool is_tentative(ClaimState state) {
    return state == ClaimState::waiting || state == ClaimState::probing;
}

/// RFC 5227 §2.3: a request that asks for the sender's own address.
wire::ArpPacket announcement_of(const wire::Ipv4Addr& own, const wire::MacAddr& mac) {
    return {.operation = wire::ArpOperation::request,
            .sender_mac = mac,
            .sender_ip = own,
            .target_mac = {},
            .target_ip = own};
}

} // namespace

Control::Result Control::arp_arrives(std::span<std::byte> buffer, std::span<const std::byte> packet,
                                     Instant now) {
    wire::ArpPacket arp;
    if (const wire::Drop drop = wire::parse_arp(packet, arp); drop != wire::Drop::none) {
        return {Result::Kind::drop, drop};
    }
    if (arp.sender_mac == interface_.mac) {
        return {Result::Kind::drop, wire::Drop::frame_own_source};
    }
    if (is_broadcast(interface_, arp.sender_ip)) {
        return {Result::Kind::drop, wire::Drop::arp_bad_sender};
    }
    const std::size_t link_bytes = link_bytes_before(buffer, packet);
    // RFC 5227 §2.1.1: while we probe, somebody else's probe for the same address counts as well.
    const bool rival_probe = arp.is_probe() && is_tentative(claims4_.state(arp.target_ip));
    if (interface_.owns(arp.sender_ip) || rival_probe) {
        return arp_conflict(buffer, link_bytes, arp, now);
    }
    if (arp.is_gratuitous()) {
        learn_neighbour(neighbours4_, arp.sender_ip, arp.sender_mac, Evidence::unsolicited_override,
                        now);
        return {};
    }
    if (arp.operation == wire::ArpOperation::request) {
        return arp_request(buffer, link_bytes, arp, now);
    }
    if (!interface_.owns(arp.target_ip)) {
        return {Result::Kind::drop, wire::Drop::arp_not_for_us};
    }
    const bool to_us_alone = link_header(buffer).destination == interface_.mac;
    learn_neighbour(neighbours4_, arp.sender_ip, arp.sender_mac,
                    to_us_alone ? Evidence::solicited_override : Evidence::unsolicited_override,
                    now);
    return {};
}

/// RFC 5227 §2.1.1 while the address is tentative, §2.4 (c) once it is ours: we keep it, and say so
/// to everybody, but not so often that two such hosts drown the link.
Control::Result Control::arp_conflict(std::span<std::byte> buffer, std::size_t link_bytes,
                                      const wire::ArpPacket& packet, Instant now) {
    const wire::Ipv4Addr& own = packet.is_probe() ? packet.target_ip : packet.sender_ip;
    contested(claims4_, own, packet.sender_mac);
    if (!claims4_.may_defend(own, now)) {
        return {Result::Kind::drop, wire::Drop::arp_conflict};
    }
    counters_.add(ControlCounter::announcements_sent);
    readdress(buffer, interface_.mac, wire::MacAddr::broadcast);
    wire::write_arp(buffer.data() + link_bytes, announcement_of(own, interface_.mac));
    return {Result::Kind::reply, wire::Drop::arp_conflict,
            static_cast<std::uint32_t>(link_bytes + wire::arp_bytes)};
}

Control::Result Control::arp_request(std::span<std::byte> buffer, std::size_t link_bytes,
                                     const wire::ArpPacket& packet, Instant now) {
    const bool sender_is_neighbour = is_on_link(interface_, packet.sender_ip);
    if (!interface_.owns(packet.target_ip) || !may_use(packet.target_ip)) {
        if (sender_is_neighbour) {
            learn_neighbour(neighbours4_, packet.sender_ip, packet.sender_mac,
                            Evidence::unsolicited, now);
        }
        return {Result::Kind::drop, wire::Drop::arp_not_for_us};
    }
    if (sender_is_neighbour) {
        learn_neighbour(neighbours4_, packet.sender_ip, packet.sender_mac, Evidence::request, now);
    }
    counters_.add(ControlCounter::arp_replies_sent);
    readdress(buffer, interface_.mac, packet.sender_mac);
    wire::write_arp(buffer.data() + link_bytes, {.operation = wire::ArpOperation::reply,
                                                 .sender_mac = interface_.mac,
                                                 .sender_ip = packet.target_ip,
                                                 .target_mac = packet.sender_mac,
                                                 .target_ip = packet.sender_ip});
    return {Result::Kind::reply, wire::Drop::none,
            static_cast<std::uint32_t>(link_bytes + wire::arp_bytes)};
}

std::size_t Control::write_step(std::span<std::byte> out,
                                const Claims<wire::Ipv4Addr>::Step& step) const {
    wire::ArpPacket packet = announcement_of(step.address, interface_.mac);
    if (step.act == Claims<wire::Ipv4Addr>::Act::probe) {
        packet.sender_ip = {};
    }
    return write_arp_frame(out, packet, wire::MacAddr::broadcast);
}

std::size_t Control::write_solicitation(std::span<std::byte> out, const wire::Ipv4Addr& target,
                                        const std::optional<wire::MacAddr>& mac) {
    const auto source = usable_source_for(target);
    if (!source) {
        return 0; // A request without a sender would be a probe.
    }
    counters_.add(ControlCounter::solicitations_sent);
    return write_arp_frame(out,
                           {.operation = wire::ArpOperation::request,
                            .sender_mac = interface_.mac,
                            .sender_ip = *source,
                            .target_mac = {},
                            .target_ip = target},
                           mac.value_or(wire::MacAddr::broadcast));
}

} // namespace millrace::stack
