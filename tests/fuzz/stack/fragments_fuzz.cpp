// A2.reassembly, A2.overlap: fragments in any order, overlapping, contradicting, of several
// datagrams at once. Whatever becomes whole consists of what was sent at each place, and all places
// come back.

#include "choices.hpp"
#include "stack/fragments.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

using namespace millrace;
using fuzz::Choices;

namespace {

void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "broken: %s\n", what);
        std::abort();
    }
}

/// What was accepted of one datagram, byte by byte.
using Model = std::vector<std::optional<std::byte>>;

template <class Addr>
class Run {
  public:
    using Type = stack::Fragments<Addr>;
    using IpPacket = typename Type::IpPacket;

    void play(Choices input) {
        while (!input.have_ended()) {
            const std::uint8_t command = input.byte();
            if (command == 0) {
                now_ += std::chrono::seconds{input.byte()};
                expire();
            } else {
                take(command, input);
            }
        }
        now_ += Type::lifetime;
        expire();
        require(fragments_.size() == 0, "places come back");
        require(fragments_.next_deadline() == never, "no deadline is left");
    }

  private:
    void expire() {
        for (std::uint32_t index = fragments_.expired(now_); index != Type::none;
             index = fragments_.expired(now_)) {
            static_cast<void>(fragments_.first_frame(index));
            fragments_.release(index);
        }
    }

    void take(std::uint8_t command, Choices& input) {
        IpPacket packet;
        const std::uint8_t id = command & 3U;
        packet.source.bytes[3] = (command >> 2) & 3U;
        packet.protocol = (command & 16U) != 0 ? wire::ip_protocol::tcp : wire::ip_protocol::udp;
        packet.traffic_class = (command >> 5) & 1U;
        packet.fragment_offset = static_cast<std::uint16_t>(input.byte() * 8);
        const std::uint8_t length = input.byte();
        packet.more_fragments = (length & 128U) != 0;
        const std::size_t count = packet.more_fragments ? ((length & 127U) + 1) * 8U : length + 1U;
        std::vector<std::byte> bytes(count, std::byte{input.byte()});
        packet.payload = bytes;
        if constexpr (Type::is_ipv4) {
            packet.id = id;
        } else {
            packet.fragment_id = id;
        }
        const auto name = std::array{id, packet.source.bytes[3],
                                     Type::is_ipv4 ? packet.protocol : std::uint8_t{0}};
        const auto taken = fragments_.take({}, packet, now_);
        if (taken.drop == wire::Drop::none) {
            note(models_[name], packet.fragment_offset, bytes);
        }
        if (taken.whole != Type::none) {
            check(taken.whole, models_[name]);
            fragments_.release(taken.whole);
            models_.erase(name);
        } else if (fragments_.size() == 0) {
            models_.clear();
        }
    }

    static void note(Model& model, std::size_t offset, const std::vector<std::byte>& bytes) {
        model.resize(std::max(model.size(), offset + bytes.size()));
        std::ranges::copy(bytes, model.begin() + static_cast<std::ptrdiff_t>(offset));
    }

    /// Old contents of a model whose datagram timed out may lie behind or between what is new, so
    /// only what the frame holds is compared, with what was said last.
    void check(std::uint32_t index, const Model& model) {
        const auto frame = fragments_.whole_frame(index);
        IpPacket packet;
        const auto bytes = frame.subspan(wire::ethernet_header_bytes);
        if constexpr (Type::is_ipv4) {
            require(wire::parse_ipv4(bytes, packet) == wire::Drop::none, "the header is right");
        } else {
            require(wire::parse_ipv6(bytes, packet) == wire::Drop::none, "the header is right");
        }
        require(!packet.is_fragment(), "it is whole");
        require(packet.payload.size() <= model.size(), "it is no longer than what has come");
        for (std::size_t i = 0; i < packet.payload.size(); ++i) {
            require(model[i] == packet.payload[i], "it is what has come");
        }
    }

    Instant now_{std::chrono::hours{1}};
    Type fragments_{{.memory_bytes = 8 * 1900, .sources_at_least = 2},
                    1500,
                    SipKey{1, 2},
                    *std::pmr::get_default_resource()};
    std::map<std::array<std::uint8_t, 3>, Model> models_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Choices input{{data, size}};
    if (input.byte() % 2 == 0) {
        Run<wire::Ipv4Addr>{}.play(input);
    } else {
        Run<wire::Ipv6Addr>{}.play(input);
    }
    return 0;
}
