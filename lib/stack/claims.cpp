#include "stack/claims.hpp"

#include <algorithm>
#include <functional>

namespace millrace::stack {
namespace {

/// Addresses that need no probing are announced so many at a time: all at once would be a burst of
/// broadcasts that the link's queues need not have room for.
constexpr std::size_t announced_at_once = 16;
constexpr Duration announcement_pause = 10ms;

} // namespace

template <class Addr>
Claims<Addr>::Claims(std::span<const wire::Prefix<Addr>> addresses, const ClaimRules& rules,
                     bool speaks, std::minstd_rand& random, Instant now)
    : rules_{rules}, random_{random} {
    for (const wire::Prefix<Addr>& own : addresses) {
        claims_.push_back({.address = own.address});
    }
    std::ranges::sort(claims_, {}, &Claim::address);
    due_.reserve(claims_.size()); // Each has at most one.
    for (std::size_t place = 0; place < claims_.size(); ++place) {
        Claim& claim = claims_[place];
        if (rules.probes > 0) {
            set_state(claim, ClaimState::waiting);
            set_due(claim, speaks ? now + random_between({}, rules.first_probe_max) : never);
        } else if (speaks && rules.announcements > 0) {
            set_state(claim, ClaimState::announcing);
            const auto turn = static_cast<Duration::rep>(place / announced_at_once);
            set_due(claim, now + turn * announcement_pause);
        }
    }
}

template <class Addr>
auto Claims<Addr>::next_step(Instant now) -> std::optional<Step> {
    while (next_deadline() <= now) {
        const Due due = due_.front();
        std::ranges::pop_heap(due_, std::greater{});
        due_.pop_back();
        if (Claim& claim = claims_[due.place]; claim.due == due.at) {
            return advance(claim, now);
        }
    }
    return std::nullopt;
}

template <class Addr>
auto Claims<Addr>::advance(Claim& claim, Instant now) -> Step {
    switch (claim.state) {
    case ClaimState::waiting:
        set_state(claim, ClaimState::probing);
        return probe(claim, now);
    case ClaimState::probing:
        if (claim.sent < rules_.probes) {
            return probe(claim, now);
        }
        set_state(claim, ClaimState::announcing);
        return announce(claim, now);
    case ClaimState::announcing:
        return announce(claim, now);
    case ClaimState::settled:
    case ClaimState::lost:
        claim.due = never;
        break;
    }
    return {.address = claim.address};
}

template <class Addr>
auto Claims<Addr>::probe(Claim& claim, Instant now) -> Step {
    ++claim.sent;
    set_due(claim, now + (claim.sent < rules_.probes
                              ? random_between(rules_.probe_interval_min, rules_.probe_interval_max)
                              : rules_.last_probe_wait));
    return {.address = claim.address, .act = Act::probe};
}

template <class Addr>
auto Claims<Addr>::announce(Claim& claim, Instant now) -> Step {
    Step step{.address = claim.address, .became_usable = claim.sent == 0 && rules_.probes > 0};
    if (claim.sent < rules_.announcements) {
        ++claim.sent;
        step.act = Act::announce;
    }
    if (claim.sent < rules_.announcements) {
        set_due(claim, now + rules_.announcement_interval);
    } else {
        set_state(claim, ClaimState::settled);
    }
    return step;
}

template <class Addr>
bool Claims<Addr>::contest(const Addr& address) {
    const ClaimState current = state(address);
    if (current != ClaimState::waiting && current != ClaimState::probing) {
        return false;
    }
    settle(address, ClaimState::lost);
    return true;
}

template <class Addr>
bool Claims<Addr>::may_defend(const Addr& address, Instant now) {
    if (!usable(address)) {
        return false;
    }
    Claim& claim = claims_[place_of(address)];
    if (claim.defended && now - *claim.defended < rules_.defence_interval) {
        return false;
    }
    claim.defended = now;
    return true;
}

template <class Addr>
void Claims<Addr>::settle(const Addr& address, ClaimState state) {
    if (const std::size_t place = place_of(address); place < claims_.size()) {
        set_state(claims_[place], state);
    }
}

template <class Addr>
ClaimState Claims<Addr>::state(const Addr& address) const {
    const std::size_t place = place_of(address);
    return place < claims_.size() ? claims_[place].state : ClaimState::lost;
}

template <class Addr>
std::size_t Claims<Addr>::place_of(const Addr& address) const {
    const auto found = std::ranges::lower_bound(claims_, address, {}, &Claim::address);
    const bool is_ours = found != claims_.end() && found->address == address;
    return is_ours ? static_cast<std::size_t>(found - claims_.begin()) : claims_.size();
}

/// The one place where a state changes.
template <class Addr>
void Claims<Addr>::set_state(Claim& claim, ClaimState state) {
    unusable_ += is_usable(claim.state) ? 1U : 0U;
    unusable_ -= is_usable(state) ? 1U : 0U;
    claim.state = state;
    claim.sent = 0;
    claim.due = never;
}

template <class Addr>
void Claims<Addr>::set_due(Claim& claim, Instant due) {
    claim.due = due;
    if (due != never) {
        due_.push_back({due, static_cast<std::uint32_t>(&claim - claims_.data())});
        std::ranges::push_heap(due_, std::greater{});
    }
}

template <class Addr>
Duration Claims<Addr>::random_between(Duration least, Duration most) {
    std::uniform_int_distribution<Duration::rep> between{least.count(), most.count()};
    return Duration{between(random_)};
}

template class Claims<wire::Ipv4Addr>;
template class Claims<wire::Ipv6Addr>;

} // namespace millrace::stack
