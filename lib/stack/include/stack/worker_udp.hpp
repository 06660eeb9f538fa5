#pragma once

#include "stack/worker.hpp"

/// The UDP services.
namespace millrace::stack {

template <Nic N, Service... S>
template <class IpPacket>
const UdpService* Worker<N, S...>::find_udp(const IpPacket& ip, std::uint16_t port) const {
    const auto serves = [&](const UdpService& service) {
        if (service.port != port) {
            return false;
        }
        if (service.ipv4_addresses.empty() && service.ipv6_addresses.empty()) {
            return true;
        }
        if constexpr (std::is_same_v<IpPacket, wire::Ipv4Packet>) {
            return std::ranges::find(service.ipv4_addresses, ip.destination) !=
                   service.ipv4_addresses.end();
        } else {
            return std::ranges::find(service.ipv6_addresses, ip.destination) !=
                   service.ipv6_addresses.end();
        }
    };
    const auto found = std::ranges::find_if(udp_services_, serves);
    return found == udp_services_.end() ? nullptr : &*found;
}

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::parse_udp(Packet packet, const IpPacket& ip, Instant now) {
    constexpr bool is_ipv4 = std::is_same_v<IpPacket, wire::Ipv4Packet>;
    wire::UdpDatagram datagram;
    wire::Drop drop = wire::parse_udp(ip.payload, datagram);
    if (drop == wire::Drop::none && !datagram.has_checksum() && !is_ipv4) {
        drop = wire::Drop::udp_no_checksum;
    } else if (drop == wire::Drop::none && datagram.has_checksum() &&
               !checksum_is_right(packet, ip, datagram.covered)) {
        drop = wire::Drop::udp_bad_checksum;
    } else if (drop == wire::Drop::none && datagram.source_port == 0) {
        drop = wire::Drop::udp_bad_port; // There is nobody to answer.
    }
    if (drop != wire::Drop::none) {
        core_.drop(packet, drop);
        return;
    }
    const bool unicast = core_.settings.interface.owns(ip.destination);
    if (unicast && !control_.may_use(ip.destination)) {
        core_.drop(packet, wire::Drop::ip_not_our_address);
        return;
    }
    const UdpService* const service = find_udp(ip, datagram.destination_port);
    if (service == nullptr) {
        finish_control(packet, control_.unreachable(room_for_reply(packet), ip,
                                                    wire::Drop::udp_no_service, now));
        return;
    }
    core_.counters.add(Counter::udp_datagrams_received);
    // One echo service that answers another's answer would never end.
    const bool loops = find_udp(ip, datagram.source_port) != nullptr;
    if (service->action == UdpAction::discard || loops || !unicast) {
        core_.nic.release(packet);
        return;
    }
    std::size_t ip_bytes = ip.payload.size();
    if constexpr (is_ipv4) {
        ip_bytes += ip.header.size();
    } else {
        ip_bytes += ip.headers.size();
    }
    if (ip_bytes > core_.settings.interface.mtu) {
        core_.drop(packet, wire::Drop::reply_too_long);
        return;
    }
    echo_udp(packet, ip, datagram);
}

/// Turns the packet round where it stands. Exchanging addresses and ports changes no checksum; the
/// way back is as long as any, whatever is left of the hops that the request had.
template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::echo_udp(Packet packet, const IpPacket& ip,
                               const wire::UdpDatagram& datagram) {
    const std::uint8_t hop_limit = core_.settings.interface.hop_limit;
    std::byte* const frame = packet.bytes().data();
    const auto at = [&](const std::byte* part) { return frame + (part - frame); };
    auto& ethernet = wire::header_at<wire::EthernetHeader>(frame);
    ethernet.destination = ethernet.source;
    ethernet.source = core_.settings.interface.mac;
    auto& udp = wire::header_at<wire::UdpHeader>(at(datagram.covered.data()));
    std::swap(udp.source_port, udp.destination_port);
    if constexpr (std::is_same_v<IpPacket, wire::Ipv4Packet>) {
        auto& header = wire::header_at<wire::Ipv4Header>(at(ip.header.data()));
        std::swap(header.source, header.destination);
        const auto word = [&] {
            return static_cast<std::uint16_t>(header.ttl << 8 | header.protocol);
        };
        const std::uint16_t before = word();
        header.ttl = hop_limit;
        header.checksum = wire::update_checksum(header.checksum, before, word());
    } else {
        auto& header = wire::header_at<wire::Ipv6Header>(at(ip.headers.data()));
        std::swap(header.source, header.destination);
        header.hop_limit = hop_limit;
    }
    packet.request({});
    core_.counters.add(Counter::udp_datagrams_sent);
    core_.transmitter.send(packet);
}

} // namespace millrace::stack
