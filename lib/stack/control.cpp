#include "stack/control.hpp"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace millrace::stack {
namespace {

/// RFC 5227 §1.1.
ClaimRules ipv4_rules(const ControlOptions& options) {
    return {.probes = options.ipv4_probes,
            .announcements = options.ipv4_announcements,
            .first_probe_max = 1s,
            .probe_interval_min = 1s,
            .probe_interval_max = 2s,
            .last_probe_wait = 2s,
            .announcement_interval = 2s,
            .defence_interval = 10s};
}

/// RFC 4862 §5.1 and §5.4.2, RFC 4861 §7.2.6 and §10. Defending an address is answering whoever
/// probes for it, at any time.
ClaimRules ipv6_rules(const ControlOptions& options) {
    return {.probes = options.ipv6_probes,
            .announcements = options.ipv6_announcements,
            .first_probe_max = 1s,
            .probe_interval_min = 1s,
            .probe_interval_max = 1s,
            .last_probe_wait = 1s,
            .announcement_interval = 1s,
            .defence_interval = 0s};
}

std::minstd_rand::result_type seed_from(const SipKey& key, const wire::MacAddr& mac) {
    return static_cast<std::minstd_rand::result_type>(
        siphash(key, std::as_bytes(std::span{mac.bytes})));
}

/// Our membership in groups is reported twice, for the first report may be lost (RFC 3810 §9.1).
constexpr std::uint8_t group_report_robustness = 2;

/// How often the other workers are told again how the claims ended. Unlike all other news, a worker
/// that missed this could never find out for itself.
constexpr Duration claims_interval = 10s;
/// Of how many addresses of each family at a time, so that there is room for all of it on the way.
constexpr std::size_t claims_at_once = 64;
constexpr Duration claims_pause = 10ms;

} // namespace

Control::Control(const Interface& interface, Neighbours<wire::Ipv4Addr>& neighbours4,
                 Neighbours<wire::Ipv6Addr>& neighbours6, timer::Wheel& wheel,
                 std::uint8_t timer_kind, const SipKey& key, const ControlOptions& options,
                 Instant now)
    : interface_{interface}, neighbours4_{neighbours4}, neighbours6_{neighbours6}, wheel_{wheel},
      timer_{timer_kind}, options_{options}, random_{seed_from(key, interface.mac)},
      errors_{options.errors_per_s, options.errors_burst}, claims4_{interface.ipv4,
                                                                    ipv4_rules(options),
                                                                    options.speaks_for_port,
                                                                    random_, now},
      claims6_{interface.ipv6, ipv6_rules(options), options.speaks_for_port, random_, now},
      ipv6_mtu_{interface.mtu} {
    if (options.speaks_for_port && options.has_peers) {
        claims_told_again_ = now + claims_interval;
    }
    learnt_.reserve(learnt_max);
    conflicts_.reserve(conflicts_max);
    if (options.speaks_for_port && !interface.ipv6.empty()) {
        group_report_changes_left_ = group_report_robustness;
        group_report_due_ = now;
        if (options.ipv6_probes == 0) {
            begin_router_solicitation(now);
        }
    }
}

Control::~Control() {
    wheel_.cancel(timer_);
}

void Control::deadline_passed(timer::Node& node, Instant now) {
    if (neighbours4_.owns(node)) {
        neighbours4_.deadline_passed(node, now);
    } else if (neighbours6_.owns(node)) {
        neighbours6_.deadline_passed(node, now);
    } else {
        due_ = true;
    }
}

/// Writes the next frame that is due, if it comes to that, and returns its length. When nothing is
/// due any more it sets the timer and clears `due_`.
std::size_t Control::next_frame(std::span<std::byte> out, Instant now) {
    if (group_report_due_ <= now) {
        return write_group_report(out, now);
    }
    if (const auto step = claims4_.next_step(now)) {
        return take_step<wire::Ipv4Addr>(out, *step, now);
    }
    if (const auto step = claims6_.next_step(now)) {
        return take_step<wire::Ipv6Addr>(out, *step, now);
    }
    if (router_solicitation_due_ <= now) {
        return write_router_solicitation(out, now);
    }
    if (claims_told_again_ <= now) {
        tell_claims(now);
    }
    due_ = false;
    wheel_.reschedule(timer_,
                      std::min({claims4_.next_deadline(), claims6_.next_deadline(),
                                group_report_due_, router_solicitation_due_, claims_told_again_}));
    return 0;
}

template <class Addr>
std::size_t Control::take_step(std::span<std::byte> out, const typename Claims<Addr>::Step& step,
                               Instant now) {
    using Act = typename Claims<Addr>::Act;
    if (step.became_usable) {
        tell_peers(LearntClaim<Addr>{step.address, ClaimState::settled});
        if constexpr (std::is_same_v<Addr, wire::Ipv6Addr>) {
            if (step.address.is_link_local()) {
                // The first reports had no source address (RFC 3590 §4).
                group_report_changes_left_ = std::max<std::uint8_t>(group_report_changes_left_, 1);
                group_report_due_ = now;
                begin_router_solicitation(now);
            }
        }
    }
    if (step.act == Act::nothing) {
        return 0;
    }
    counters_.add(step.act == Act::probe ? ControlCounter::probes_sent
                                         : ControlCounter::announcements_sent);
    return write_step(out, step);
}

