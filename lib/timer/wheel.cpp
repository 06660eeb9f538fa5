#include "timer/wheel.hpp"

namespace millrace::timer {

Wheel::Wheel(Instant start)
    : look_again_{tick_at_or_before(start) + 1}, earliest_{look_again_}, current_{look_again_ - 1} {
    MILLRACE_ASSERT(start >= Instant{});
}

Instant Wheel::next_deadline() const {
    const std::uint64_t event = first_event();
    return event == no_tick ? never : start_of(event);
}

/// The next node due by `target`, taken out; null when there is none, or no allowance for it.
Node* Wheel::next_due(std::uint64_t target, std::uint32_t& allowance) {
    while (target >= next_event_) {
        if (Node* const node = slots_[slot_of(0, current_)]) {
            if (allowance == 0) {
                stop_until(current_);
                return nullptr;
            }
            --allowance;
            --size_;
            __builtin_prefetch(node->next_);
            unlink(*node);
            return node;
        }
        const std::uint64_t event = first_event();
        if (event > target) {
            next_event_ = event;
            break;
        }
        // A slot that begins at `event` is emptied from the tick before, while it is still the next
        // one of its level and not the current one (invariant 2).
        move_to(event - 1);
        if (!empty_slots_beginning_at(event, allowance)) {
            stop_until(event);
            return nullptr;
        }
        move_to(event);
    }
    move_to(target);
    look_again_ = target + 1;
    bring_down_ahead(allowance);
    return nullptr;
}

/// Makes `tick`, which no event precedes, the present.
void Wheel::move_to(std::uint64_t tick) {
    const bool same_slots = (current_ ^ tick) >> level_bits == 0;
    current_ = tick;
    if (same_slots) [[likely]] {
        return;
    }
    ahead_ = 0;
    for (unsigned level = 1; level < levels; ++level) {
        const std::uint64_t next = (tick >> level * level_bits) + 1;
        ahead_ |= std::uint32_t{is_occupied(slot_of(level, next))} << level;
    }
}

/// The first tick at which a slot of level 0 is due or one of another level begins.
std::uint64_t Wheel::first_event() const {
    std::uint64_t first = no_tick;
    for (unsigned level = 0; level < levels; ++level) {
        const unsigned shift = level * level_bits;
        const std::uint64_t from = (current_ >> shift) + (level == 0 ? 0 : 1);
        const std::uint64_t position = first_position(level, from);
        if (position != no_tick) {
            first = std::min(first, position << shift);
        }
        const unsigned coarser = shift + level_bits;
        if (first <= ((current_ >> coarser) + 1) << coarser) {
            break; // Coarser slots begin there at the earliest.
        }
    }
    return first;
}

/// The first occupied position of a level among the 512 that begin with `from`.
std::uint64_t Wheel::first_position(unsigned level, std::uint64_t from) const {
    const std::uint64_t* const words = &occupied_[std::size_t{level} * words_per_level];
    const std::uint64_t offset = from % 64;
    std::uint64_t base = from - offset;
    std::uint64_t word = words[base / 64 % words_per_level] >> offset << offset;
    for (unsigned looked_at = 0; looked_at < words_per_level; ++looked_at) {
        if (word != 0) {
            return base + static_cast<unsigned>(std::countr_zero(word));
        }
        base += 64;
        word = words[base / 64 % words_per_level];
    }
    // Round the wheel, back in the word that was begun in its middle.
    word &= (std::uint64_t{1} << offset) - 1;
    return word == 0 ? no_tick : base + static_cast<unsigned>(std::countr_zero(word));
}

/// Brings down every slot whose time begins with `tick`; false when the allowance ran out first.
bool Wheel::empty_slots_beginning_at(std::uint64_t tick, std::uint32_t& allowance) {
    for (unsigned level = 1; level < levels; ++level) {
        const unsigned shift = level * level_bits;
        const std::uint64_t position = tick >> shift;
        if (position << shift != tick) {
            break; // Nor does a slot of a coarser level.
        }
        if (!bring_down(slot_of(level, position), allowance)) {
            return false;
        }
    }
    return true;
}

/// Empties the next slot of a level into the levels below; false when the allowance ran out first.
bool Wheel::bring_down(std::size_t slot, std::uint32_t& allowance) {
    while (Node* const node = slots_[slot]) {
        if (allowance == 0) {
            return false;
        }
        --allowance;
        __builtin_prefetch(node->next_);
        unlink(*node);
        place(*node);
    }
    return true;
}

/// Does a little of what would otherwise have to be done at once when a coarse slot begins, the
/// finest level first, for it is the most urgent.
void Wheel::bring_down_ahead(std::uint32_t& allowance) {
    std::uint32_t share = std::min(allowance, ahead_per_tick);
    while (ahead_ != 0) {
        const auto level = static_cast<unsigned>(std::countr_zero(ahead_));
        const std::uint64_t next = (current_ >> level * level_bits) + 1;
        if (!bring_down(slot_of(level, next), share)) {
            return;
        }
        ahead_ &= ahead_ - 1;
    }
}

} // namespace millrace::timer
