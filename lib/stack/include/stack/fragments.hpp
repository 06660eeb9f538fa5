#pragma once

#include "base/pool.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "wire/address.hpp"
#include "wire/drop.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <vector>

namespace millrace::stack {

/// What one worker spends on fragments of one family.
struct FragmentLimits {
    std::uint32_t memory_bytes = 1024 * 1024;
    /// One source may have this part of the places.
    std::uint32_t sources_at_least = 16;
};

/// Puts datagrams together that came in fragments (RFC 791 §3.2, RFC 8200 §4.5). Each datagram has
/// a place of a fixed size, so that a tiny fragment costs what a full one does, and the memory
/// taken is the number of places. A datagram longer than a place is refused: what our own link
/// carries in one packet always fits, and so does a TCP segment of a peer who heeds our MSS.
///
/// Fragments that overlap end their datagram (RFC 5722; here for IPv4 too); one that came twice is
/// ignored. The datagram keeps its place until its time is over, so that what still comes of it is
/// not taken for a new one.
template <class Addr>
class Fragments {
  public:
    static constexpr bool is_ipv4 = std::is_same_v<Addr, wire::Ipv4Addr>;
    static constexpr std::uint32_t none = UINT32_MAX;
    /// From the first fragment that comes: 60 s by RFC 8200 §4.5; 30 s are Linux's for IPv4.
    static constexpr Duration lifetime = std::chrono::seconds{is_ipv4 ? 30 : 60};
    using IpPacket = std::conditional_t<is_ipv4, wire::Ipv4Packet, wire::Ipv6Packet>;

    struct Taken {
        wire::Drop drop = wire::Drop::none; ///< `none`: the fragment is copied, or completed it.
        std::uint32_t whole = none;         ///< The datagram that is whole now: release it.
    };

    /// `mtu` is our link's, in bytes. `key` keeps collisions out of the search.
    Fragments(const FragmentLimits& limits, std::uint16_t mtu, const SipKey& key,
              std::pmr::memory_resource& memory);
    ~Fragments();

    Fragments(const Fragments&) = delete;
    Fragments& operator=(const Fragments&) = delete;

    /// Takes a fragment, which the caller has admitted. Its bytes are copied.
    [[nodiscard]] Taken take(const wire::EthernetFrame& frame, const IpPacket& fragment,
                             Instant now);

    /// Of any fragment of one datagram the same number, for every worker with the same key.
    [[nodiscard]] std::uint32_t tag_of(const IpPacket& fragment) const;

    /// The frame in which a datagram that is whole could have come. Until `release`.
    [[nodiscard]] std::span<const std::byte> whole_frame(std::uint32_t index);

    /// The frame of its first fragment, to be quoted; empty when that has not come.
    [[nodiscard]] std::span<const std::byte> first_frame(std::uint32_t index);

    /// A datagram whose time is over, or `none`: release it.
    [[nodiscard]] std::uint32_t expired(Instant now) const {
        return next_deadline() <= now ? oldest_ : none;
    }
    [[nodiscard]] Instant next_deadline() const {
        return oldest_ == none ? never : datagrams_[oldest_].deadline;
    }
    /// True for a datagram that was given up early, so that its end is no news.
    [[nodiscard]] bool was_refused(std::uint32_t index) const { return datagrams_[index].refused; }

    void release(std::uint32_t index);

    [[nodiscard]] std::uint32_t size() const { return datagrams_.in_use(); }
    [[nodiscard]] std::uint32_t capacity() const { return datagrams_.capacity(); }

  private:
    struct Datagram {
        Addr source{};
        Addr destination{};
        std::uint32_t id = 0;
        std::uint8_t protocol = 0; ///< Of the first byte behind the fragment header.
        std::uint8_t hop_limit = 0;
        std::uint8_t traffic_class = 0; ///< Of the first fragment, as are the next three.
        std::uint16_t first_bytes = 0;  ///< Its payload; 0: it has not come.
        wire::MacAddr from;
        wire::MacAddr to;
        std::uint8_t ecn_seen = 0; ///< A bit for each codepoint of a fragment.
        bool refused = false;
        std::uint32_t total_bytes = 0; ///< Payload of the whole; 0: not known.
        std::uint32_t bytes = 0;       ///< Payload that has come.
        std::uint32_t end = 0;         ///< Behind the last of it.
        std::uint32_t older = none;
        std::uint32_t younger = none;
        Instant deadline = never;
    };

    [[nodiscard]] static std::uint32_t id_of(const IpPacket& fragment);
    [[nodiscard]] std::uint32_t find(const IpPacket& fragment, std::uint32_t tag) const;
    [[nodiscard]] Taken make(const IpPacket& fragment, std::uint32_t tag, Instant now);
    [[nodiscard]] wire::Drop check(const Datagram& datagram, const IpPacket& fragment) const;
    [[nodiscard]] wire::Drop store(std::uint32_t index, const IpPacket& fragment);
    void note_header(Datagram& datagram, const wire::EthernetFrame& frame,
                     const IpPacket& fragment);
    [[nodiscard]] wire::Drop check_noted(std::uint32_t index);
    [[nodiscard]] std::byte* payload(std::uint32_t index) {
        return bytes_ + std::size_t{index} * place_bytes_ + headers_max;
    }
    [[nodiscard]] std::span<std::uint64_t> map(std::uint32_t index) {
        return std::span{map_}.subspan(std::size_t{index} * map_words_, map_words_);
    }

    /// Room before the payload for the headers of a frame.
    static constexpr std::size_t headers_max = 64;

    [[nodiscard]] std::size_t bytes_taken() const {
        return std::size_t{datagrams_.capacity()} * place_bytes_;
    }

    std::pmr::memory_resource& memory_;
    SipKey key_;
    std::uint32_t payload_max_;
    std::size_t place_bytes_;
    std::size_t map_words_;
    std::uint32_t share_; ///< Datagrams of one source.
    Pool<Datagram> datagrams_;
    std::pmr::vector<std::uint32_t> tags_; ///< Of each place; 0: free.
    std::byte* bytes_; ///< Not touched before it is needed, so not made resident.
    std::pmr::vector<std::uint64_t> map_; ///< Which eights of bytes have come.
    std::uint32_t oldest_ = none;
    std::uint32_t youngest_ = none;
};

extern template class Fragments<wire::Ipv4Addr>;
extern template class Fragments<wire::Ipv6Addr>;

} // namespace millrace::stack
