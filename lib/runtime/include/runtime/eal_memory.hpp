#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <new>

namespace millrace::runtime {

/// There is not enough EAL memory; `what()` says how much was asked for and which setting gives it.
class EalMemoryExhausted : public std::bad_alloc {
  public:
    explicit EalMemoryExhausted(std::size_t bytes_asked);
    [[nodiscard]] const char* what() const noexcept override { return text_.data(); }

  private:
    std::array<char, 256> text_{};
};

/// EAL's heap as a memory resource: what a port can read without a copy. For start-up only: it
/// locks, and throws `EalMemoryExhausted`. A piece is never larger than EAL's list of pages of one
/// size: 16 GB with pages of 2 MB, 32 GB with pages of 1 GB, all of `memory_mb` with ordinary
/// memory. Pages that nobody touches cost nothing where memory is ordinary. Needs a running EAL,
/// and its memory must go back before EAL ends.
[[nodiscard]] std::pmr::memory_resource& eal_memory_resource();

} // namespace millrace::runtime
