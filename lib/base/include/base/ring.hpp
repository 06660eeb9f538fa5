#pragma once

#include "base/assert.hpp"

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace millrace {

/// A bounded queue from one thread to one other, without locks. Each side keeps a copy of the
/// other's position and looks at the shared one only when the copy says full (or empty), so a burst
/// costs one miss, not one an item.
template <class T>
class SpscRing {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    /// `capacity` is a power of two.
    explicit SpscRing(std::uint32_t capacity)
        : mask_{capacity - 1}, items_{std::make_unique<T[]>(capacity)} {
        MILLRACE_ASSERT(std::has_single_bit(capacity));
    }

    /// Producer: puts one item in; false when the ring is full.
    [[nodiscard]] bool push(const T& item) {
        const std::uint32_t tail = producer_.position.load(std::memory_order_relaxed);
        if (tail - producer_.other > mask_) {
            producer_.other = consumer_.position.load(std::memory_order_acquire);
            if (tail - producer_.other > mask_) {
                return false;
            }
        }
        items_[tail & mask_] = item;
        producer_.position.store(tail + 1, std::memory_order_release);
        return true;
    }

    /// Consumer: takes up to `out.size()` items out; says how many.
    [[nodiscard]] std::size_t pop(std::span<T> out) {
        const std::uint32_t head = consumer_.position.load(std::memory_order_relaxed);
        std::uint32_t ready = consumer_.other - head;
        if (ready < out.size()) {
            consumer_.other = producer_.position.load(std::memory_order_acquire);
            ready = consumer_.other - head;
        }
        const std::uint32_t count =
            ready < out.size() ? ready : static_cast<std::uint32_t>(out.size());
        for (std::uint32_t i = 0; i < count; ++i) {
            out[i] = items_[(head + i) & mask_];
        }
        consumer_.position.store(head + count, std::memory_order_release);
        return count;
    }

    /// Either side: true when nothing was waiting a moment ago.
    [[nodiscard]] bool empty() const {
        return consumer_.position.load(std::memory_order_acquire) ==
               producer_.position.load(std::memory_order_acquire);
    }

    [[nodiscard]] std::uint32_t capacity() const { return mask_ + 1; }

  private:
    struct alignas(64) Side {
        std::atomic<std::uint32_t> position{0};
        std::uint32_t other = 0; ///< This side's copy of the other side's position.
    };

    Side producer_;
    Side consumer_;
    alignas(64) std::uint32_t mask_;
    std::unique_ptr<T[]> items_;
};

} // namespace millrace
