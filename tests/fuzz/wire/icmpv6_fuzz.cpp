#include "property.hpp"
#include "wire/icmpv6.hpp"
#include "wire/nd.hpp"

#include <array>

using namespace millrace::wire;

namespace {

/// Parses what `packet` carries, its checksum made right first.
Drop parse(Ipv6Packet& packet, std::span<std::byte> bytes, Icmpv6Message& message) {
    const ChecksumSum pseudo =
        pseudo_header_sum(packet.source, packet.destination, ip_protocol::icmpv6,
                          static_cast<std::uint32_t>(bytes.size()));
    if (bytes.size() >= icmp_header_bytes) {
        auto& checksum = header_at<IcmpHeader>(bytes.data()).checksum;
        checksum = std::uint16_t{0};
        checksum = finish(pseudo + sum(bytes));
    }
    packet.payload = bytes;
    return parse_icmpv6(bytes, pseudo, message);
}

template <class Nd>
void check_nd(const Ipv6Packet& packet, const Icmpv6Message& message) {
    Nd meaning;
    if (parse_nd(packet, message, meaning) != Drop::none) {
        return;
    }
    std::array<std::byte, nd_bytes_max> out{};
    const std::size_t length = write_nd(out.data(), meaning, packet.source, packet.destination);
    Ipv6Packet carrier = packet;
    Icmpv6Message again;
    require(parse(carrier, std::span{out}.first(length), again) == Drop::none, "is read again");
    Nd meaning_again;
    require(parse_nd(carrier, again, meaning_again) == Drop::none, "ND is read again");
    require(meaning_again == meaning, "ND round trip");
}

void check_round_trip(const Ipv6Packet& packet, const Icmpv6Message& message) {
    std::vector<std::byte> out(icmp_header_bytes + message.data.size());
    write_icmpv6(out.data(), message, packet.source, packet.destination);
    Ipv6Packet carrier = packet;
    Icmpv6Message again;
    require(parse(carrier, out, again) == Drop::none, "is read again");
    require(again.type == message.type && again.code == message.code &&
                again.echo_id == message.echo_id && again.echo_sequence == message.echo_sequence &&
                again.mtu == message.mtu && again.pointer == message.pointer &&
                same(again.data, message.data),
            "round trip");
}

void check(const Ipv6Packet& packet, const Icmpv6Message& message) {
    switch (message.type) {
    case icmpv6_type::neighbour_solicitation:
        return check_nd<NeighbourSolicitation>(packet, message);
    case icmpv6_type::neighbour_advertisement:
        return check_nd<NeighbourAdvertisement>(packet, message);
    case icmpv6_type::router_solicitation:
        return check_nd<RouterSolicitation>(packet, message);
    case icmpv6_type::router_advertisement:
        return check_nd<RouterAdvertisement>(packet, message);
    default:
        return check_round_trip(packet, message);
    }
}

} // namespace

/// The first two bytes choose the carrying packet's addresses and hop limit.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const Ipv6Addr host = Ipv6Addr::link_local_from({{2, 0, 0, 0, 0, data[0]}});
    Ipv6Packet packet;
    packet.source = (data[1] & 1) != 0 ? Ipv6Addr{} : host;
    packet.destination = (data[1] & 2) != 0 ? host.solicited_node() : Ipv6Addr::loopback;
    packet.hop_limit = (data[1] & 4) != 0 ? 254 : 255;
    const auto rest = input(data, size).subspan(2);
    std::vector<std::byte> bytes{rest.begin(), rest.end()};
    Icmpv6Message message;
    if (parse(packet, bytes, message) == Drop::none) {
        check(packet, message);
        Icmpv6Quote quote;
        static_cast<void>(parse_icmpv6_quote(message.data, quote));
    }
    return 0;
}
