#include "stack/neighbours.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <span>
#include <type_traits>

namespace millrace::stack {
namespace {

/// An address is known, though perhaps not verified.
bool is_known(NeighbourState state) {
    return state != NeighbourState::incomplete && state != NeighbourState::failed;
}

bool is_solicited(Evidence evidence) {
    return evidence == Evidence::solicited || evidence == Evidence::solicited_override;
}

bool overrides(Evidence evidence) {
    return evidence == Evidence::solicited_override || evidence == Evidence::unsolicited_override;
}

template <class Addr>
std::uint64_t hash(const SipKey& key, const Addr& address) {
    return siphash(key, std::as_bytes(std::span{address.bytes}));
}

} // namespace

template <class Addr>
Neighbours<Addr>::Neighbours(timer::Wheel& wheel, std::uint8_t timer_kind, const SipKey& key,
                             const NeighbourLimits& limits)
    : wheel_{wheel}, timer_kind_{timer_kind}, key_{key}, limits_{limits},
      random_{static_cast<std::minstd_rand::result_type>(hash(key, Addr{}))},
      entries_(limits.entries),
      buckets_(std::bit_ceil(std::max<std::size_t>(limits.entries, 1) * 2), none),
      held_slots_(limits.held) {
    static_assert(std::is_standard_layout_v<Entry>, "an entry is found from its timer");
    for (std::uint32_t index = limits.entries; index-- > 0;) {
        std::construct_at(&entries_[index].timer, timer_kind);
        entries_[index].next_in_bucket = free_;
        free_ = index;
    }
    for (std::uint32_t slot = limits.held; slot-- > 0;) {
        held_slots_[slot].next = free_slot_;
        free_slot_ = slot;
    }
    solicitations_.reserve(limits.entries);
}

template <class Addr>
Neighbours<Addr>::~Neighbours() {
    for (Entry& entry : entries_) {
        wheel_.cancel(entry.timer);
    }
}

template <class Addr>
std::uint32_t Neighbours<Addr>::acquire(const Addr& next_hop, Instant now) {
    std::uint32_t index = find(next_hop);
    if (index == none) {
        index = create(next_hop);
        if (index == none) {
            return none;
        }
        resolve(entries_[index], now);
    }
    Entry& entry = entries_[index];
    ++entry.users;
    update_idleness(entry);
    return index;
}

template <class Addr>
void Neighbours<Addr>::release(std::uint32_t index) {
    Entry& entry = entries_[index];
    MILLRACE_ASSERT(entry.users > 0);
    --entry.users;
    update_idleness(entry);
}

/// What `usable` does for an address that is not known to be reachable.
template <class Addr>
bool Neighbours<Addr>::use(Entry& entry, Instant now) {
    switch (entry.state) {
    case NeighbourState::incomplete:
        return false;
    case NeighbourState::failed:
        resolve(entry, now);
        return false;
    case NeighbourState::stale:
        enter(entry, NeighbourState::delay);
        wheel_.schedule(entry.timer, now + times_.delay_first_probe);
        return true;
    case NeighbourState::reachable:
    case NeighbourState::delay:
    case NeighbourState::probe:
        return true;
    }
    return false;
}

template <class Addr>
bool Neighbours<Addr>::hold(std::uint32_t index, std::uint64_t packet) {
    Entry& entry = entries_[index];
    if (free_slot_ == none || entry.held == limits_.held_per_neighbour ||
        entry.state == NeighbourState::failed) {
        return false;
    }
    const std::uint32_t slot = free_slot_;
    free_slot_ = held_slots_[slot].next;
    held_slots_[slot] = {packet, index, none};
    ++held_;
    ++entry.held;
    update_idleness(entry);
    append(is_known(entry.state) ? ready_ : entry.waiting, slot, slot);
    return true;
}

// Learning

template <class Addr>
bool Neighbours<Addr>::learn(const Addr& address, const std::optional<wire::MacAddr>& mac,
                             Evidence evidence, Instant now) {
    if (evidence == Evidence::request) {
        return mac.has_value() && learn_from_request(address, *mac);
    }
    const std::uint32_t index = find(address);
    if (index == none) {
        return false;
    }
    Entry& entry = entries_[index];
    if (!is_known(entry.state)) {
        if (mac) {
            learn_first(entry, *mac, is_solicited(evidence), now);
        }
        return mac.has_value();
    }
    return learn_more(entry, mac, evidence, now);
}

/// RFC 4861 §7.2.3: an entry is made, or its address replaced, and has to prove itself.
template <class Addr>
bool Neighbours<Addr>::learn_from_request(const Addr& address, const wire::MacAddr& mac) {
    std::uint32_t index = find(address);
    if (index == none) {
        index = create(address);
        if (index == none) {
            return false;
        }
        update_idleness(entries_[index]);
    }
    Entry& entry = entries_[index];
    if (is_known(entry.state) && entry.mac == mac) {
        return false;
    }
    entry.mac = mac;
    become_stale(entry);
    return true;
}

/// RFC 4861 §7.2.5, second paragraph on: the state is INCOMPLETE. One whose neighbour did not
/// answer is kept here, where the RFC deletes it; a late answer is as good as one in time.
template <class Addr>
void Neighbours<Addr>::learn_first(Entry& entry, const wire::MacAddr& mac, bool solicited,
                                   Instant now) {
    entry.mac = mac;
    if (solicited) {
        become_reachable(entry, now);
    } else {
        become_stale(entry);
    }
}

/// RFC 4861 §7.2.5 I and II: an address is known already.
template <class Addr>
bool Neighbours<Addr>::learn_more(Entry& entry, const std::optional<wire::MacAddr>& mac,
                                  Evidence evidence, Instant now) {
    const bool differs = mac && *mac != entry.mac;
    if (differs && !overrides(evidence)) {
        if (entry.state == NeighbourState::reachable) {
            become_stale(entry);
        }
        return false;
    }
    if (differs) {
        entry.mac = *mac;
    }
    if (is_solicited(evidence)) {
        become_reachable(entry, now);
    } else if (differs) {
        become_stale(entry);
    }
    return differs;
}

template <class Addr>
void Neighbours<Addr>::confirm_doubtful(Entry& entry, Instant now) {
    if (is_known(entry.state)) {
        become_reachable(entry, now);
    }
}

template <class Addr>
void Neighbours<Addr>::suspect(std::uint32_t index, Instant now) {
    Entry& entry = entries_[index];
    if (is_known(entry.state) && entry.state != NeighbourState::probe) {
        enter(entry, NeighbourState::probe);
        solicit(entry, now);
    }
}

// States

/// The one place where a state changes. What was under way in the old one ends.
template <class Addr>
void Neighbours<Addr>::enter(Entry& entry, NeighbourState state) {
    wheel_.cancel(entry.timer);
    if (entry.solicitation_due) {
        entry.solicitation_due = false;
        std::erase(solicitations_, index_of(entry));
    }
    entry.solicits = 0;
    entry.state = state;
    if (is_known(state)) {
        move_all(entry.waiting, ready_);
    }
}

template <class Addr>
void Neighbours<Addr>::resolve(Entry& entry, Instant now) {
    enter(entry, NeighbourState::incomplete);
    solicit(entry, now);
}

/// The time is drawn anew for each entry, so that neighbours are not probed in step.
template <class Addr>
void Neighbours<Addr>::become_reachable(Entry& entry, Instant now) {
    enter(entry, NeighbourState::reachable);
    const auto half = times_.reachable.count() / 2;
    std::uniform_int_distribution<Duration::rep> around{half, 3 * half};
    entry.reachable = Duration{around(random_)};
    entry.confirmed = now;
    wheel_.schedule(entry.timer, now + entry.reachable);
}

template <class Addr>
void Neighbours<Addr>::become_stale(Entry& entry) {
    enter(entry, NeighbourState::stale);
}

template <class Addr>
void Neighbours<Addr>::fail(Entry& entry) {
    enter(entry, NeighbourState::failed);
    for (std::uint32_t slot = entry.waiting.first; slot != none; slot = held_slots_[slot].next) {
        --entry.held;
    }
    move_all(entry.waiting, failed_);
    update_idleness(entry);
    if (entry.is_idle) {
        forget(entry);
    }
}

template <class Addr>
void Neighbours<Addr>::solicit(Entry& entry, Instant now) {
    ++entry.solicits;
    if (!entry.solicitation_due) {
        entry.solicitation_due = true;
        solicitations_.push_back(index_of(entry));
    }
    wheel_.schedule(entry.timer, now + times_.retransmit);
}

/// No answer within RetransTimer: asks again, or gives up.
template <class Addr>
void Neighbours<Addr>::retransmit_passed(Entry& entry, std::uint8_t solicits_max, Instant now) {
    if (entry.solicits >= solicits_max) {
        fail(entry);
    } else if (entry.is_idle && entry.state == NeighbourState::incomplete) {
        forget(entry); // Nobody wants to know any more.
    } else {
        solicit(entry, now);
    }
}

template <class Addr>
void Neighbours<Addr>::deadline_passed(timer::Node& node, Instant now) {
    Entry& entry = *reinterpret_cast<Entry*>(&node);
    switch (entry.state) {
    case NeighbourState::incomplete:
        retransmit_passed(entry, times_.multicast_solicits, now);
        break;
    case NeighbourState::reachable:
        // Confirmations do not move the node; it finds out here that it has time left.
        if (const Instant end = entry.confirmed + entry.reachable; now < end) {
            wheel_.schedule(entry.timer, end);
        } else {
            become_stale(entry);
        }
        break;
    case NeighbourState::delay:
        enter(entry, NeighbourState::probe);
        solicit(entry, now);
        break;
    case NeighbourState::probe:
        retransmit_passed(entry, times_.unicast_solicits, now);
        break;
    case NeighbourState::stale:
    case NeighbourState::failed:
        MILLRACE_ASSERT(false && "no deadline in these states");
        break;
    }
}

// Entries

template <class Addr>
std::uint32_t Neighbours<Addr>::bucket_of(const Addr& address) const {
    return static_cast<std::uint32_t>(hash(key_, address) & (buckets_.size() - 1));
}

template <class Addr>
std::uint32_t Neighbours<Addr>::find(const Addr& address) const {
    std::uint32_t index = buckets_[bucket_of(address)];
    while (index != none && entries_[index].address != address) {
        index = entries_[index].next_in_bucket;
    }
    return index;
}

/// An entry for an address that has none, or `none`. Its state is failed: the caller knows better.
template <class Addr>
std::uint32_t Neighbours<Addr>::create(const Addr& address) {
    if (free_ == none) {
        if (oldest_idle_ == none) {
            return none;
        }
        forget(entries_[oldest_idle_]);
    }
    const std::uint32_t index = free_;
    Entry& entry = entries_[index];
    std::uint32_t& bucket = buckets_[bucket_of(address)];
    free_ = entry.next_in_bucket;
    entry.next_in_bucket = bucket;
    bucket = index;
    entry.address = address;
    entry.mac = {};
    ++size_;
    return index;
}

/// Takes an idle entry out of the cache.
template <class Addr>
void Neighbours<Addr>::forget(Entry& entry) {
    MILLRACE_ASSERT(entry.is_idle);
    enter(entry, NeighbourState::failed);
    leave_idle(entry);
    const std::uint32_t index = index_of(entry);
    std::uint32_t* link = &buckets_[bucket_of(entry.address)];
    while (*link != index) {
        link = &entries_[*link].next_in_bucket;
    }
    *link = entry.next_in_bucket;
    entry.next_in_bucket = free_;
    free_ = index;
    --size_;
}

/// Puts an entry among those whose room may be taken, or takes it out, as its users and packets
/// say.
template <class Addr>
void Neighbours<Addr>::update_idleness(Entry& entry) {
    const bool idle = entry.users == 0 && entry.held == 0;
    if (idle && !entry.is_idle) {
        join_idle(entry);
    } else if (!idle && entry.is_idle) {
        leave_idle(entry);
    }
}

template <class Addr>
void Neighbours<Addr>::join_idle(Entry& entry) {
    const std::uint32_t index = index_of(entry);
    entry.is_idle = true;
    entry.older = youngest_idle_;
    entry.younger = none;
    (youngest_idle_ == none ? oldest_idle_ : entries_[youngest_idle_].younger) = index;
    youngest_idle_ = index;
}

template <class Addr>
void Neighbours<Addr>::leave_idle(Entry& entry) {
    entry.is_idle = false;
    (entry.older == none ? oldest_idle_ : entries_[entry.older].younger) = entry.younger;
    (entry.younger == none ? youngest_idle_ : entries_[entry.younger].older) = entry.older;
}

// Held packets

template <class Addr>
void Neighbours<Addr>::append(Queue& queue, std::uint32_t first, std::uint32_t last) {
    (queue.first == none ? queue.first : held_slots_[queue.last].next) = first;
    queue.last = last;
}

template <class Addr>
void Neighbours<Addr>::move_all(Queue& from, Queue& to) {
    if (from.first != none) {
        append(to, from.first, from.last);
        from = {};
    }
}

template <class Addr>
auto Neighbours<Addr>::pop(Queue& queue) -> Held {
    const std::uint32_t slot = queue.first;
    const Held held = held_slots_[slot];
    queue.first = held.next;
    held_slots_[slot].next = free_slot_;
    free_slot_ = slot;
    --held_;
    return held;
}

template <class Addr>
void Neighbours<Addr>::unhold(Entry& entry) {
    --entry.held;
    update_idleness(entry);
}

template <class Addr>
void Neighbours<Addr>::abandon_held() {
    for (Entry& entry : entries_) {
        if (entry.waiting.first != none) {
            fail(entry);
        }
    }
    for (std::uint32_t slot = ready_.first; slot != none; slot = held_slots_[slot].next) {
        unhold(entries_[held_slots_[slot].entry]);
    }
    move_all(ready_, failed_);
}

template class Neighbours<wire::Ipv4Addr>;
template class Neighbours<wire::Ipv6Addr>;

} // namespace millrace::stack
