#include "property.hpp"
#include "wire/ipv6.hpp"

using namespace millrace::wire;

namespace {

/// What was read of a whole packet, without its extension headers, written and read again.
void check_round_trip(const Ipv6Packet& packet) {
    if (packet.is_fragment() || detail::is_ipv6_extension(packet.protocol)) {
        return;
    }
    std::vector<std::byte> out(ipv6_header_bytes);
    write_ipv6(out.data(), packet, packet.payload.size());
    out.insert(out.end(), packet.payload.begin(), packet.payload.end());
    Ipv6Packet again;
    require(parse_ipv6(out, again) == Drop::none, "is read again");
    require(again.source == packet.source && again.destination == packet.destination &&
                again.protocol == packet.protocol && again.hop_limit == packet.hop_limit &&
                again.traffic_class == packet.traffic_class &&
                again.flow_label == packet.flow_label && same(again.payload, packet.payload),
            "round trip");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = input(data, size);
    Ipv6Packet packet;
    if (parse_ipv6(bytes, packet) == Drop::none) {
        require(lies_in(packet.headers, bytes) && lies_in(packet.payload, bytes), "spans");
        require(packet.headers.data() + packet.headers.size() == packet.payload.data() ||
                    packet.payload.empty(),
                "the payload follows the headers");
        require(std::to_integer<std::uint8_t>(bytes[packet.next_header_offset]) == packet.protocol,
                "the protocol stands where it is said to");
        static_cast<void>(check_addresses(packet));
        check_round_trip(packet);
    } else if (packet.problem.report) {
        require(packet.problem.pointer < size, "the problem lies in the packet");
    }
    Ipv6Packet quoted;
    if (parse_ipv6_quote(bytes, quoted) == Drop::none) {
        require(lies_in(quoted.payload, bytes), "quote's spans");
    }
    return 0;
}
