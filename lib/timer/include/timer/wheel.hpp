#pragma once

#include "base/assert.hpp"
#include "base/time.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

/// A hierarchical timing wheel
/// ===========================
///
/// Time is cut into ticks of 32,768 ns. A deadline is rounded up to its tick, and a tick is reached
/// when the clock, rounded down, says so: nothing fires early, and nothing fires more than one tick
/// late as long as somebody calls advance() every tick.
///
///   level 0   512 slots of 1 tick          the next 16.8 ms, a slot holds one tick's nodes
///   level 1   512 slots of 256 ticks       8.4 ms a slot, the next 4.3 s
///   level 2   512 slots of 256^2 ticks     2.1 s a slot, the next 18 minutes
///   level 3   512 slots of 256^3 ticks     9 minutes a slot, the next 3 days
///   level 4   512 slots of 256^4 ticks     39 hours a slot, the next 2 years
///   level 5   512 slots of 256^5 ticks     417 days a slot, beyond the end of `Instant`
///
/// So every deadline has its slot from the start; there is no overflow list.
///
/// Why 512 slots where each level is only 256 times coarser than the one below: a slot of level k
/// must be emptied into the levels below before its time begins. With 256 slots below, that could
/// only be done at that very tick, and a slot of level 2 with half a million idle connections in it
/// would stop the worker for tens of milliseconds. With twice as many, level k - 1 reaches over the
/// whole of the current slot of level k *and* the next one, so the next one can be brought down at
/// any time while the current one passes: a few nodes a tick, before anyone waits for them.
///
/// Invariants, with p(k) = current tick / 256^k, the position of the present in level k:
///
///   1. Level 0 holds the ticks from p(0) on, 512 of them. Only a call that ran out of allowance
///      leaves something at p(0) itself.
///   2. Level k > 0 holds positions p(k) + 1 to p(k) + 512. Position p(k) is empty: its time has
///      begun. So its slot may stand for p(k) + 512.
///   3. A node is put into the lowest level whose 512 positions reach its tick. So nothing is ever
///      put at p(k) + 1 in level k > 0, and what is brought down from there lands in a lower level.
///   4. A bit in `occupied_` is set exactly when its slot has a node.
///   5. `next_event_` is at most the first tick at which there is something to do: fire a slot of
///      level 0, or finish bringing down a slot of another. While it lies ahead, a tick that passes
///      costs a comparison.
///
/// Deadlines that move. The wheel knows one deadline per node and that is all it knows. A
/// connection whose deadline moves *later* with every ACK should leave its node where it is; when
/// the node fires, the owner sees that its real deadline has moved and schedules the node again for
/// that. Only a deadline that moves *earlier* has to touch the wheel: that is what bring_forward()
/// is for.
namespace millrace::timer {

/// One place in a wheel, embedded in what it wakes. Its owner keeps it at one address, and alive,
/// while it is scheduled; the wheel allocates nothing.
class Node {
  public:
    /// `kind` is the owner's: it says what the node is embedded in when one wheel serves several
    /// types.
    explicit Node(std::uint8_t kind = 0) : tick_and_kind_{kind} {}

    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    [[nodiscard]] bool is_scheduled() const { return link_ != nullptr; }
    [[nodiscard]] std::uint8_t kind() const { return static_cast<std::uint8_t>(tick_and_kind_); }

    /// When the node will fire: its deadline rounded up to the tick, or `never`.
    [[nodiscard]] Instant deadline() const;

  private:
    friend class Wheel;

    [[nodiscard]] std::uint64_t tick() const { return tick_and_kind_ >> 8; }
    void set_tick(std::uint64_t tick) { tick_and_kind_ = tick << 8 | kind(); }

