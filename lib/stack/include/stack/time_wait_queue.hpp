#pragma once

#include "base/pool.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace millrace::stack {

/// What happens to a connection that shall wait when there is no entry left.
enum class TimeWaitWhenFull : std::uint8_t {
    oldest, ///< The entry that has waited longest makes room.
    refuse, ///< It goes without TIME-WAIT.
};

/// How many different ports the entries in TIME-WAIT hold.
class PortUse {
  public:
    explicit PortUse(std::pmr::memory_resource& memory) : entries_(ports, &memory) {}

    void add(std::uint16_t port) { distinct_ += entries_[port]++ == 0 ? 1U : 0U; }
    void remove(std::uint16_t port) { distinct_ -= --entries_[port] == 0 ? 1U : 0U; }

    [[nodiscard]] std::uint32_t distinct() const { return distinct_; }

  private:
    static constexpr std::size_t ports = 65536;

    std::pmr::vector<std::uint32_t> entries_; ///< By port.
    std::uint32_t distinct_ = 0;
};

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
    }

    /// Takes an entry out, wherever it stands.
    void remove(Pool<Entry>& pool, std::uint32_t slot) {
        const Entry& entry = pool[slot];
        (entry.older == Entry::nothing ? oldest_ : pool[entry.older].younger) = entry.younger;
        (entry.younger == Entry::nothing ? youngest_ : pool[entry.younger].older) = entry.older;
    }

    /// The entry that has waited longest, or `Entry::nothing`.
    [[nodiscard]] std::uint32_t oldest() const { return oldest_; }

    [[nodiscard]] Instant next_deadline(const Pool<Entry>& pool) const {
        return oldest_ == Entry::nothing ? never : pool[oldest_].expires;
    }

    /// When the entry that has waited longest began to, or `never`.
    [[nodiscard]] Instant oldest_since(const Pool<Entry>& pool) const {
        return oldest_ == Entry::nothing ? never : pool[oldest_].expires - wait_;
    }

    [[nodiscard]] Duration wait() const { return wait_; }

  private:
    Duration wait_;
    std::uint32_t oldest_ = Entry::nothing;
    std::uint32_t youngest_ = Entry::nothing;
};

} // namespace millrace::stack
