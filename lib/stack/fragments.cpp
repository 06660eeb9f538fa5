#include "stack/fragments.hpp"

#include "wire/icmpv6.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"
#include "wire/view.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace::stack {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t unit_bytes = 8; // In which offsets are counted.

/// RFC 1858 §3.1, RFC 3128: ports and flags are to be in the first fragment, where filters see
/// them.
std::size_t first_bytes_min(std::uint8_t protocol) {
    return protocol == wire::ip_protocol::tcp ? wire::tcp_header_bytes_min : unit_bytes;
}

bool is_neighbour_discovery(std::byte first) {
    const auto type = std::to_integer<std::uint8_t>(first);
    return type >= wire::icmpv6_type::router_solicitation && type <= wire::icmpv6_type::redirect;
}

/// The bit of a codepoint of congestion experienced.
constexpr std::uint8_t marked = 1U << 3;

} // namespace

template <class Addr>
Fragments<Addr>::Fragments(const FragmentLimits& limits, std::uint16_t mtu, const SipKey& key,
                           std::pmr::memory_resource& memory)
    : memory_{memory}, key_{key}, payload_max_{std::max<std::uint32_t>(mtu, 1500) -
                                               std::uint32_t{is_ipv4 ? wire::ipv4_header_bytes_min
                                                                     : wire::ipv6_header_bytes}},
      place_bytes_{(headers_max + payload_max_ + 63U) / 64 * 64},
      map_words_{(payload_max_ / unit_bytes + 64) / 64}, share_{},
      datagrams_{std::max(static_cast<std::uint32_t>(
                              limits.memory_bytes /
                              (place_bytes_ + sizeof(Datagram) + map_words_ * unit_bytes)),
                          1U),
                 memory},
      tags_(datagrams_.capacity(), &memory), bytes_{static_cast<std::byte*>(
                                                 memory.allocate(bytes_taken(), alignment))},
      map_(datagrams_.capacity() * map_words_, &memory) {
    share_ = std::max(datagrams_.capacity() / std::max(limits.sources_at_least, 1U), 1U);
}

template <class Addr>
Fragments<Addr>::~Fragments() {
    memory_.deallocate(bytes_, bytes_taken(), alignment);
}

template <class Addr>
std::uint32_t Fragments<Addr>::id_of(const IpPacket& fragment) {
    if constexpr (is_ipv4) {
        return fragment.id;
    } else {
        return fragment.fragment_id;
    }
}

/// Never 0. Only the first of IPv6's fragments says for certain what follows the fragment header
/// (RFC 8200 §4.5), so its protocol is not a part of the name there.
template <class Addr>
std::uint32_t Fragments<Addr>::tag_of(const IpPacket& fragment) const {
    std::array<std::byte, 2 * sizeof(Addr) + 5> name{};
    const std::uint32_t id = id_of(fragment);
    std::memcpy(name.data(), &fragment.source, sizeof(Addr));
    std::memcpy(name.data() + sizeof(Addr), &fragment.destination, sizeof(Addr));
    std::memcpy(name.data() + 2 * sizeof(Addr), &id, sizeof id);
    if constexpr (is_ipv4) {
        name.back() = std::byte{fragment.protocol};
    }
    return std::max(static_cast<std::uint32_t>(siphash(key_, name)), 1U);
}

template <class Addr>
std::uint32_t Fragments<Addr>::find(const IpPacket& fragment, std::uint32_t tag) const {
    for (std::uint32_t index = 0; index < tags_.size(); ++index) {
        if (tags_[index] != tag) {
            continue;
        }
        const Datagram& datagram = datagrams_[index];
        if (datagram.source == fragment.source && datagram.destination == fragment.destination &&
            datagram.id == id_of(fragment) &&
            (!is_ipv4 || datagram.protocol == fragment.protocol)) {
            return index;
        }
    }
    return none;
}

/// A place for a new datagram. What has a place keeps it: a flood keeps out what is new.
template <class Addr>
auto Fragments<Addr>::make(const IpPacket& fragment, std::uint32_t tag, Instant now) -> Taken {
    std::uint32_t of_source = 0;
    for (std::uint32_t at = oldest_; at != none; at = datagrams_[at].younger) {
        of_source += datagrams_[at].source == fragment.source ? 1U : 0U;
    }
    if (of_source >= share_) {
        return {wire::Drop::fragment_source_share, none};
    }
    const std::uint32_t index = datagrams_.allocate();
    if (index == none) {
        return {wire::Drop::fragment_pool_dry, none};
    }
    Datagram& datagram = datagrams_[index];
    datagram = Datagram{};
    datagram.source = fragment.source;
    datagram.destination = fragment.destination;
    datagram.id = id_of(fragment);
    datagram.protocol = fragment.protocol;
    datagram.deadline = now + lifetime;
    datagram.older = youngest_;
    (youngest_ == none ? oldest_ : datagrams_[youngest_].younger) = index;
    youngest_ = index;
    tags_[index] = tag;
    std::ranges::fill(map(index), 0);
    return {wire::Drop::none, index};
}