    Node* next_ = nullptr;
    Node** link_ = nullptr; ///< What points at this node: a slot, or the `next_` before it.
    std::uint64_t tick_and_kind_;
};

static_assert(sizeof(Node) == 24, "a half-open entry of 64 bytes has room for no more");
static_assert(std::is_trivially_destructible_v<Node>, "it lives in pools");
static_assert(std::is_standard_layout_v<Node>, "its owner finds itself by offsetof");

/// All timers of one worker. Only that worker calls it. It does not move: nodes point into it.
class Wheel {
  public:
    static constexpr unsigned tick_bits = 15;
    static constexpr Duration tick_length{1 << tick_bits};
    static constexpr std::uint32_t unlimited = UINT32_MAX;

    /// `start` is the present, at or after the clock's zero.
    explicit Wheel(Instant start);

    Wheel(const Wheel&) = delete;
    Wheel& operator=(const Wheel&) = delete;

    /// Puts a node that is not scheduled into the wheel. A deadline that has passed already fires
    /// with the next advance() that sees a new tick; scheduling at `never` leaves the node out.
    void schedule(Node& node, Instant deadline) {
        MILLRACE_ASSERT(!node.is_scheduled());
        if (deadline == never) [[unlikely]] {
            return;
        }
        node.set_tick(std::max(tick_at_or_after(deadline), earliest_));
        place(node);
        ++size_;
    }

    /// Takes a node out of the wheel; nothing happens when it is not in it.
    void cancel(Node& node) {
        if (node.is_scheduled()) {
            unlink(node);
            --size_;
        }
    }

    /// Moves a node to another deadline, whether it is scheduled or not.
    void reschedule(Node& node, Instant deadline) {
        cancel(node);
        schedule(node, deadline);
    }

    /// Makes sure that a node fires no later than `deadline` (rounded up to its tick): a node that
    /// would fire sooner is left alone.
    void bring_forward(Node& node, Instant deadline) {
        if (!node.is_scheduled()) {
            schedule(node, deadline);
        } else if (tick_at_or_after(deadline) < node.tick()) {
            reschedule(node, deadline);
        }
    }

    /// Calls `fire(Node&)` for every node whose deadline is at or before `now`, tick by tick, and
    /// says how many there were. A node is out of the wheel when it is handed over, and `fire` may
    /// schedule and cancel any node, those due in the same call included. What it schedules does
    /// not fire before the next call that sees a new tick, however early its deadline.
    ///
    /// At most `allowance` nodes are touched: fired, or brought down from a coarser level. When it
    /// runs out the rest stay due, and the next call goes on where this one stopped; what is
    /// scheduled in between queues behind them.
    template <class Fire>
    std::uint32_t advance(Instant now, Fire&& fire, std::uint32_t allowance = unlimited) {
        const std::uint64_t target = tick_at_or_before(now);
        if (target < look_again_) [[likely]] {
            return 0;
        }
        earliest_ = std::max(earliest_, target + 1);
        std::uint32_t fired = 0;
        while (Node* const node = next_due(target, allowance)) {
            ++fired;
            fire(*node);
        }
        return fired;
    }

    /// Until when a worker with nothing else to do may sleep: advance() has nothing to fire before
    /// it. It is the nearest deadline rounded up to its tick when that is within 16 ms, and
    /// possibly earlier (by the width of a slot of its level) when it is further away; `never` when
    /// the wheel is empty.
    [[nodiscard]] Instant next_deadline() const;

    /// How many nodes are scheduled.
    [[nodiscard]] std::uint32_t size() const { return size_; }

  private:
    friend class Node;

    static constexpr unsigned levels = 6;
    static constexpr unsigned slots_per_level = 512;
    static constexpr unsigned level_bits = 8; ///< Each level is this many bits coarser.
    static constexpr unsigned words_per_level = slots_per_level / 64;
    static constexpr std::uint64_t no_tick = UINT64_MAX;

    /// How many nodes are brought down ahead of time in each tick.
    static constexpr std::uint32_t ahead_per_tick = 64;

