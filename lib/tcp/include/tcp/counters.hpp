#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::tcp {

enum class Counter : std::uint8_t {
#define MILLRACE_TCP_COUNTER(name, text) name,
#include "tcp/counters.def"
#undef MILLRACE_TCP_COUNTER
};

inline constexpr std::array counter_names{
#define MILLRACE_TCP_COUNTER(name, text) std::string_view{#name},
#include "tcp/counters.def"
#undef MILLRACE_TCP_COUNTER
};

inline constexpr std::array counter_texts{
#define MILLRACE_TCP_COUNTER(name, text) std::string_view{text},
#include "tcp/counters.def"
#undef MILLRACE_TCP_COUNTER
};

/// One worker's counters: written by that worker, read by anyone.
class Counters {
  public:
    void add(Counter counter, std::uint64_t count = 1) {
        std::atomic_ref<std::uint64_t> value{values_[static_cast<std::size_t>(counter)]};
        value.store(value.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t operator[](Counter counter) const {
        return std::atomic_ref<std::uint64_t>{values_[static_cast<std::size_t>(counter)]}.load(
            std::memory_order_relaxed);
    }

  private:
    mutable std::array<std::uint64_t, counter_names.size()> values_{};
};

} // namespace millrace::tcp
