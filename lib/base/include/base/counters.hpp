#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace millrace {

/// A block of counters named by the values of an enum: written by one thread, read by any.
template <class Name, std::size_t size>
class Counters {
  public:
    void add(Name counter, std::uint64_t count = 1) {
        const std::atomic_ref<std::uint64_t> value{values_[static_cast<std::size_t>(counter)]};
        value.store(value.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }

    /// For what goes up and down.
    void set(Name counter, std::uint64_t value) {
        std::atomic_ref<std::uint64_t>{values_[static_cast<std::size_t>(counter)]}.store(
            value, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t operator[](Name counter) const {
        return std::atomic_ref<std::uint64_t>{values_[static_cast<std::size_t>(counter)]}.load(
            std::memory_order_relaxed);
    }

  private:
    /// Mutable for atomic_ref, which takes nothing const.
    mutable std::array<std::uint64_t, size> values_{};
};

} // namespace millrace
