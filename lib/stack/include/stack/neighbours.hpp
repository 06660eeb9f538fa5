#pragma once

#include "base/siphash.hpp"
#include "base/time.hpp"
#include "timer/wheel.hpp"
#include "wire/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace millrace::stack {

/// What is known of a neighbour's link-layer address (RFC 4861 §7.3.2; ARP is given the same).
///
///                        acquire
///                           v     no answer
///    answer +----------- incomplete -------> failed --+
///           v               ^                  ^      | used again: incomplete
///       reachable           +------------------|------+
///        |  ^  ^                               |
///   time |  |  | confirmed, or answered        | no answer
///        v  |  +--------------+---------+      |
///       stale ---------> delay ------> probe --+
///              used           5 s
enum class NeighbourState : std::uint8_t { incomplete, reachable, stale, delay, probe, failed };

/// How somebody's address became known. What follows from it is RFC 4861 §7.2.3 and §7.2.5; for ARP
/// see the translation at each.
enum class Evidence : std::uint8_t {
    /// They asked us for ours: an ARP request for it, a solicitation or a router's advertisement
    /// with a source address option. The only evidence that makes an entry for a stranger.
    request,
    /// They answered without the override flag: a neighbour advertisement for an anycast address.
    solicited,
    /// They answered: an ARP reply to us.
    solicited_override,
    /// They spoke up without wanting the address replaced: an ARP request for somebody else.
    unsolicited,
    /// They announced it: gratuitous ARP.
    unsolicited_override,
};

/// Sizes of one family's neighbour cache on one worker; nothing grows later.
struct NeighbourLimits {
    std::uint32_t entries = 1024;
    std::uint32_t held = 1024; ///< Packets that wait, in all.
    std::uint32_t held_per_neighbour = 8;
};

/// RFC 4861 §10; ARP uses them too.
struct NeighbourTimes {
    Duration retransmit = 1s;
    Duration reachable = 30s; ///< On average: it is drawn between half and one and a half of it.
    Duration delay_first_probe = 5s;
    std::uint8_t multicast_solicits = 3;
    std::uint8_t unicast_solicits = 3;
};

/// One worker's neighbour cache for one family. It sends nothing and frees no packet: what is to be
/// done is taken from it by the take functions once per poll.
///
/// An entry lives while it has users or holds packets, and after that until its room is needed:
/// then the one that has been without users for longest goes.
template <class Addr>
class Neighbours {
  public:
    static constexpr std::uint32_t none = UINT32_MAX;

    /// Nodes of kind `timer_kind` in `wheel` are this cache's; when one fires the worker calls
    /// `deadline_passed`. `key` keeps collisions out of the hash and draws the random times.
    Neighbours(timer::Wheel& wheel, std::uint8_t timer_kind, const SipKey& key,
               const NeighbourLimits& limits = {});
    ~Neighbours();

    Neighbours(const Neighbours&) = delete;
    Neighbours& operator=(const Neighbours&) = delete;

    /// One user more of the entry for `next_hop`, which is one host's address on the link (see
    /// `next_hop` in stack/routes.hpp). A new entry is incomplete and has a solicitation queued.
    /// `none` when every entry is in use.
    [[nodiscard]] std::uint32_t acquire(const Addr& next_hop, Instant now);

    /// One user less.
    void release(std::uint32_t index);

    /// True when a packet may be sent to `mac(index)`. Using a stale address has it verified, and
    /// using one that failed has it asked for once more.
    [[nodiscard]] bool usable(std::uint32_t index, Instant now) {
        return entries_[index].state == NeighbourState::reachable || use(entries_[index], now);
    }

    /// The link-layer address; means something while `usable` says so, and may change when
    /// something is learnt.
    [[nodiscard]] const wire::MacAddr& mac(std::uint32_t index) const {
        return entries_[index].mac;
    }

    /// Keeps a packet's handle until the neighbour is known or has not answered, in order. False
    /// when it cannot: the caller drops the packet (`neighbour_queue_full`).
    [[nodiscard]] bool hold(std::uint32_t index, std::uint64_t packet);

    /// Takes in what `address` says of itself (`mac` is absent when an advertisement names none).
    /// True when the cache has changed.
    bool learn(const Addr& address, const std::optional<wire::MacAddr>& mac, Evidence evidence,
               Instant now);

    /// The neighbour has proven that it gets our packets: TCP made progress (RFC 4861 §7.3.1).
    void confirm(std::uint32_t index, Instant now) {
        Entry& entry = entries_[index];
        entry.confirmed = now;
        if (entry.state != NeighbourState::reachable) [[unlikely]] {
            confirm_doubtful(entry, now);
        }
    }

    /// TCP doubts that the neighbour gets our packets: it is asked at once.
    void suspect(std::uint32_t index, Instant now);

    /// Calls `f(packet handle, index)` for each held packet whose neighbour is known by now; the
    /// handle is the callee's.
    template <class F>
    void take_ready(F&& f) {
        while (ready_.first != none)
            [[unlikely]] {
                const Held held = pop(ready_);
                f(held.packet, held.entry);
                unhold(entries_[held.entry]);
            }
    }

