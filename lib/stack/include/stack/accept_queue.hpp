#pragma once

#include "base/pool.hpp"

#include <cstdint>
#include <new>

namespace millrace::stack {

/// Connections of one listener and family that are established while their service says "not now",
/// in the order in which they came. The links lie in the bytes that are the service's from the
/// moment it hears of the connection. `Entry` has `state`, of eight bytes at least.
class AcceptQueue {
  public:
    static constexpr std::uint32_t none = UINT32_MAX;

    template <class Entry>
    void push(Pool<Entry>& pool, std::uint32_t slot) {
        new (pool[slot].state) Links{newest_, none};
        (newest_ == none ? oldest_ : links(pool, newest_).newer) = slot;
        newest_ = slot;
    }

    /// Takes an entry out, wherever it stands.
    template <class Entry>
    void remove(Pool<Entry>& pool, std::uint32_t slot) {
        const Links of = links(pool, slot);
        (of.older == none ? oldest_ : links(pool, of.older).newer) = of.newer;
        (of.newer == none ? newest_ : links(pool, of.newer).older) = of.older;
    }

    /// The entry that has waited longest, or `none`.
    [[nodiscard]] std::uint32_t oldest() const { return oldest_; }

  private:
    struct Links {
        std::uint32_t older;
        std::uint32_t newer;
    };

    template <class Entry>
    static Links& links(Pool<Entry>& pool, std::uint32_t slot) {
        return *std::launder(reinterpret_cast<Links*>(pool[slot].state));
    }

    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
};

} // namespace millrace::stack
