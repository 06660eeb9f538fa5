#include "property.hpp"
#include "wire/tcp.hpp"

using namespace millrace::wire;

namespace {

/// Options as they are after those that do not fit into a header have been left out.
TcpOptions that_fit(const TcpSegment& segment) {
    std::byte out[tcp_header_bytes_max];
    const std::size_t length = write_tcp(out, segment);
    TcpSegment again;
    require(parse_tcp({out, length}, again) == Drop::none, "is read again");
    TcpOptions options = segment.options;
    require(again.options.sack_count <= options.sack_count, "no SACK block is made up");
    require(!again.options.has_fast_open || options.has_fast_open, "no cookie is made up");
    require(!again.options.has_user_timeout || options.has_user_timeout, "no timeout is made up");
    options.sack_count = again.options.sack_count;
    options.has_fast_open = again.options.has_fast_open;
    options.has_user_timeout = again.options.has_user_timeout;
    return options;
}

bool same_meaning(const TcpOptions& a, const TcpOptions& b) {
    return a.has_mss == b.has_mss && (!a.has_mss || a.mss == b.mss) &&
           a.has_window_scale == b.has_window_scale &&
           (!a.has_window_scale || a.window_scale == b.window_scale) &&
           a.sack_permitted == b.sack_permitted && a.has_timestamps == b.has_timestamps &&
           (!a.has_timestamps || (a.ts_val == b.ts_val && a.ts_ecr == b.ts_ecr)) &&
           a.has_user_timeout == b.has_user_timeout &&
           (!a.has_user_timeout || a.user_timeout_s == b.user_timeout_s) &&
           a.has_fast_open == b.has_fast_open &&
           (!a.has_fast_open || same(a.fast_open_cookie, b.fast_open_cookie)) &&
           a.sack_count == b.sack_count &&
           std::equal(a.sack.begin(), a.sack.begin() + a.sack_count, b.sack.begin());
}

bool same_meaning(const TcpSegment& a, const TcpSegment& b) {
    return a.source_port == b.source_port && a.destination_port == b.destination_port &&
           a.seq == b.seq && a.ack == b.ack && a.flags == b.flags && a.window == b.window &&
           a.urgent_pointer == b.urgent_pointer && same(a.payload, b.payload) &&
           same_meaning(a.options, b.options);
}

} // namespace

/// A segment that is read, written and read again means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = input(data, size);
    TcpSegment segment;
    if (parse_tcp(bytes, segment) != Drop::none) {
        return 0;
    }
    require(lies_in(segment.payload, bytes), "the payload lies in the segment");
    require(segment.options.sack_count <= segment.options.sack.size(), "SACK blocks");
    require(!segment.options.has_fast_open || lies_in(segment.options.fast_open_cookie, bytes),
            "the cookie lies in the segment");

    segment.options = that_fit(segment);
    std::vector<std::byte> out(tcp_header_bytes_min + tcp_options_length(segment.options));
    require(out.size() <= tcp_header_bytes_max, "the header is no longer than 60 bytes");
    require(write_tcp(out.data(), segment) == out.size(), "length");
    out.insert(out.end(), segment.payload.begin(), segment.payload.end());
    TcpSegment again;
    require(parse_tcp(out, again) == Drop::none && same_meaning(segment, again), "round trip");
    return 0;
}
