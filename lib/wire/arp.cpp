#include "wire/arp.hpp"

#include "wire/ethernet.hpp"

namespace millrace::wire {
namespace {

constexpr std::uint16_t hardware_ethernet = 1;

bool is_ipv4_over_ethernet(const ArpHeader& header) {
    return header.hardware_type == hardware_ethernet && header.protocol_type == ethertype::ipv4 &&
           header.hardware_length == sizeof(MacAddr) && header.protocol_length == sizeof(Ipv4Addr);
}

bool is_known(std::uint16_t operation) {
    return operation == static_cast<std::uint16_t>(ArpOperation::request) ||
           operation == static_cast<std::uint16_t>(ArpOperation::reply);
}

/// The unspecified IP address may send: a probe does.
bool can_be_a_host(const MacAddr& mac, const Ipv4Addr& ip) {
    return !mac.is_multicast() && !mac.is_unspecified() && !ip.is_multicast() &&
           !ip.is_reserved() && !ip.is_loopback();
}

} // namespace

Drop parse_arp(std::span<const std::byte> bytes, ArpPacket& out) {
    if (bytes.size() < arp_bytes) {
        return Drop::arp_too_short;
    }
    const auto& header = header_at<ArpHeader>(bytes.data());
    if (!is_ipv4_over_ethernet(header) || !is_known(header.operation)) {
        return Drop::arp_malformed;
    }
    if (!can_be_a_host(header.sender_mac, header.sender_ip)) {
        return Drop::arp_bad_sender;
    }
    out = {.operation = ArpOperation{std::uint16_t{header.operation}},
           .sender_mac = header.sender_mac,
           .sender_ip = header.sender_ip,
           .target_mac = header.target_mac,
           .target_ip = header.target_ip};
    return Drop::none;
}

std::size_t write_arp(std::byte* out, const ArpPacket& packet) {
    header_at<ArpHeader>(out) = {.hardware_type = hardware_ethernet,
                                 .protocol_type = ethertype::ipv4,
                                 .hardware_length = sizeof(MacAddr),
                                 .protocol_length = sizeof(Ipv4Addr),
                                 .operation = static_cast<std::uint16_t>(packet.operation),
                                 .sender_mac = packet.sender_mac,
                                 .sender_ip = packet.sender_ip,
                                 .target_mac = packet.target_mac,
                                 .target_ip = packet.target_ip};
    return arp_bytes;
}

} // namespace millrace::wire
