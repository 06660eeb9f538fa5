#pragma once

#include "base/big_endian.hpp"

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace millrace::wire {

__extension__ using Uint128 = unsigned __int128;

/// An Ethernet address; the bytes stand as they do on the wire.
struct MacAddr {
    std::array<std::uint8_t, 6> bytes{};

    static const MacAddr broadcast;

    /// Six pairs of hex digits between colons; nothing else is taken.
    [[nodiscard]] static std::optional<MacAddr> from_string(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] constexpr bool is_unspecified() const { return *this == MacAddr{}; }
    [[nodiscard]] constexpr bool is_broadcast() const;
    /// True for broadcast too: it is the group of all.
    [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1U) != 0; }

    [[nodiscard]] friend constexpr bool operator==(const MacAddr&, const MacAddr&) = default;
};

inline constexpr MacAddr MacAddr::broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

constexpr bool MacAddr::is_broadcast() const {
    return *this == broadcast;
}

/// An IPv4 address in network order.
struct Ipv4Addr {
    using Value = std::uint32_t;
    static constexpr unsigned bits = 32;

    std::array<std::uint8_t, 4> bytes{};

    constexpr Ipv4Addr() = default;
    constexpr Ipv4Addr(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
        : bytes{a, b, c, d} {}

    static const Ipv4Addr broadcast;

    /// From and to the number whose most significant byte is the address's first.
    [[nodiscard]] static constexpr Ipv4Addr from_value(std::uint32_t value) {
        return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    }
    [[nodiscard]] constexpr std::uint32_t value() const {
        return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
               std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
    }

    /// Dotted decimal of four parts; leading zeros are refused.
    [[nodiscard]] static std::optional<Ipv4Addr> from_string(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] constexpr bool is_unspecified() const { return value() == 0; }
    /// The limited broadcast address; for a subnet's own there is
    /// `is_directed_broadcast()`.
    [[nodiscard]] constexpr bool is_broadcast() const { return value() == UINT32_MAX; }
    [[nodiscard]] constexpr bool is_multicast() const { return value() >> 28 == 0xe; }
    [[nodiscard]] constexpr bool is_loopback() const { return bytes[0] == 127; }
    [[nodiscard]] constexpr bool is_link_local() const { return value() >> 16 == 0xa9fe; }
    /// 0.0.0.0/8, "this network" (RFC 1122 §3.2.1.3).
    [[nodiscard]] constexpr bool is_this_network() const { return bytes[0] == 0; }
    /// 240.0.0.0/4, the limited broadcast address included (RFC 1112 §4).
    [[nodiscard]] constexpr bool is_reserved() const { return value() >> 28 == 0xf; }

    /// Not the default, of which g++ 12 makes a call of memcmp.
    [[nodiscard]] friend constexpr bool operator==(const Ipv4Addr& a, const Ipv4Addr& b) {
        return a.value() == b.value();
    }
    /// The order of their values.
    [[nodiscard]] friend constexpr auto operator<=>(const Ipv4Addr& a, const Ipv4Addr& b) {
        return a.value() <=> b.value();
    }
};

inline constexpr Ipv4Addr Ipv4Addr::broadcast{255, 255, 255, 255};

/// An IPv6 address in network order.
struct Ipv6Addr {
    using Value = Uint128;
    static constexpr unsigned bits = 128;

    std::array<std::uint8_t, 16> bytes{};

    static const Ipv6Addr loopback;
    static const Ipv6Addr all_nodes;   ///< ff02::1
    static const Ipv6Addr all_routers; ///< ff02::2

    /// From and to the number whose most significant byte is the address's first.
    [[nodiscard]] static constexpr Ipv6Addr from_value(Uint128 value);
    [[nodiscard]] constexpr Uint128 value() const;

    /// The text forms of RFC 4291 §2.2, without a zone.
    [[nodiscard]] static std::optional<Ipv6Addr> from_string(std::string_view text);
    /// The canonical form of RFC 5952.
    [[nodiscard]] std::string to_string() const;

    /// fe80::/64 with the modified EUI-64 identifier (RFC 4291 appendix A).
    [[nodiscard]] static constexpr Ipv6Addr link_local_from(const MacAddr& mac);
    /// The solicited-node group of this address (RFC 4291 §2.7.1), which has its last three bytes,
    /// and these as a number.
    [[nodiscard]] constexpr Ipv6Addr solicited_node() const;
    [[nodiscard]] constexpr std::uint32_t ending() const {
        return std::uint32_t{bytes[13]} << 16 | std::uint32_t{bytes[14]} << 8 | bytes[15];
    }

    [[nodiscard]] constexpr bool is_unspecified() const { return *this == Ipv6Addr{}; }
    [[nodiscard]] constexpr bool is_loopback() const;
    [[nodiscard]] constexpr bool is_multicast() const { return bytes[0] == 0xff; }
    [[nodiscard]] constexpr bool is_link_local() const {
        return bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
    }
    /// True for every solicited-node group.
    [[nodiscard]] constexpr bool is_solicited_node() const;
    /// ::ffff:0:0/96, which may not appear on the wire (RFC 4291 §2.5.5.2).
    [[nodiscard]] constexpr bool is_ipv4_mapped() const;

