#pragma once

#include <cstdint>

namespace millrace {

/// What the port says of a received checksum.
enum class ChecksumVerdict : std::uint8_t {
    unknown, ///< The port did not look (or could not): software must.
    good,
    bad,
};

/// The port's verdicts on one received packet.
struct RxChecksums {
    ChecksumVerdict ip = ChecksumVerdict::unknown; ///< The IPv4 header's.
    ChecksumVerdict l4 = ChecksumVerdict::unknown; ///< TCP's or UDP's.
};

/// What a port does for packets that are sent; what it does not, the stack does in software.
struct TxOffloads {
    bool ipv4_checksum = false;
    bool tcp_checksum = false;
    bool udp_checksum = false;
    bool tcp_segmentation = false;
    bool multi_segment = false; ///< A packet may be a chain, so slices can be attached.
};

/// What is asked of the port for one packet that is sent. Lengths are in bytes.
struct TxRequest {
    std::uint16_t l2_length = 0;
    std::uint16_t l3_length = 0;
    std::uint16_t l4_length = 0;    ///< TCP header with options; 0 for anything else.
    std::uint16_t segment_size = 0; ///< Payload bytes of each segment to cut; 0: do not cut.
    bool ipv4 = false;
    bool ip_checksum = false;  ///< Fill in the IPv4 header checksum.
    bool tcp_checksum = false; ///< Fill in; the field holds the pseudo-header's sum.
    bool udp_checksum = false; ///< Likewise.
};

} // namespace millrace
