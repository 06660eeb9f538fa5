#include "wire/nd.hpp"

#include "base/big_endian.hpp"
#include "wire/checksum.hpp"
#include "wire/view.hpp"

namespace millrace::wire {
namespace {

namespace nd_option {
constexpr std::uint8_t source_link_layer = 1;
constexpr std::uint8_t target_link_layer = 2;
constexpr std::uint8_t prefix_information = 3;
constexpr std::uint8_t mtu = 5;
} // namespace nd_option

/// Lengths of options are told in units of this many bytes.
constexpr std::size_t option_unit_bytes = 8;

/// Neighbour solicitation and advertisement as they lie in a packet.
struct NeighbourHeader {
    std::uint8_t type;
    std::uint8_t code;
    BigEndian<std::uint16_t> checksum;
    std::uint8_t flags; ///< In an advertisement; the rest is reserved.
    std::uint8_t reserved[3];
    Ipv6Addr target;

    static constexpr std::uint8_t router = 0x80;
    static constexpr std::uint8_t solicited = 0x40;
    static constexpr std::uint8_t override = 0x20;
};
static_assert(sizeof(NeighbourHeader) == 24);

struct RouterSolicitationHeader {
    std::uint8_t type;
    std::uint8_t code;
    BigEndian<std::uint16_t> checksum;
    BigEndian<std::uint32_t> reserved;
};
static_assert(sizeof(RouterSolicitationHeader) == 8);

struct RouterAdvertisementHeader {
    std::uint8_t type;
    std::uint8_t code;
    BigEndian<std::uint16_t> checksum;
    std::uint8_t hop_limit;
    std::uint8_t flags;
    BigEndian<std::uint16_t> lifetime_s;
    BigEndian<std::uint32_t> reachable_ms;
    BigEndian<std::uint32_t> retransmit_ms;

    static constexpr std::uint8_t managed = 0x80;
    static constexpr std::uint8_t other = 0x40;
};
static_assert(sizeof(RouterAdvertisementHeader) == 16);

struct LinkLayerOption {
    std::uint8_t type;
    std::uint8_t units;
    MacAddr mac;
};
static_assert(sizeof(LinkLayerOption) == 8);

struct MtuOption {
    std::uint8_t type;
    std::uint8_t units;
    BigEndian<std::uint16_t> reserved;
    BigEndian<std::uint32_t> mtu;
};
static_assert(sizeof(MtuOption) == 8);

struct PrefixOption {
    std::uint8_t type;
    std::uint8_t units;
    std::uint8_t length;
    std::uint8_t flags;
    BigEndian<std::uint32_t> valid_s;
    BigEndian<std::uint32_t> preferred_s;
    BigEndian<std::uint32_t> reserved;
    Ipv6Addr prefix;