    [[nodiscard]] friend constexpr bool operator==(const Ipv6Addr&, const Ipv6Addr&) = default;
    /// The order of their values.
    [[nodiscard]] friend constexpr std::strong_ordering operator<=>(const Ipv6Addr& a,
                                                                    const Ipv6Addr& b) {
        return a.value() <=> b.value();
    }
};

inline constexpr Ipv6Addr Ipv6Addr::loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr Ipv6Addr Ipv6Addr::all_nodes{
    {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr Ipv6Addr Ipv6Addr::all_routers{
    {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

constexpr Ipv6Addr Ipv6Addr::from_value(Uint128 value) {
    Ipv6Addr address;
    for (std::size_t i = address.bytes.size(); i-- > 0; value >>= 8) {
        address.bytes[i] = static_cast<std::uint8_t>(value);
    }
    return address;
}

constexpr Uint128 Ipv6Addr::value() const {
    const auto halves = std::bit_cast<std::array<BigEndian<std::uint64_t>, 2>>(bytes);
    return Uint128{halves[0]} << 64 | halves[1];
}

constexpr bool Ipv6Addr::is_loopback() const {
    return *this == loopback;
}

/// The Ethernet group that an IP group maps to (RFC 1112 §6.4, RFC 2464 §7).
[[nodiscard]] constexpr MacAddr multicast_mac(const Ipv4Addr& group) {
    return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(group.bytes[1] & 0x7fU), group.bytes[2],
             group.bytes[3]}};
}
[[nodiscard]] constexpr MacAddr multicast_mac(const Ipv6Addr& group) {
    const auto& b = group.bytes;
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

/// An address with the length of its network part in bits.
template <class Addr>
struct Prefix {
    Addr address{};
    std::uint8_t length = 0;

    /// True when `other` agrees with the address in the first `length` bits.
    [[nodiscard]] constexpr bool contains(const Addr& other) const {
        const std::size_t whole = length / 8U;
        for (std::size_t i = 0; i < whole; ++i) {
            if (address.bytes[i] != other.bytes[i]) {
                return false;
            }
        }
        const unsigned rest = length % 8U;
        if (rest == 0) {
            return true;
        }
        const unsigned difference =
            unsigned{address.bytes[whole]} ^ unsigned { other.bytes[whole] };
        return difference >> (8U - rest) == 0;
    }

    /// The address with every host bit set: the directed broadcast of an IPv4 subnet. Prefixes of
    /// 31 and 32 bits have none (RFC 3021); what is returned for them is a host's address.
    [[nodiscard]] constexpr Addr last() const {
        if constexpr (Addr::bits == 32) {
            return Addr::from_value(address.value() |
                                    static_cast<std::uint32_t>(0xffff'ffffULL >> length));
        }
        Addr result = address;
        for (std::size_t i = 0; i < result.bytes.size(); ++i) {
            const std::size_t before = i * 8;
            const std::size_t kept = length <= before ? 0 : length - before;
            const unsigned host = kept >= 8 ? 0U : 0xffU >> kept;
            result.bytes[i] = static_cast<std::uint8_t>(result.bytes[i] | host);
        }
        return result;
    }

    /// "address/length"; a length beyond the address's bits is refused.
    [[nodiscard]] static std::optional<Prefix> from_string(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] friend constexpr bool operator==(const Prefix&, const Prefix&) = default;
};

extern template struct Prefix<Ipv4Addr>;
extern template struct Prefix<Ipv6Addr>;

/// True for the directed broadcast of the subnet; false where the subnet is too small to have one.
[[nodiscard]] constexpr bool is_directed_broadcast(const Prefix<Ipv4Addr>& subnet,
                                                   const Ipv4Addr& address) {
    return subnet.length < 31 && address == subnet.last();
}

constexpr Ipv6Addr Ipv6Addr::link_local_from(const MacAddr& mac) {
    const auto& m = mac.bytes;
    return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(m[0] ^ 2U), m[1], m[2], 0xff,
             0xfe, m[3], m[4], m[5]}};
}

constexpr Ipv6Addr Ipv6Addr::solicited_node() const {
    return {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, bytes[13], bytes[14], bytes[15]}};
}

constexpr bool Ipv6Addr::is_solicited_node() const {
    return *this == solicited_node();
}

constexpr bool Ipv6Addr::is_ipv4_mapped() const {
    return Prefix<Ipv6Addr>{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 96}.contains(*this);
}

static_assert(std::is_trivially_copyable_v<MacAddr> && sizeof(MacAddr) == 6);
static_assert(std::is_trivially_copyable_v<Ipv4Addr> && sizeof(Ipv4Addr) == 4);
static_assert(std::is_trivially_copyable_v<Ipv6Addr> && sizeof(Ipv6Addr) == 16);
static_assert(alignof(MacAddr) == 1 && alignof(Ipv4Addr) == 1 && alignof(Ipv6Addr) == 1,
              "addresses are laid over packets where they stand");

} // namespace millrace::wire
