#include "wire/ipv6.hpp"

namespace millrace::wire {
namespace {

/// RFC 4443 §3.4.
namespace problem_code {
constexpr std::uint8_t erroneous_field = 0;
constexpr std::uint8_t unknown_next_header = 1;
constexpr std::uint8_t unknown_option = 2;
} // namespace problem_code

constexpr std::size_t payload_bytes_max = 0xffff;
constexpr std::uint16_t payload_length_field = offsetof(Ipv6Header, payload_length);

/// One walk along the extension headers of a packet. Each step takes a header off the payload.
class Walk {
  public:
    /// `cut_short` says that the payload may end too early, so that its length proves nothing.
    explicit Walk(Ipv6Packet& packet, bool cut_short = false)
        : packet_{packet}, cut_short_{cut_short} {}

    Drop run() {
        for (unsigned count = 0; detail::is_ipv6_extension(packet_.protocol); ++count) {
            if (count == ipv6_extensions_max) {
                return Drop::ipv6_too_many_extensions;
            }
            if (const Drop drop = step(count == 0); drop != Drop::none) {
                return drop;
            }
            if (packet_.is_fragment()) {
                return Drop::none;
            }
        }
        return Drop::none;
    }

  private:
    Drop step(bool first) {
        switch (packet_.protocol) {
        case ip_protocol::fragment:
            return take_fragment();
        case ip_protocol::routing:
            return take_routing();
        case ip_protocol::hop_by_hop:
            if (!first) {
                refuse(problem_code::unknown_next_header, packet_.next_header_offset);
                return Drop::ipv6_extension_order;
            }
            return take_options();
        default:
            return take_options();
        }
    }

    Drop take_options() {
        const auto header = whole_header();
        if (header.empty()) {
            return bad_length();
        }
        if (const Drop drop = check_options(header.subspan(2)); drop != Drop::none) {
            return drop;
        }
        advance(header.size());
        return Drop::none;
    }

    /// A routing header that has nothing left to route is ignored, whatever its type; others are
    /// refused (RFC 8200 §4.4; RFC 5095 for type 0).
    Drop take_routing() {
        const auto header = whole_header();
        if (header.empty()) {
            return bad_length();
        }
        if (header[3] != std::byte{0}) {
            refuse(problem_code::erroneous_field, offset_of(header.data() + 2));
            return Drop::ipv6_routing_header;
        }
        advance(header.size());
        return Drop::none;
    }

    Drop take_fragment() {
        if (packet_.payload.size() < ipv6_fragment_header_bytes) {
            return bad_length();
        }
        const auto& header = header_at<Ipv6FragmentHeader>(packet_.payload.data());
        const std::uint16_t fragment = header.fragment;
        const std::size_t data_bytes = packet_.payload.size() - ipv6_fragment_header_bytes;
        packet_.more_fragments = (fragment & Ipv6FragmentHeader::more_fragments) != 0;
        packet_.fragment_offset = fragment & Ipv6FragmentHeader::offset_mask;
        packet_.fragment_id = header.id;
        if (const Drop drop = check_fragment_length(data_bytes);
            drop != Drop::none && !cut_short_) {
            return drop;
        }
        advance(ipv6_fragment_header_bytes);
        return Drop::none;
    }

    /// `payload` begins with the fragment header.
    Drop check_fragment_length(std::size_t data_bytes) {
        if (packet_.more_fragments && data_bytes % 8 != 0) {
            refuse(problem_code::erroneous_field, payload_length_field);
            return Drop::fragment_malformed;
        }
        if (packet_.fragment_offset + data_bytes > payload_bytes_max) {
            refuse(problem_code::erroneous_field, offset_of(packet_.payload.data() + 2));
            return Drop::fragment_malformed;
        }
        return packet_.is_fragment() && data_bytes == 0 ? Drop::fragment_malformed : Drop::none;
    }

    /// The extension header that the payload begins with, in full, by its own length field; empty
    /// when the payload ends before it does.
    [[nodiscard]] std::span<const std::byte> whole_header() const {
        if (packet_.payload.size() < 8) {
            return {};
        }
        const std::size_t length = 8 + std::to_integer<std::size_t>(packet_.payload[1]) * 8;
        return length <= packet_.payload.size() ? packet_.payload.first(length)
                                                : std::span<const std::byte>{};
    }

    /// Options that are known or may be skipped (RFC 8200 §4.2).
    Drop check_options(std::span<const std::byte> options) {
        constexpr std::uint8_t pad_1 = 0;
        while (!options.empty()) {
            const auto type = std::to_integer<std::uint8_t>(options[0]);
            if (type == pad_1) {
                options = options.subspan(1);
                continue;
            }
            if (options.size() < 2) {
                return Drop::ipv6_bad_extension;
            }
            const std::size_t length = 2 + std::to_integer<std::size_t>(options[1]);
            if (length > options.size()) {
                return Drop::ipv6_bad_extension;
            }
            const unsigned action = type >> 6;
            if (action != 0) {
                refuse_option(action, offset_of(options.data()));
                return Drop::ipv6_bad_option;
            }
            options = options.subspan(length);
        }
        return Drop::none;
    }

    /// The two high bits of an option's type say what becomes of a packet whose receiver does not
    /// know it.
    void refuse_option(unsigned action, std::uint16_t offset) {
        constexpr unsigned discard_in_silence = 1;
        constexpr unsigned discard_and_report = 2;
        if (action != discard_in_silence) {
            refuse(problem_code::unknown_option, offset);
            packet_.problem.even_if_multicast = action == discard_and_report;
        }
    }

    /// The payload ends before the extension header does: either the header's length is wrong,
    /// where there is one, or the packet's.
    Drop bad_length() {
        constexpr std::size_t length_end = 2;
        const bool has_length =
            packet_.protocol != ip_protocol::fragment && packet_.payload.size() >= length_end;
        refuse(problem_code::erroneous_field,
               has_length ? offset_of(packet_.payload.data() + 1) : payload_length_field);
        return Drop::ipv6_bad_extension;
    }

    void refuse(std::uint8_t code, std::uint16_t pointer) {
        packet_.problem = {.report = true, .code = code, .pointer = pointer};
    }

    /// `byte` lies in the payload.
    [[nodiscard]] std::uint16_t offset_of(const std::byte* byte) const {
        return static_cast<std::uint16_t>(byte - packet_.headers.data());
    }

    void advance(std::size_t header_bytes) {
        packet_.protocol = std::to_integer<std::uint8_t>(packet_.payload[0]);
        packet_.next_header_offset = offset_of(packet_.payload.data());
        packet_.headers = {packet_.headers.data(), packet_.headers.size() + header_bytes};
        packet_.payload = packet_.payload.subspan(header_bytes);
    }

    Ipv6Packet& packet_;
    bool cut_short_;
};

} // namespace

Drop detail::walk_ipv6_extensions(Ipv6Packet& packet) {
    return Walk{packet}.run();
}

Drop parse_ipv6_quote(std::span<const std::byte> bytes, Ipv6Packet& out) {
    out.problem.report = false;
    if (bytes.size() < ipv6_header_bytes) {
        return Drop::ipv6_too_short;
    }
    const auto& header = header_at<Ipv6Header>(bytes.data());
    if (header.version_class_flow >> 28 != 6) {
        return Drop::ipv6_bad_version;
    }
    detail::read_ipv6_header(header, out);
    out.headers = bytes.first(ipv6_header_bytes);
    out.payload = bytes.subspan(ipv6_header_bytes);
    constexpr bool cut_short = true;
    return Walk{out, cut_short}.run();
}

} // namespace millrace::wire
