#include "direction.hpp"

#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::impairment {

namespace {

/// 0 for what is too short for an IP packet.
std::uint16_t ethertype(const Frame& frame) {
    if (frame.size() < wire::ethernet_header_bytes + wire::ipv4_header_bytes_min) {
        return 0;
    }
    return wire::header_at<wire::EthernetHeader>(frame.data()).ethertype;
}

/// IP packets are covered by checksums; ARP is not, and real links check every frame.
bool is_ip(const Frame& frame) {
    const std::uint16_t type = ethertype(frame);
    return type == wire::ethertype::ipv4 || type == wire::ethertype::ipv6;
}

/// The second byte of either IP header has the ECN field: at the right in IPv4, and in IPv6 before
/// the flow label.
bool set_congestion_experienced(Frame& frame) {
    const bool ipv4 = ethertype(frame) == wire::ethertype::ipv4;
    const std::byte field = ipv4 ? std::byte{0x03} : std::byte{0x30};
    std::byte* const header = frame.data() + wire::ethernet_header_bytes;
    std::byte& second = header[1];
    if ((second & field) == std::byte{} || (second & field) == field) {
        return false;
    }
    second |= field;
    if (ipv4) {
        wire::header_at<wire::Ipv4Header>(header).checksum = std::uint16_t{0};
        wire::fill_ipv4_checksum(header);
    }
    return true;
}

} // namespace

std::string DirectionCounters::to_json(std::string_view direction) const {
    return fmt::format(R"({{"direction": "{}", "frames": {}, "bytes": {}, "queue_dropped": {}, )"
                       R"("lost": {}, "duplicated": {}, "reordered": {}, "corrupted": {}, )"
                       R"("marked": {}, "delivered": {}}})",
                       direction, frames, bytes, queue_dropped, lost, duplicated, reordered,
                       corrupted, marked, delivered);
}

/// The same on every machine, which the standard library's distributions are not.
double Direction::throw_dice() {
    return static_cast<double>(random_() >> 11) * 0x1p-53;
}

Direction::Fate Direction::draw_fate() {
    Fate fate{};
    fate.lost = throw_dice() < impairments_.loss;
    fate.duplicated = throw_dice() < impairments_.duplication;
    fate.reordered = throw_dice() < impairments_.reordering;
    fate.corrupted = throw_dice() < impairments_.corruption;
    fate.marked = throw_dice() < impairments_.marking;
    fate.jitter = throw_dice();
    fate.where = throw_dice();
    return fate;
}

void Direction::enter(Frame frame, Instant now) {
    ++counters_.frames;
    counters_.bytes += frame.size();
    const auto left_bottleneck = bottleneck_.enter(frame.size(), now);
    if (!left_bottleneck) {
        ++counters_.queue_dropped;
        return;
    }
    const Fate fate = draw_fate();
    if (fate.lost) {
        ++counters_.lost;
        return;
    }
    if (fate.marked) {
        mark(frame);
    }
    const Instant at = departure(fate, *left_bottleneck);
    if (fate.duplicated) {
        ++counters_.duplicated;
        send(frame, at);
    }
    if (fate.corrupted && is_ip(frame)) {
        corrupt(frame, fate.where);
    }
    send(std::move(frame), at);
}

Instant Direction::departure(const Fate& fate, Instant left_bottleneck) {
    const Duration jitter{
        static_cast<std::int64_t>(fate.jitter * static_cast<double>(impairments_.jitter.count()))};
    const Instant in_order =
        std::max(left_bottleneck + impairments_.delay + jitter, last_in_order_);
    if (fate.reordered) {
        ++counters_.reordered;
        return in_order + impairments_.reordering_delay;
    }
    last_in_order_ = in_order;
    return in_order;
}

void Direction::corrupt(Frame& frame, double where) {
    const std::size_t first_bit = wire::ethernet_header_bytes * 8;
    const std::size_t bits = frame.size() * 8 - first_bit;
    const std::size_t bit = first_bit + static_cast<std::size_t>(where * static_cast<double>(bits));
    frame[bit / 8] ^= std::byte{0x80} >> (bit % 8);
    ++counters_.corrupted;
}

void Direction::mark(Frame& frame) {
    if (is_ip(frame) && set_congestion_experienced(frame)) {
        ++counters_.marked;
    }
}

void Direction::send(Frame frame, Instant at) {
    under_way_.push({at, order_++, std::move(frame)});
}

std::vector<Frame> Direction::take(Instant now, std::size_t most) {
    std::vector<Frame> taken;
    while (taken.size() < most && next_departure() <= now) {
        taken.push_back(std::move(const_cast<UnderWay&>(under_way_.top()).frame));
        under_way_.pop();
    }
    counters_.delivered += taken.size();
    return taken;
}

} // namespace millrace::impairment
