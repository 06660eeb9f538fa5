#include "property.hpp"
#include "wire/ipv4.hpp"

using namespace millrace::wire;

namespace {

bool same_meaning(const Ipv4Packet& a, const Ipv4Packet& b) {
    return a.source == b.source && a.destination == b.destination && a.protocol == b.protocol &&
           a.ttl == b.ttl && a.traffic_class == b.traffic_class &&
           a.dont_fragment == b.dont_fragment && a.more_fragments == b.more_fragments &&
           a.id == b.id && a.fragment_offset == b.fragment_offset && same(a.payload, b.payload);
}

} // namespace

/// A packet that is read, written without its options and read again means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = input(data, size);
    Ipv4Packet packet;
    if (parse_ipv4(bytes, packet) != Drop::none) {
        return 0;
    }
    require(lies_in(packet.header, bytes) && lies_in(packet.payload, bytes), "spans");
    require(packet.header.size() == ipv4_header_bytes_min + packet.options().size(), "options");
    static_cast<void>(check_addresses(packet));
    require(ipv4_header_is_intact(packet.header) == is_intact(sum(packet.header)), "checksum");

    std::vector<std::byte> out(ipv4_header_bytes_min);
    write_ipv4(out.data(), packet, packet.payload.size());
    fill_ipv4_checksum(out.data());
    require(ipv4_header_is_intact(out), "checksum is filled in");
    out.insert(out.end(), packet.payload.begin(), packet.payload.end());
    Ipv4Packet again;
    require(parse_ipv4(out, again) == Drop::none && same_meaning(packet, again), "round trip");
    return 0;
}
