#include "property.hpp"
#include "wire/ethernet.hpp"

using namespace millrace::wire;

/// A frame that is read is written back byte for byte.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = input(data, size);
    EthernetFrame frame;
    if (parse_ethernet(bytes, frame) != Drop::none) {
        return 0;
    }
    require(frame.header_length() + frame.payload.size() == size, "header and payload are all");
    std::byte out[ethernet_header_bytes_max];
    const std::size_t length = write_ethernet(out, frame);
    require(same({out, length}, bytes.first(length)), "written as read");
    return 0;
}