template <class Addr>
void Fragments<Addr>::release(std::uint32_t index) {
    const Datagram& datagram = datagrams_[index];
    (datagram.older == none ? oldest_ : datagrams_[datagram.older].younger) = datagram.younger;
    (datagram.younger == none ? youngest_ : datagrams_[datagram.younger].older) = datagram.older;
    tags_[index] = 0;
    datagrams_.release(index);
}

/// Whether the fragment can be a part of the datagram at all.
template <class Addr>
wire::Drop Fragments<Addr>::check(const Datagram& datagram, const IpPacket& fragment) const {
    const std::size_t end = fragment.fragment_offset + fragment.payload.size();
    if (end > payload_max_) {
        return wire::Drop::fragment_too_long;
    }
    if (fragment.fragment_offset == 0 &&
        fragment.payload.size() < first_bytes_min(fragment.protocol)) {
        return wire::Drop::fragment_too_short;
    }
    const bool other_end = !fragment.more_fragments && end < datagram.end;
    const bool beyond_end =
        datagram.total_bytes != 0 &&
        (end > datagram.total_bytes || (!fragment.more_fragments && end != datagram.total_bytes));
    return other_end || beyond_end ? wire::Drop::fragment_malformed : wire::Drop::none;
}

/// Copies the fragment to where it belongs. What is there already must be all of it, and the same.
template <class Addr>
wire::Drop Fragments<Addr>::store(std::uint32_t index, const IpPacket& fragment) {
    Datagram& datagram = datagrams_[index];
    const std::size_t first = fragment.fragment_offset / unit_bytes;
    const std::size_t last = (fragment.fragment_offset + fragment.payload.size() - 1) / unit_bytes;
    const auto words = map(index);
    const auto bit = [](std::size_t unit) { return std::uint64_t{1} << unit % 64; };
    std::size_t there = 0;
    for (std::size_t unit = first; unit <= last; ++unit) {
        there += (words[unit / 64] & bit(unit)) != 0 ? 1U : 0U;
    }
    std::byte* const out = payload(index) + fragment.fragment_offset;
    if (there > 0) {
        const bool same = there == last - first + 1 &&
                          std::memcmp(out, fragment.payload.data(), fragment.payload.size()) == 0 &&
                          (fragment.more_fragments || datagram.total_bytes != 0);
        return same ? wire::Drop::fragment_duplicate : wire::Drop::fragment_overlap;
    }
    for (std::size_t unit = first; unit <= last; ++unit) {
        words[unit / 64] |= bit(unit);
    }
    std::memcpy(out, fragment.payload.data(), fragment.payload.size());
    const auto length = static_cast<std::uint32_t>(fragment.payload.size());
    datagram.bytes += length;
    datagram.end = std::max(datagram.end, fragment.fragment_offset + length);
    return wire::Drop::none;
}

template <class Addr>
void Fragments<Addr>::note_header(Datagram& datagram, const wire::EthernetFrame& frame,
                                  const IpPacket& fragment) {
    datagram.ecn_seen |= static_cast<std::uint8_t>(1U << (fragment.traffic_class & 3U));
    if (!fragment.more_fragments) {
        datagram.total_bytes =
            static_cast<std::uint32_t>(fragment.fragment_offset + fragment.payload.size());
    }
    if (fragment.fragment_offset == 0) {
        datagram.protocol = fragment.protocol;
        datagram.hop_limit = [&] {
            if constexpr (is_ipv4) {
                return fragment.ttl;
            } else {
                return fragment.hop_limit;
            }
        }();
        datagram.traffic_class = fragment.traffic_class;
        datagram.first_bytes = static_cast<std::uint16_t>(fragment.payload.size());
        datagram.from = frame.source;
        datagram.to = frame.destination;
    }
}

/// Fragments may not disagree on whether the datagram may be marked (RFC 3168 §5.3), nor may
/// neighbour discovery come in them.
template <class Addr>
wire::Drop Fragments<Addr>::check_noted(std::uint32_t index) {
    const Datagram& datagram = datagrams_[index];
    constexpr std::uint8_t not_capable = 1U << 0;
    if ((datagram.ecn_seen & not_capable) != 0 && (datagram.ecn_seen & marked) != 0) {
        return wire::Drop::fragment_malformed;
    }
    if (!is_ipv4 && datagram.first_bytes > 0 && datagram.protocol == wire::ip_protocol::icmpv6 &&
        is_neighbour_discovery(*payload(index))) {
        return wire::Drop::nd_fragmented;
    }
    return wire::Drop::none;
}