    /// Calls `f(packet handle)` for each held packet whose neighbour did not answer; the handle is
    /// the callee's, who drops the packet (`neighbour_unreachable`).
    template <class F>
    void take_failed(F&& f) {
        while (failed_.first != none)
            [[unlikely]] {
                f(pop(failed_).packet);
            }
    }

    /// Calls `f(target, link-layer address)` for each neighbour that is to be asked for its
    /// address, as long as `may_go_on()`: by multicast (ARP: broadcast), or at the address given.
    template <class MayGoOn, class F>
    void take_solicitations(MayGoOn&& may_go_on, F&& f) {
        while (!solicitations_.empty() && may_go_on())
            [[unlikely]] {
                Entry& entry = entries_[solicitations_.back()];
                solicitations_.pop_back();
                entry.solicitation_due = false;
                f(std::as_const(entry.address),
                  entry.state == NeighbourState::probe ? std::optional{entry.mac} : std::nullopt);
            }
    }

    [[nodiscard]] bool has_solicitations() const { return !solicitations_.empty(); }

    /// True for the nodes that are this cache's.
    [[nodiscard]] bool owns(const timer::Node& node) const { return node.kind() == timer_kind_; }

    /// A node of this cache has fired.
    void deadline_passed(timer::Node& node, Instant now);

    /// Gives up every held packet: `take_failed` has them all. For a worker that ends.
    void abandon_held();

    /// From a router's advertisement (RFC 4861 §6.3.4); for deadlines set from now on.
    void set_times(const NeighbourTimes& times) { times_ = times; }
    [[nodiscard]] const NeighbourTimes& times() const { return times_; }

    /// The entry for an address, or `none`: for tests, and to choose among routers.
    [[nodiscard]] std::uint32_t find(const Addr& address) const;
    [[nodiscard]] NeighbourState state(std::uint32_t index) const { return entries_[index].state; }

    /// Entries that stand for an address, in use or not; and packets that wait.
    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] std::uint32_t held() const { return held_; }

  private:
    /// Held packets in order: indices into `held_slots_`.
    struct Queue {
        std::uint32_t first = none;
        std::uint32_t last = none;
    };

    struct Held {
        std::uint64_t packet = 0;
        std::uint32_t entry = none;
        std::uint32_t next = none;
    };

    struct alignas(64) Entry {
        timer::Node timer; ///< Stays first: an entry is found from it.
        Instant confirmed{};
        wire::MacAddr mac;
        NeighbourState state = NeighbourState::failed;
        std::uint8_t solicits = 0; ///< Sent in this state, the one that is due included.
        std::uint32_t users = 0;
        std::uint32_t held = 0; ///< Packets that wait, or are ready and not yet taken.
        Queue waiting;
        Duration reachable{}; ///< How long this entry stays reachable after `confirmed`.
        Addr address{};
        std::uint32_t next_in_bucket = none; ///< Of a free entry: the next free one.
        std::uint32_t older = none;          ///< Among the entries without users.
        std::uint32_t younger = none;
        bool solicitation_due = false;
        bool is_idle = false; ///< Stands among the entries without users.
    };

    [[nodiscard]] std::uint32_t index_of(const Entry& entry) const {
        return static_cast<std::uint32_t>(&entry - entries_.data());
    }
    [[nodiscard]] std::uint32_t bucket_of(const Addr& address) const;

    [[nodiscard]] std::uint32_t create(const Addr& address);
    void forget(Entry& entry);
    void update_idleness(Entry& entry);
    void join_idle(Entry& entry);
    void leave_idle(Entry& entry);

    [[nodiscard]] bool use(Entry& entry, Instant now);
    void confirm_doubtful(Entry& entry, Instant now);
    void enter(Entry& entry, NeighbourState state);
    void resolve(Entry& entry, Instant now);
    void become_reachable(Entry& entry, Instant now);
    void become_stale(Entry& entry);
    void fail(Entry& entry);
    void solicit(Entry& entry, Instant now);
    void retransmit_passed(Entry& entry, std::uint8_t solicits_max, Instant now);
    [[nodiscard]] bool learn_from_request(const Addr& address, const wire::MacAddr& mac);
    void learn_first(Entry& entry, const wire::MacAddr& mac, bool solicited, Instant now);
    [[nodiscard]] bool learn_more(Entry& entry, const std::optional<wire::MacAddr>& mac,
                                  Evidence evidence, Instant now);

    void append(Queue& queue, std::uint32_t first, std::uint32_t last);
    void move_all(Queue& from, Queue& to);
    [[nodiscard]] Held pop(Queue& queue);
    void unhold(Entry& entry);

    timer::Wheel& wheel_;
    std::uint8_t timer_kind_;
    SipKey key_;
    NeighbourLimits limits_;
    NeighbourTimes times_;
    std::minstd_rand random_;
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> buckets_;
    std::vector<Held> held_slots_;
    std::vector<std::uint32_t> solicitations_; ///< Each entry at most once.
    Queue ready_;
    Queue failed_;
    std::uint32_t free_slot_ = none;
    std::uint32_t free_ = none;
    std::uint32_t oldest_idle_ = none;
    std::uint32_t youngest_idle_ = none;
    std::uint32_t size_ = 0;
    std::uint32_t held_ = 0;
};

extern template class Neighbours<wire::Ipv4Addr>;
extern template class Neighbours<wire::Ipv6Addr>;

} // namespace millrace::stack
