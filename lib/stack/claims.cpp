#include "stack/claims.hpp"

#include <algorithm>

namespace millrace::stack {

template <class Addr>
Claims<Addr>::Claims(std::span<const wire::Prefix<Addr>> addresses, const ClaimRules& rules,
                     bool speaks, std::minstd_rand& random, Instant now)
    : rules_{rules}, random_{random} {
    for (const wire::Prefix<Addr>& own : addresses) {
        Claim claim{.address = own.address};
        if (rules.probes > 0) {
            claim.state = ClaimState::waiting;
            claim.due = speaks ? now + random_between({}, rules.first_probe_max) : never;
            all_usable_ = false;
        } else if (speaks && rules.announcements > 0) {
            claim.state = ClaimState::announcing;
            claim.due = now;
        }
        claims_.push_back(claim);
    }
}

template <class Addr>
auto Claims<Addr>::next_step(Instant now) -> std::optional<Step> {
    for (Claim& claim : claims_) {
        if (claim.due <= now) {
            return advance(claim, now);
        }
    }
    return std::nullopt;
}

template <class Addr>
Instant Claims<Addr>::next_deadline() const {
    Instant nearest = never;
    for (const Claim& claim : claims_) {
        nearest = std::min(nearest, claim.due);
    }
    return nearest;
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
    claim.due = now + (claim.sent < rules_.probes
                           ? random_between(rules_.probe_interval_min, rules_.probe_interval_max)
                           : rules_.last_probe_wait);
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
        claim.due = now + rules_.announcement_interval;
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
    std::size_t place = 0;
    while (place < claims_.size() && claims_[place].address != address) {
        ++place;
    }
    return place;
}

/// The one place where a state changes.
template <class Addr>
void Claims<Addr>::set_state(Claim& claim, ClaimState state) {
    claim.state = state;
    claim.sent = 0;
    claim.due = never;
    all_usable_ = std::all_of(claims_.begin(), claims_.end(),
                              [](const Claim& each) { return is_usable(each.state); });
}

template <class Addr>
Duration Claims<Addr>::random_between(Duration least, Duration most) {
    std::uniform_int_distribution<Duration::rep> between{least.count(), most.count()};
    return Duration{between(random_)};
}

template class Claims<wire::Ipv4Addr>;
template class Claims<wire::Ipv6Addr>;

} // namespace millrace::stack