    static constexpr std::uint8_t on_link = 0x80;
    static constexpr std::uint8_t autonomous = 0x40;
};
static_assert(sizeof(PrefixOption) == 32);

/// The options of any message, those that mean nothing in it among them.
struct Options {
    std::optional<MacAddr> source_mac;
    std::optional<MacAddr> target_mac;
    std::optional<std::uint32_t> mtu;
    std::size_t prefix_count = 0;
    std::array<PrefixInformation, RouterAdvertisement::prefixes_max> prefixes{};
};

/// A length of prefix that no address has is ignored with its option (RFC 4861 §6.3.4 takes only
/// prefixes it can use).
void read_prefix(const PrefixOption& option, Options& out) {
    if (out.prefix_count == out.prefixes.size() || option.length > Ipv6Addr::bits) {
        return;
    }
    out.prefixes[out.prefix_count++] = {.prefix = {option.prefix, option.length},
                                        .on_link = (option.flags & PrefixOption::on_link) != 0,
                                        .autonomous =
                                            (option.flags & PrefixOption::autonomous) != 0,
                                        .valid_s = option.valid_s,
                                        .preferred_s = option.preferred_s};
}

/// `option` is whole by its own length, which is at least 8 bytes. False when that is too short for
/// its kind; what a longer one holds beyond its kind's fields is ignored.
bool read_option(std::span<const std::byte> option, Options& out) {
    switch (std::to_integer<std::uint8_t>(option[0])) {
    case nd_option::source_link_layer:
        out.source_mac = header_at<LinkLayerOption>(option.data()).mac;
        return true;
    case nd_option::target_link_layer:
        out.target_mac = header_at<LinkLayerOption>(option.data()).mac;
        return true;
    case nd_option::mtu:
        out.mtu = header_at<MtuOption>(option.data()).mtu;
        return true;
    case nd_option::prefix_information:
        if (option.size() < sizeof(PrefixOption)) {
            return false;
        }
        read_prefix(header_at<PrefixOption>(option.data()), out);
        return true;
    default:
        return true;
    }
}

Drop read_options(std::span<const std::byte> bytes, Options& out) {
    while (!bytes.empty()) {
        if (bytes.size() < option_unit_bytes) {
            return Drop::nd_bad_options;
        }
        const std::size_t length = std::to_integer<std::size_t>(bytes[1]) * option_unit_bytes;
        if (length == 0 || length > bytes.size() || !read_option(bytes.first(length), out)) {
            return Drop::nd_bad_options;
        }
        bytes = bytes.subspan(length);
    }
    return Drop::none;
}

/// A link-layer address that cannot be a host's would poison the neighbour cache.
bool is_host(const std::optional<MacAddr>& mac) {
    return !mac || (!mac->is_multicast() && !mac->is_unspecified());
}

/// What is checked of every message before its own rules; the options of a message with `Header`
/// are left in `options`.
template <WireHeader Header>
Drop check_common(const Ipv6Packet& packet, const Icmpv6Message& message, Options& options) {
    if (packet.hop_limit != nd_hop_limit) {
        return Drop::nd_hop_limit;
    }
    if (message.whole.size() < sizeof(Header)) {
        return Drop::nd_too_short;
    }
    if (message.code != 0) {
        return Drop::nd_malformed;
    }
    if (const Drop drop = read_options(message.whole.subspan(sizeof(Header)), options);
        drop != Drop::none) {
        return drop;
    }
    const bool hosts = is_host(options.source_mac) && is_host(options.target_mac);
    return hosts ? Drop::none : Drop::nd_bad_options;
}

} // namespace

Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, NeighbourSolicitation& out) {
    Options options;
    if (const Drop drop = check_common<NeighbourHeader>(packet, message, options);
        drop != Drop::none) {
        return drop;
    }
    const auto& header = header_at<NeighbourHeader>(message.whole.data());
    if (header.target.is_multicast()) {
        return Drop::nd_malformed;
    }
    if (packet.source.is_unspecified() &&
        (!packet.destination.is_solicited_node() || options.source_mac)) {
        return Drop::nd_bad_source;
    }
    out = {.target = header.target, .source_mac = options.source_mac};
    return Drop::none;
}

Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, NeighbourAdvertisement& out) {
    Options options;
    if (const Drop drop = check_common<NeighbourHeader>(packet, message, options);
        drop != Drop::none) {
        return drop;
    }
    const auto& header = header_at<NeighbourHeader>(message.whole.data());
    const bool solicited = (header.flags & NeighbourHeader::solicited) != 0;
    if (header.target.is_multicast() || (solicited && packet.destination.is_multicast())) {
        return Drop::nd_malformed;
    }
    if (packet.source.is_unspecified()) {
        return Drop::nd_bad_source;
    }
    out = {.target = header.target,
           .router = (header.flags & NeighbourHeader::router) != 0,
           .solicited = solicited,
           .override = (header.flags & NeighbourHeader::override) != 0,
           .target_mac = options.target_mac};
    return Drop::none;
}

Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, RouterSolicitation& out) {
    Options options;
    if (const Drop drop = check_common<RouterSolicitationHeader>(packet, message, options);
        drop != Drop::none) {
        return drop;
    }
    if (packet.source.is_unspecified() && options.source_mac) {
        return Drop::nd_bad_source;
    }
    out = {.source_mac = options.source_mac};
    return Drop::none;
}

Drop parse_nd(const Ipv6Packet& packet, const Icmpv6Message& message, RouterAdvertisement& out) {
    Options options;
    if (const Drop drop = check_common<RouterAdvertisementHeader>(packet, message, options);
        drop != Drop::none) {
        return drop;
    }
    if (!packet.source.is_link_local()) {
        return Drop::nd_bad_source;
    }
    const auto& header = header_at<RouterAdvertisementHeader>(message.whole.data());
    out = {.hop_limit = header.hop_limit,
           .managed = (header.flags & RouterAdvertisementHeader::managed) != 0,
           .other = (header.flags & RouterAdvertisementHeader::other) != 0,
           .lifetime_s = header.lifetime_s,
           .reachable_ms = header.reachable_ms,
           .retransmit_ms = header.retransmit_ms,
           .source_mac = options.source_mac,
           .mtu = options.mtu,
           .prefix_count = options.prefix_count,
           .prefixes = options.prefixes};
    return Drop::none;
}

