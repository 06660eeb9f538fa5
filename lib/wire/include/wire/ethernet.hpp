#pragma once

#include "base/big_endian.hpp"
#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

namespace ethertype {
inline constexpr std::uint16_t ipv4 = 0x0800;
inline constexpr std::uint16_t arp = 0x0806;
inline constexpr std::uint16_t vlan = 0x8100;         ///< 802.1Q customer tag.
inline constexpr std::uint16_t vlan_service = 0x88a8; ///< 802.1ad service tag.
inline constexpr std::uint16_t ipv6 = 0x86dd;
/// What is below is the length of an 802.3 frame, which nothing here reads.
inline constexpr std::uint16_t least = 0x0600;
} // namespace ethertype

inline constexpr std::size_t ethernet_header_bytes = 14;
inline constexpr std::size_t vlan_tag_bytes = 4;
inline constexpr std::size_t ethernet_header_bytes_max = ethernet_header_bytes + vlan_tag_bytes;

/// The Ethernet II header as it lies in a frame.
struct EthernetHeader {
    MacAddr destination;
    MacAddr source;
    BigEndian<std::uint16_t> ethertype;
};
static_assert(sizeof(EthernetHeader) == ethernet_header_bytes);

/// The part of an 802.1Q tag that stands behind the EtherType 0x8100.
struct VlanTag {
    BigEndian<std::uint16_t> control;
    BigEndian<std::uint16_t> ethertype;
};
static_assert(sizeof(VlanTag) == vlan_tag_bytes);

/// A frame with at most one tag. `payload` points into the frame and may end in padding.
struct EthernetFrame {
    MacAddr destination;
    MacAddr source;
    std::uint16_t ethertype = 0; ///< Of the payload, behind the tag.
    bool tagged = false;
    std::uint16_t vlan_control = 0; ///< Priority, drop eligibility and VLAN id; 0 when untagged.
    std::span<const std::byte> payload{};

    /// The VLAN's number; 0 also for a tag that carries a priority only.
    [[nodiscard]] constexpr std::uint16_t vlan_id() const { return vlan_control & 0x0fffU; }

    [[nodiscard]] constexpr std::size_t header_length() const {
        return tagged ? ethernet_header_bytes_max : ethernet_header_bytes;
    }
};

/// Reads a frame without its check sequence. Returns `frame_too_short`, `frame_bad_source` (a group
/// address cannot send), `vlan_stacked` or `ethertype_unknown` (a length in place of a type).
inline Drop parse_ethernet(std::span<const std::byte> bytes, EthernetFrame& out) {
    if (bytes.size() < ethernet_header_bytes) [[unlikely]] {
        return Drop::frame_too_short;
    }
    const auto& header = header_at<EthernetHeader>(bytes.data());
    out.destination = header.destination;
    out.source = header.source;
    out.ethertype = header.ethertype;
    out.tagged = out.ethertype == ethertype::vlan;
    out.vlan_control = 0;
    if (out.source.is_multicast()) [[unlikely]] {
        return Drop::frame_bad_source;
    }
    if (out.tagged) [[unlikely]] {
        if (bytes.size() < ethernet_header_bytes_max) {
            return Drop::frame_too_short;
        }
        const auto& tag = header_at<VlanTag>(bytes.data() + ethernet_header_bytes);
        out.vlan_control = tag.control;
        out.ethertype = tag.ethertype;
        if (out.ethertype == ethertype::vlan) {
            return Drop::vlan_stacked;
        }
    }
    if (out.ethertype == ethertype::vlan_service) [[unlikely]] {
        return Drop::vlan_stacked;
    }
    if (out.ethertype < ethertype::least) [[unlikely]] {
        return Drop::ethertype_unknown;
    }
    out.payload = bytes.subspan(out.header_length());
    return Drop::none;
}

/// Writes the header, with its tag where there is one, at `out`, which has room for
/// `frame.header_length()`; returns that length.
inline std::size_t write_ethernet(std::byte* out, const EthernetFrame& frame) {
    auto& header = header_at<EthernetHeader>(out);
    header.destination = frame.destination;
    header.source = frame.source;
    header.ethertype = frame.tagged ? ethertype::vlan : frame.ethertype;
    if (frame.tagged) {
        header_at<VlanTag>(out + ethernet_header_bytes) = {frame.vlan_control, frame.ethertype};
    }
    return frame.header_length();
}

} // namespace millrace::wire