template <class Addr>
auto Fragments<Addr>::take(const wire::EthernetFrame& frame, const IpPacket& fragment, Instant now)
    -> Taken {
    const std::uint32_t tag = tag_of(fragment);
    std::uint32_t index = find(fragment, tag);
    if (index == none) {
        const Taken made = make(fragment, tag, now);
        if (made.drop != wire::Drop::none) {
            return made;
        }
        index = made.whole;
    }
    Datagram& datagram = datagrams_[index];
    if (datagram.refused) {
        return {wire::Drop::fragment_of_refused, none};
    }
    wire::Drop drop = check(datagram, fragment);
    if (drop == wire::Drop::none) {
        drop = store(index, fragment);
    }
    if (drop == wire::Drop::fragment_duplicate) {
        return {drop, none};
    }
    if (drop == wire::Drop::none) {
        note_header(datagram, frame, fragment);
        drop = check_noted(index);
    }
    if (drop != wire::Drop::none) {
        datagram.refused = true;
        return {drop, none};
    }
    const bool whole = datagram.total_bytes != 0 && datagram.bytes == datagram.total_bytes;
    return {wire::Drop::none, whole ? index : none};
}

template <class Addr>
std::span<const std::byte> Fragments<Addr>::whole_frame(std::uint32_t index) {
    const Datagram& datagram = datagrams_[index];
    constexpr std::size_t ip_bytes =
        is_ipv4 ? wire::ipv4_header_bytes_min : wire::ipv6_header_bytes;
    std::byte* const ip = payload(index) - ip_bytes;
    std::byte* const begin = ip - wire::ethernet_header_bytes;
    IpPacket packet;
    packet.source = datagram.source;
    packet.destination = datagram.destination;
    packet.protocol = datagram.protocol;
    packet.traffic_class = static_cast<std::uint8_t>(datagram.traffic_class |
                                                     ((datagram.ecn_seen & marked) != 0 ? 3U : 0U));
    wire::write_ethernet(begin,
                         {.destination = datagram.to,
                          .source = datagram.from,
                          .ethertype = is_ipv4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6});
    if constexpr (is_ipv4) {
        packet.ttl = datagram.hop_limit;
        wire::write_ipv4(ip, packet, datagram.total_bytes);
        wire::fill_ipv4_checksum(ip);
    } else {
        packet.hop_limit = datagram.hop_limit;
        wire::write_ipv6(ip, packet, datagram.total_bytes);
    }
    return {begin, wire::ethernet_header_bytes + ip_bytes + datagram.total_bytes};
}

template <class Addr>
std::span<const std::byte> Fragments<Addr>::first_frame(std::uint32_t index) {
    const Datagram& datagram = datagrams_[index];
    if (datagram.first_bytes == 0) {
        return {};
    }
    IpPacket packet;
    packet.source = datagram.source;
    packet.destination = datagram.destination;
    packet.protocol = datagram.protocol;
    packet.traffic_class = datagram.traffic_class;
    std::byte* ip = payload(index);
    std::size_t behind_ip = datagram.first_bytes;
    if constexpr (is_ipv4) {
        ip -= wire::ipv4_header_bytes_min;
        packet.ttl = datagram.hop_limit;
        packet.id = static_cast<std::uint16_t>(datagram.id);
        packet.more_fragments = true;
        wire::write_ipv4(ip, packet, behind_ip);
        wire::fill_ipv4_checksum(ip);
    } else {
        ip -= wire::ipv6_fragment_header_bytes;
        behind_ip += wire::ipv6_fragment_header_bytes;
        wire::header_at<wire::Ipv6FragmentHeader>(ip) = {
            .next_header = datagram.protocol,
            .reserved = 0,
            .fragment = wire::Ipv6FragmentHeader::more_fragments,
            .id = datagram.id};
        ip -= wire::ipv6_header_bytes;
        packet.hop_limit = datagram.hop_limit;
        packet.protocol = wire::ip_protocol::fragment;
        wire::write_ipv6(ip, packet, behind_ip);
    }
    std::byte* const begin = ip - wire::ethernet_header_bytes;
    wire::write_ethernet(begin,
                         {.destination = datagram.to,
                          .source = datagram.from,
                          .ethertype = is_ipv4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6});
    return {begin, static_cast<std::size_t>(payload(index) - begin) + datagram.first_bytes};
}

template class Fragments<wire::Ipv4Addr>;
template class Fragments<wire::Ipv6Addr>;

} // namespace millrace::stack
