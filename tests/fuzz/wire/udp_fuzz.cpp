#include "property.hpp"
#include "wire/udp.hpp"

using namespace millrace::wire;

/// A datagram that is read is written back but for its checksum, and its payload is within.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = input(data, size);
    UdpDatagram datagram;
    if (parse_udp(bytes, datagram) != Drop::none) {
        return 0;
    }
    require(lies_in(datagram.covered, bytes) && lies_in(datagram.payload, datagram.covered),
            "spans");
    std::byte out[udp_header_bytes];
    write_udp(out, datagram, datagram.payload.size());
    require(same(std::span{out}.first(6), bytes.first(6)), "written as read");
    return 0;
}