namespace {

/// Puts a message together at `out`: its header, then options.
class Writer {
  public:
    template <WireHeader Header>
    Writer(std::byte* out, const Header& header) : out_{out} {
        append(header);
    }

    template <WireHeader Part>
    void append(const Part& part) {
        header_at<Part>(out_ + length_) = part;
        length_ += sizeof(Part);
    }

    void append_mac(std::uint8_t type, const std::optional<MacAddr>& mac) {
        if (mac) {
            append(LinkLayerOption{.type = type, .units = 1, .mac = *mac});
        }
    }

    /// Fills in the checksum and returns the message's length.
    std::size_t finished(const Ipv6Addr& source, const Ipv6Addr& destination) {
        const ChecksumSum pseudo = pseudo_header_sum(source, destination, ip_protocol::icmpv6,
                                                     static_cast<std::uint32_t>(length_));
        header_at<IcmpHeader>(out_).checksum = finish(pseudo + sum({out_, length_}));
        return length_;
    }

  private:
    std::byte* out_;
    std::size_t length_ = 0;
};

template <class Flag>
constexpr std::uint8_t flag(bool set, Flag bit) {
    return set ? bit : Flag{0};
}

} // namespace

std::size_t write_nd(std::byte* out, const NeighbourSolicitation& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination) {
    Writer writer{out, NeighbourHeader{.type = icmpv6_type::neighbour_solicitation,
                                       .code = 0,
                                       .checksum = std::uint16_t{0},
                                       .flags = 0,
                                       .reserved = {},
                                       .target = message.target}};
    writer.append_mac(nd_option::source_link_layer, message.source_mac);
    return writer.finished(source, destination);
}

std::size_t write_nd(std::byte* out, const NeighbourAdvertisement& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination) {
    const unsigned flags = flag(message.router, NeighbourHeader::router) |
                           flag(message.solicited, NeighbourHeader::solicited) |
                           flag(message.override, NeighbourHeader::override);
    Writer writer{out, NeighbourHeader{.type = icmpv6_type::neighbour_advertisement,
                                       .code = 0,
                                       .checksum = std::uint16_t{0},
                                       .flags = static_cast<std::uint8_t>(flags),
                                       .reserved = {},
                                       .target = message.target}};
    writer.append_mac(nd_option::target_link_layer, message.target_mac);
    return writer.finished(source, destination);
}

std::size_t write_nd(std::byte* out, const RouterSolicitation& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination) {
    Writer writer{out, RouterSolicitationHeader{.type = icmpv6_type::router_solicitation,
                                                .code = 0,
                                                .checksum = std::uint16_t{0},
                                                .reserved = 0U}};
    writer.append_mac(nd_option::source_link_layer, message.source_mac);
    return writer.finished(source, destination);
}

std::size_t write_nd(std::byte* out, const RouterAdvertisement& message, const Ipv6Addr& source,
                     const Ipv6Addr& destination) {
    const unsigned flags = flag(message.managed, RouterAdvertisementHeader::managed) |
                           flag(message.other, RouterAdvertisementHeader::other);
    Writer writer{out, RouterAdvertisementHeader{.type = icmpv6_type::router_advertisement,
                                                 .code = 0,
                                                 .checksum = std::uint16_t{0},
                                                 .hop_limit = message.hop_limit,
                                                 .flags = static_cast<std::uint8_t>(flags),
                                                 .lifetime_s = message.lifetime_s,
                                                 .reachable_ms = message.reachable_ms,
                                                 .retransmit_ms = message.retransmit_ms}};
    writer.append_mac(nd_option::source_link_layer, message.source_mac);
    if (message.mtu) {
        writer.append(MtuOption{.type = nd_option::mtu,
                                .units = sizeof(MtuOption) / option_unit_bytes,
                                .reserved = std::uint16_t{0},
                                .mtu = *message.mtu});
    }
    for (const PrefixInformation& info : std::span{message.prefixes}.first(message.prefix_count)) {
        const unsigned prefix_flags = flag(info.on_link, PrefixOption::on_link) |
                                      flag(info.autonomous, PrefixOption::autonomous);
        writer.append(PrefixOption{.type = nd_option::prefix_information,
                                   .units = sizeof(PrefixOption) / option_unit_bytes,
                                   .length = info.prefix.length,
                                   .flags = static_cast<std::uint8_t>(prefix_flags),
                                   .valid_s = info.valid_s,
                                   .preferred_s = info.preferred_s,
                                   .reserved = 0U,
                                   .prefix = info.prefix.address});
    }
    return writer.finished(source, destination);
}

} // namespace millrace::wire