/// Something is due at `deadline` that was not foreseen.
void Control::look_again_at(Instant deadline) {
    wheel_.bring_forward(timer_, deadline);
}

// What is learnt

void Control::tell_peers(const Learnt& news) {
    if (!options_.has_peers) {
        return;
    }
    if (learnt_.size() == learnt_max) {
        counters_.add(ControlCounter::news_lost);
        return;
    }
    learnt_.push_back(news);
}

void Control::tell_claims(Instant now) {
    const auto tell = [this]<class Addr>(const Claims<Addr>& claims) {
        claims.for_each_decided(claims_told_, claims_at_once,
                                [this](const Addr& address, ClaimState state) {
                                    tell_peers(LearntClaim<Addr>{address, state});
                                });
    };
    tell(claims4_);
    tell(claims6_);
    claims_told_ += claims_at_once;
    const bool all_told = claims_told_ >= std::max(claims4_.size(), claims6_.size());
    claims_told_ = all_told ? 0 : claims_told_;
    claims_told_again_ = now + (all_told ? claims_interval : claims_pause);
}

/// Answers are told even when this worker did not ask, for another one may have; requests, which
/// anybody sends all the time, only when they are news.
template <class Addr>
void Control::learn_neighbour(Neighbours<Addr>& neighbours, const Addr& address,
                              const std::optional<wire::MacAddr>& mac, Evidence evidence,
                              Instant now) {
    const bool is_news = neighbours.learn(address, mac, evidence, now);
    if (is_news || evidence != Evidence::request) {
        tell_peers(LearntNeighbour<Addr>{address, mac, evidence});
    }
}

template <class Addr>
void Control::contested(Claims<Addr>& claims, const Addr& address, const wire::MacAddr& rival) {
    if (claims.state(address) == ClaimState::lost) {
        return; // It is theirs.
    }
    counters_.add(ControlCounter::address_conflicts);
    const bool lost = claims.contest(address);
    if (lost) {
        tell_peers(LearntClaim<Addr>{address, ClaimState::lost});
    }
    if (conflicts_.size() < conflicts_max) {
        conflicts_.push_back({.address = address, .rival = rival, .lost = lost});
    }
}

/// Whoever makes the claims decides them: what another worker takes for a defeat may have come too
/// late to be one. The others believe what they are told.
template <class Addr>
void Control::settle(Claims<Addr>& claims, const LearntClaim<Addr>& claim) {
    if (!options_.speaks_for_port) {
        claims.settle(claim.address, claim.state);
    } else if (claim.state == ClaimState::lost) {
        claims.contest(claim.address);
    }
}

namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

} // namespace

void Control::learn_from_peer(const Learnt& learnt, Instant now) {
    std::visit(
        Overloaded{
            [&](const LearntNeighbour<wire::Ipv4Addr>& neighbour) {
                neighbours4_.learn(neighbour.address, neighbour.mac, neighbour.evidence, now);
            },
            [&](const LearntNeighbour<wire::Ipv6Addr>& neighbour) {
                neighbours6_.learn(neighbour.address, neighbour.mac, neighbour.evidence, now);
            },
            [&](const LearntRouter& router) { take_router(router, now); },
            [&](const LearntClaim<wire::Ipv4Addr>& claim) { settle(claims4_, claim); },
            [&](const LearntClaim<wire::Ipv6Addr>& claim) { settle(claims6_, claim); },
        },
        learnt);
}

/// A source for our own questions: the right one if it may be used already, else any that may.
template <class Addr>
std::optional<Addr> Control::usable_source_for(const Addr& destination) const {
    if (const auto best = source_for(interface_, destination); best && may_use(*best)) {
        return best;
    }
    for (const auto& own : interface_.addresses<Addr>()) {
        if (may_use(own.address)) {
            return own.address;
        }
    }
    return std::nullopt;
}

template void Control::learn_neighbour(Neighbours<wire::Ipv4Addr>&, const wire::Ipv4Addr&,
                                       const std::optional<wire::MacAddr>&, Evidence, Instant);
template void Control::learn_neighbour(Neighbours<wire::Ipv6Addr>&, const wire::Ipv6Addr&,
                                       const std::optional<wire::MacAddr>&, Evidence, Instant);
template void Control::contested(Claims<wire::Ipv4Addr>&, const wire::Ipv4Addr&,
                                 const wire::MacAddr&);
template void Control::contested(Claims<wire::Ipv6Addr>&, const wire::Ipv6Addr&,
                                 const wire::MacAddr&);
template std::optional<wire::Ipv4Addr> Control::usable_source_for(const wire::Ipv4Addr&) const;
template std::optional<wire::Ipv6Addr> Control::usable_source_for(const wire::Ipv6Addr&) const;

} // namespace millrace::stack
