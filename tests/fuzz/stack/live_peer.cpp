#include "live_peer.hpp"

#include "base/assert.hpp"
#include "wire/tcp.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace millrace::fuzz {

namespace flag = wire::tcp_flag;
namespace option = wire::tcp_option;
using script::Packet;
using wire::SeqNum;

namespace {

/// Added to a number that an honest peer might send: mostly nothing.
constexpr std::array<std::uint32_t, 16> distances{
    0,         0,    0,    0,          0U - 1U, 1,           0U - 2U,      100,
    0U - 100U, 1000, 1460, 0U - 1460U, 65535,   0U - 65536U, 0x7fff'ffffU, 0x8000'0000U};

constexpr std::array<std::uint8_t, 16> usual_flags{flag::ack,
                                                   flag::ack,
                                                   flag::ack,
                                                   flag::ack,
                                                   flag::ack,
                                                   flag::ack,
                                                   flag::ack | flag::psh,
                                                   flag::ack | flag::fin,
                                                   flag::ack | flag::fin,
                                                   flag::syn,
                                                   flag::syn | flag::ack,
                                                   flag::rst,
                                                   flag::rst | flag::ack,
                                                   flag::ack | flag::urg,
                                                   flag::ack | flag::ece,
                                                   flag::ack | flag::cwr};

constexpr std::array<std::uint16_t, 8> windows{65535, 65535, 65535, 0, 1, 100, 1460, 5000};
constexpr std::array<std::uint32_t, 16> lengths{0,   0,    0,    0,    0,    0,    1,    2,
                                                100, 1000, 1000, 1448, 1448, 1460, 1460, 1460};

std::uint32_t milliseconds(Instant now) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

} // namespace

void LivePeer::sees(const Packet& packet) {
    const script::Segment& segment = packet.segment;
    const SeqNum seq{segment.seq.value_or(0)};
    const bool syn = segment.has(flag::syn);
    for (std::uint32_t i = 0; i < packet.payload.size(); ++i) {
        MILLRACE_ASSERT(packet.payload[i] == script::text_at((seq + i).value()));
    }
    if (segment.has(flag::rst)) {
        return;
    }
    const SeqNum end = seq + segment.length + (syn || segment.has(flag::fin) ? 1U : 0U);
    if (!knows_stack_ || syn || end > seen_) {
        seen_ = end;
    }
    if (syn) {
        told_ = seq;
    }
    knows_stack_ = true;
    if (segment.has(flag::ack)) {
        acked_ = SeqNum{segment.ack.value_or(0)};
    }
    for (const script::Option& each : segment.options) {
        if (each.kind == option::timestamps) {
            ts_seen_ = each.values.at(0).value_or(0);
        }
    }
}

SeqNum LivePeer::a_seq(Choices& choices) const {
    const std::uint8_t choice = choices.byte();
    const std::uint32_t distance = distances[choice >> 4U];
    switch (choice & 3U) {
    case 2:
        return acked_ + distance;
    case 3:
        return (choice & 4U) != 0 ? SeqNum{choices.number()} : acked_ + choices.byte();
    default:
        return next_ + distance;
    }
}

SeqNum LivePeer::an_ack(Choices& choices) const {
    const std::uint8_t choice = choices.byte();
    const std::uint32_t distance = distances[choice >> 4U];
    switch (choice & 7U) {
    case 4:
        return told_ + distance;
    case 5:
        return told_ + choices.byte() * 16U;
    case 6:
        return seen_ - choices.byte() * 16U;
    case 7:
        return SeqNum{choices.number()};
    default:
        return seen_ + distance;
    }
}

void LivePeer::add_handshake_options(Packet& packet, std::uint8_t which) {
    static constexpr std::array<std::uint32_t, 4> sizes{1460, 536, 0, 65535};
    static constexpr std::array<std::uint32_t, 4> shifts{0, 7, 14, 255};
    auto& options = packet.segment.options;
    if ((which & 1U) == 0) {
        options.push_back({option::mss, {sizes[which >> 1U & 3U]}});
    }
    if ((which & 8U) != 0) {
        options.push_back({option::window_scale, {shifts[which >> 4U & 3U]}});
    }
    if ((which & 64U) != 0) {
        options.push_back({option::sack_permitted, {}});
    }
    timestamps_ = (which & 128U) != 0;
}

