#pragma once

#include "base/pool.hpp"
#include "base/time.hpp"

#include <cstdint>

namespace millrace::stack {

/// Entries that all wait equally long, the oldest first, so that the next to expire is always at
/// the front and nothing need be sorted. `Entry` has `older`, `younger` and `expires`.
template <class Entry>
class TimeWaitQueue {
  public:
    explicit TimeWaitQueue(Duration wait) : wait_{wait} {}

    /// Begins an entry's wait at `now`, which never goes back.
    void push(Pool<Entry>& pool, std::uint32_t slot, Instant now) {
        Entry& entry = pool[slot];
        entry.expires = now + wait_;
        entry.older = youngest_;
        entry.younger = Entry::nothing;
        (youngest_ == Entry::nothing ? oldest_ : pool[youngest_].younger) = slot;
        youngest_ = slot;
        ++size_;
    }

    /// Takes an entry out, wherever it stands.
    void remove(Pool<Entry>& pool, std::uint32_t slot) {
        const Entry& entry = pool[slot];
        (entry.older == Entry::nothing ? oldest_ : pool[entry.older].younger) = entry.younger;
        (entry.younger == Entry::nothing ? youngest_ : pool[entry.younger].older) = entry.older;
        --size_;
    }

    /// The entry that has waited longest, or `Entry::nothing`.
    [[nodiscard]] std::uint32_t oldest() const { return oldest_; }

    [[nodiscard]] Instant next_deadline(const Pool<Entry>& pool) const {
        return oldest_ == Entry::nothing ? never : pool[oldest_].expires;
    }

    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] Duration wait() const { return wait_; }

  private:
    Duration wait_;
    std::uint32_t oldest_ = Entry::nothing;
    std::uint32_t youngest_ = Entry::nothing;
    std::uint32_t size_ = 0;
};

} // namespace millrace::stack
