#include "frames.hpp"
#include "stack/control.hpp"

#include <algorithm>
#include <random>

namespace millrace::stack {
namespace {

// RFC 4861 §10.
constexpr std::uint8_t router_solicitations_max = 3;
constexpr Duration router_solicitation_interval = 4s;
constexpr Duration router_solicitation_delay_max = 1s;

// What a router may ask of our neighbour cache; anything else would be a way to stop or flood us.
constexpr Duration reachable_min = 1s;
constexpr Duration reachable_max = 3600s; // RFC 4861 §6.2.1.
constexpr Duration retransmit_min = 100ms;
constexpr Duration retransmit_max = 10s;

} // namespace

/// RFC 4861 §6.3.4. Prefixes are not looked at: our addresses are configured.
Control::Result Control::router_advertised(const wire::Ipv6Packet& packet,
                                           const wire::RouterAdvertisement& advertisement,
                                           Instant now) {
    counters_.add(ControlCounter::router_advertisements);
    if (!options_.accept_router_advertisements) {
        return {};
    }
    router_solicitation_due_ = never;
    if (advertisement.source_mac) {
        learn_neighbour(neighbours6_, packet.source, advertisement.source_mac, Evidence::request,
                        now);
    }
    const LearntRouter router{.address = packet.source,
                              .expires = now + std::chrono::seconds{advertisement.lifetime_s},
                              .mtu = advertisement.mtu.value_or(0),
                              .reachable_ms = advertisement.reachable_ms,
                              .retransmit_ms = advertisement.retransmit_ms};
    take_router(router, now);
    tell_peers(router);
    return {};
}

/// A neighbour said that it is no router (any more): RFC 4861 §7.2.5.
void Control::router_ceased(const wire::Ipv6Addr& address, Instant now) {
    const auto is_it = [&](const Router& router) { return router.address == address; };
    if (std::any_of(routers_.begin(), routers_.end(), is_it)) {
        const LearntRouter ceased{.address = address, .expires = now};
        take_router(ceased, now);
        tell_peers(ceased);
    }
}

/// A router that is known has its lifetime set, a new one takes a place that is free.
void Control::take_router(const LearntRouter& router, Instant now) {
    take_link_parameters(router);
    auto place = std::find_if(routers_.begin(), routers_.end(),
                              [&](const Router& known) { return known.address == router.address; });
    if (place == routers_.end() && router.expires > now) {
        place = std::find_if(routers_.begin(), routers_.end(),
                             [&](const Router& known) { return known.expires <= now; });
    }
    if (place != routers_.end()) {
        *place = {router.address, router.expires};
    }
}

void Control::take_link_parameters(const LearntRouter& router) {
    if (router.mtu >= wire::ipv6_mtu_bytes_min && router.mtu <= interface_.mtu) {
        ipv6_mtu_ = static_cast<std::uint16_t>(router.mtu);
    }
    NeighbourTimes times = neighbours6_.times();
    if (router.reachable_ms != 0) {
        times.reachable = std::clamp<Duration>(std::chrono::milliseconds{router.reachable_ms},
                                               reachable_min, reachable_max);
    }
    if (router.retransmit_ms != 0) {
        times.retransmit = std::clamp<Duration>(std::chrono::milliseconds{router.retransmit_ms},
                                                retransmit_min, retransmit_max);
    }
    neighbours6_.set_times(times);
}

std::optional<wire::Ipv6Addr> Control::default_router(Instant now) const {
    std::optional<wire::Ipv6Addr> silent;
    for (const Router& router : routers_) {
        if (router.expires <= now) {
            continue;
        }
        const std::uint32_t index = neighbours6_.find(router.address);
        if (index == Neighbours<wire::Ipv6Addr>::none ||
            neighbours6_.state(index) != NeighbourState::failed) {
            return router.address;
        }
        silent = silent.value_or(router.address);
    }
    return silent;
}

/// RFC 4861 §6.3.7: asks a few times, where an answer would be of use.
void Control::begin_router_solicitation(Instant now) {
    if (!options_.accept_router_advertisements || interface_.gateway6) {
        return;
    }
    const Duration delay{std::uniform_int_distribution<Duration::rep>{
        0, router_solicitation_delay_max.count()}(random_)};
    router_solicitations_left_ = router_solicitations_max;
    router_solicitation_due_ = now + delay;
}

std::size_t Control::write_router_solicitation(std::span<std::byte> out, Instant now) {
    --router_solicitations_left_;
    router_solicitation_due_ =
        router_solicitations_left_ > 0 ? now + router_solicitation_interval : never;
    const wire::Ipv6Addr group = wire::Ipv6Addr::all_routers;
    const auto source = usable_source_for(group);
    if (!source) {
        return 0;
    }
    counters_.add(ControlCounter::solicitations_sent);
    return write_nd_frame(out, interface_.mac, wire::multicast_mac(group), *source, group,
                          wire::RouterSolicitation{.source_mac = interface_.mac});
}

} // namespace millrace::stack