    static std::uint64_t tick_at_or_after(Instant instant) {
        const std::int64_t ns = std::max<std::int64_t>(instant.time_since_epoch().count(), 1);
        return static_cast<std::uint64_t>(((ns - 1) >> tick_bits) + 1);
    }
    static std::uint64_t tick_at_or_before(Instant instant) {
        return static_cast<std::uint64_t>(instant.time_since_epoch().count()) >> tick_bits;
    }
    static Instant start_of(std::uint64_t tick) {
        constexpr auto end = static_cast<std::uint64_t>(never.time_since_epoch().count());
        return tick > end >> tick_bits
                   ? never
                   : Instant{Duration{static_cast<std::int64_t>(tick << tick_bits)}};
    }

    /// The number of a slot: its level's, then the position's place in it.
    static std::size_t slot_of(unsigned level, std::uint64_t position) {
        return level * slots_per_level + position % slots_per_level;
    }

    /// Puts a node where its tick says. The level is the lowest with 512 * 256^level > distance.
    void place(Node& node) {
        static_assert(level_bits == 8 && slots_per_level == 2 << level_bits);
        const std::uint64_t distance = node.tick() - current_;
        const unsigned shift = static_cast<unsigned>(std::bit_width(distance | 2) - 2) & ~7u;
        const std::uint64_t position = node.tick() >> shift;
        const std::size_t slot = slot_of(shift / level_bits, position);
        Node*& head = slots_[slot];
        node.next_ = head;
        node.link_ = &head;
        if (head != nullptr) {
            head->link_ = &node.next_;
        }
        head = &node;
        occupied_[slot / 64] |= std::uint64_t{1} << slot % 64;
        next_event_ = std::min(next_event_, position << shift);
    }

    void unlink(Node& node) {
        *node.link_ = node.next_;
        if (node.next_ != nullptr) {
            node.next_->link_ = node.link_;
        } else if (const auto slot = slot_pointed_from(node.link_); slot < slots_.size()) {
            occupied_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
        }
        node.link_ = nullptr;
    }

    /// Which slot a link is; a number beyond the last when it is the inside of a node.
    [[nodiscard]] std::size_t slot_pointed_from(Node* const* link) const {
        return (reinterpret_cast<std::uintptr_t>(link) -
                reinterpret_cast<std::uintptr_t>(slots_.data())) /
               sizeof(Node*);
    }

    [[nodiscard]] bool is_occupied(std::size_t slot) const {
        return (occupied_[slot / 64] >> slot % 64 & 1) != 0;
    }

    Node* next_due(std::uint64_t target, std::uint32_t& allowance);
    void stop_until(std::uint64_t tick) { look_again_ = next_event_ = tick; }
    void move_to(std::uint64_t tick);
    [[nodiscard]] std::uint64_t first_event() const;
    [[nodiscard]] std::uint64_t first_position(unsigned level, std::uint64_t from) const;
    [[nodiscard]] bool empty_slots_beginning_at(std::uint64_t tick, std::uint32_t& allowance);
    [[nodiscard]] bool bring_down(std::size_t slot, std::uint32_t& allowance);
    void bring_down_ahead(std::uint32_t& allowance);

    std::uint64_t look_again_; ///< advance() has nothing to do before this tick.
    std::uint64_t earliest_;   ///< The earliest tick that a node may still be given.
    std::uint64_t current_;    ///< Every tick before this one is over.
    std::uint64_t next_event_ = no_tick;
    std::uint32_t size_ = 0;
    std::uint32_t ahead_ = 0; ///< Bit k: position p(k) + 1 of level k may have nodes to bring down.
    std::array<std::uint64_t, levels * words_per_level> occupied_{};
    std::array<Node*, levels * slots_per_level> slots_{};
};

inline Instant Node::deadline() const {
    return is_scheduled() ? Wheel::start_of(tick()) : never;
}

} // namespace millrace::timer