void LivePeer::add_timestamps(Packet& packet, std::uint8_t which, Instant now) const {
    static constexpr std::array<std::uint32_t, 8> since{0, 0,       0,           0,
                                                        1, 0U - 1U, 0x8000'0000, 0U - 5000U};
    static constexpr std::array<std::uint32_t, 4> echoes{0, 0, 1000, 0U - 1000U};
    if (timestamps_ != ((which & 0xe0U) == 0xe0U)) {
        packet.segment.options.push_back(
            {option::timestamps,
             {milliseconds(now) + since[which & 7U], ts_seen_ - echoes[which >> 3U & 3U]}});
    }
}

void LivePeer::add_sack(Packet& packet, Choices& choices) const {
    const std::uint8_t count = choices.byte() & 3U;
    script::Option sack{option::sack, {}};
    for (std::uint8_t i = 0; i < count; ++i) {
        const SeqNum left = told_ + choices.byte() * 64U + distances[choices.byte() >> 4U];
        const SeqNum right = left + choices.byte() * 64U + (choices.byte() & 3U);
        sack.values.insert(sack.values.end(), {left.value(), right.value()});
    }
    const std::size_t room = packet.segment.options.empty() ? 4 : 3;
    sack.values.resize(std::min(sack.values.size(), 2 * room));
    if (!sack.values.empty()) {
        packet.segment.options.push_back(std::move(sack));
    }
}

/// Puts text into the segment, and goes on behind it when it stands where we were.
void LivePeer::finish(Packet& packet, std::uint32_t text_bytes) {
    packet.ports = ports_;
    script::Segment& segment = packet.segment;
    const SeqNum seq{*segment.seq};
    const SeqNum text = seq + (segment.has(flag::syn) ? 1U : 0U);
    packet.payload.resize(text_bytes);
    for (std::uint32_t i = 0; i < text_bytes; ++i) {
        packet.payload[i] = script::text_at((text + i).value());
    }
    segment.length = text_bytes;
    if (seq == next_ || segment.has(flag::syn)) {
        next_ = text + text_bytes + (segment.has(flag::fin) ? 1U : 0U);
    }
    if (segment.has(flag::ack) && SeqNum{*segment.ack} > told_ && SeqNum{*segment.ack} <= seen_) {
        told_ = SeqNum{*segment.ack};
    }
}

Packet LivePeer::opens(Choices& choices, Instant now) {
    Packet packet;
    packet.segment.flags = flag::syn;
    packet.segment.seq = next_.value();
    packet.segment.window = choices.one_of(windows);
    add_handshake_options(packet, choices.byte());
    add_timestamps(packet, 0, now);
    if (knows_stack_ && ports_.local != 0) {
        packet.segment.flags |= flag::ack;
        packet.segment.ack = seen_.value();
    }
    finish(packet, 0);
    return packet;
}

Packet LivePeer::goes_on(Choices& choices, Instant now) {
    Packet packet;
    packet.segment.flags = flag::ack;
    packet.segment.seq = next_.value();
    packet.segment.ack = seen_.value();
    packet.segment.window = choices.one_of(windows);
    add_timestamps(packet, 0, now);
    finish(packet, choices.one_of(lengths));
    return packet;
}

Packet LivePeer::sends(Choices& choices, Instant now) {
    Packet packet;
    const std::uint8_t flags = choices.byte();
    packet.segment.flags = flags < 240 ? usual_flags[flags & 15U] : choices.byte();
    packet.segment.seq = a_seq(choices).value();
    packet.segment.ack = an_ack(choices).value();
    const std::uint8_t window = choices.byte();
    packet.segment.window = window < 8 ? windows[window] : static_cast<std::uint16_t>(window * 256);
    packet.segment.urgent = window;
    const std::uint8_t options = choices.byte();
    if (packet.segment.has(flag::syn)) {
        add_handshake_options(packet, options);
    }
    add_timestamps(packet, options, now);
    if (!packet.segment.has(flag::syn)) {
        add_sack(packet, choices);
    }
    const std::uint8_t length = choices.byte();
    finish(packet, length < 128 ? lengths[length & 15U] : length);
    return packet;
}

Packet LivePeer::quotes(Choices& choices) const {
    Packet quoted;
    quoted.ports = ports_;
    quoted.segment.seq = (told_ + distances[choices.byte() >> 4U]).value();
    quoted.segment.length = choices.one_of(lengths);
    return quoted;
}

} // namespace millrace::fuzz
