#include "../instructions.hpp"
#include "samples.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <vector>

// Parsing, building and summing of one segment. bench/instructions runs it.

using namespace millrace::bench;
using namespace millrace::wire;
using namespace millrace::wire::bench;

namespace {

std::array<std::byte, 128> room;

template <class IpPacket>
void frames(const char* parse, const char* build, const IpPacket& wanted) {
    const Frame frame = frame_of(wanted);
    const EthernetFrame link = link_of(wanted);
    const TcpSegment segment = with_timestamps();
    IpPacket ip;
    TcpSegment out;
    count(parse, [&](std::uint32_t) {
        keep(&frame);
        keep(parse_frame(std::span{frame.bytes}.first(frame.length), ip, out));
        keep(&out);
    });
    count(build, [&](std::uint32_t) {
        keep(&wanted);
        keep(&segment);
        keep(write_frame(room.data(), link, wanted, segment));
    });
}

void segments(const char* parse, const char* write, const TcpSegment& segment) {
    const std::size_t length = write_tcp(room.data(), segment);
    TcpSegment out;
    count(parse, [&](std::uint32_t) {
        keep(&room);
        keep(parse_tcp(std::span{room}.first(length), out));
        keep(&out);
    });
    count(write, [&](std::uint32_t) {
        keep(&segment);
        keep(write_tcp(room.data(), segment));
    });
}

void checksum(const char* name, std::size_t length) {
    const std::vector<std::byte> bytes = some_bytes(length);
    count(name, [&](std::uint32_t) {
        keep(bytes.data());
        keep(finish(sum(bytes)));
    });
}

} // namespace

int main() {
    begin_instrumentation();
    count("nothing", [](std::uint32_t i) { keep(i); });
    frames("parse a frame, IPv4", "build a frame's headers, IPv4", ipv4_packet());
    frames("parse a frame, IPv6", "build a frame's headers, IPv6", ipv6_packet());
    segments("parse TCP, no options", "write TCP, no options", bare());
    segments("parse TCP, timestamps", "write TCP, timestamps", with_timestamps());
    segments("parse TCP, timestamps and SACK", "write TCP, timestamps and SACK", with_sack());
    segments("parse TCP, SYN", "write TCP, SYN", syn());
    checksum("checksum of 20 bytes", 20);
    checksum("checksum of 64 bytes", 64);
    checksum("checksum of 1460 bytes", 1460);
}
