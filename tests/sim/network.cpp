#include "network.hpp"

#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

#include <algorithm>
#include <utility>

namespace millrace::sim {

bool Network::happens(double probability) {
    return std::uniform_real_distribution{0.0, 1.0}(random_) < probability;
}

/// A router that meets congestion (RFC 3168 §5).
void Network::mark(support::Frame& frame) {
    std::byte* const ip = frame.data() + wire::ethernet_header_bytes;
    const auto ethertype = wire::header_at<wire::EthernetHeader>(frame.data()).ethertype;
    constexpr auto capable = static_cast<unsigned>(wire::Ecn::capable_0);
    constexpr auto congestion = static_cast<unsigned>(wire::Ecn::congestion);
    if (ethertype == wire::ethertype::ipv4) {
        auto& header = wire::header_at<wire::Ipv4Header>(ip);
        if ((header.traffic_class & congestion) == capable) {
            header.traffic_class |= congestion;
            header.checksum = std::uint16_t{0};
            wire::fill_ipv4_checksum(ip);
            ++counters_.marked;
        }
    } else if (ethertype == wire::ethertype::ipv6) {
        // The field lies across the first two bytes, ECN in the upper half of the second.
        if ((std::to_integer<unsigned>(ip[1]) >> 4 & congestion) == capable) {
            ip[1] |= std::byte{congestion << 4};
            ++counters_.marked;
        }
    }
}

void Network::corrupt(support::Frame& frame) {
    const std::size_t first_bit = wire::ethernet_header_bytes * 8;
    const std::size_t bits = frame.size() * 8;
    // ARP has no checksum; real links check every frame, so it is spared here.
    const auto& header = wire::header_at<wire::EthernetHeader>(frame.data());
    if (bits <= first_bit || header.ethertype == wire::ethertype::arp) {
        return;
    }
    const auto length = std::uniform_int_distribution<std::size_t>{1, 15}(random_);
    const auto start = std::uniform_int_distribution<std::size_t>{first_bit, bits - 1}(random_);
    const std::size_t end = std::min(start + length, bits);
    for (std::size_t bit = start; bit < end; ++bit) {
        // The ends of a burst are wrong for certain, what lies between as it comes.
        if (bit == start || bit + 1 == end || happens(0.5)) {
            frame[bit / 8] ^= std::byte{1} << (7 - bit % 8);
        }
    }
    ++counters_.corrupted;
}

void Network::put(unsigned to, support::Frame frame, Instant at) {
    under_way_.push({at, order_++, to, std::move(frame)});
}

void Network::send(unsigned from, support::Frame frame, Instant now) {
    ++counters_.sent;
    const unsigned to = 1 - from;
    if (frame.size() > wire::ethernet_header_bytes + impairments_.mtu) {
        ++counters_.too_long;
        return;
    }
    if (happens(impairments_.loss)) {
        ++counters_.lost;
        return;
    }
    Instant at = now + impairments_.delay;
    if (happens(impairments_.reordering)) {
        ++counters_.reordered;
        at += impairments_.reordering_delay;
    }
    if (happens(impairments_.duplication)) {
        ++counters_.duplicated;
        put(to, frame, at + impairments_.delay / 2);
    }
    if (impairments_.marking > 0 && happens(impairments_.marking)) {
        mark(frame);
    }
    if (happens(impairments_.corruption)) {
        corrupt(frame);
    }
    put(to, std::move(frame), at);
}

std::optional<Network::Arrival> Network::take(Instant now) {
    if (under_way_.empty() || top().at > now) {
        return std::nullopt;
    }
    Arrival arrival = std::move(const_cast<Arrival&>(top()));
    under_way_.pop();
    return arrival;
}

} // namespace millrace::sim
