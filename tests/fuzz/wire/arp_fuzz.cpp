#include "property.hpp"
#include "wire/arp.hpp"

using namespace millrace::wire;

/// A packet that is read is written back byte for byte.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = input(data, size);
    ArpPacket packet;
    if (parse_arp(bytes, packet) != Drop::none) {
        return 0;
    }
    std::byte out[arp_bytes];
    require(write_arp(out, packet) == arp_bytes, "length");
    require(same(out, bytes.first(arp_bytes)), "written as read");
    return 0;
}
