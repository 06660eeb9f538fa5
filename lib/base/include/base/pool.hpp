#pragma once

#include "base/assert.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <type_traits>

namespace millrace {

/// A fixed number of objects of one type, named by 32-bit indices. Its memory is taken once, from
/// the resource handed in, and is never unmapped while the pool lives, so a reader on another
/// thread may look at a slot that has just been released (and must then validate what it read).
///
/// One thread allocates and releases. Slots never used are never touched, so memory that a quiet
/// server does not need is not made resident. The object in a slot is not reset on reuse.
template <class T>
class Pool {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    static constexpr std::uint32_t none = UINT32_MAX;

    explicit Pool(std::uint32_t capacity,
                  std::pmr::memory_resource& memory = *std::pmr::get_default_resource())
        : memory_{memory}, capacity_{capacity}, slots_{static_cast<T*>(
                                                    memory.allocate(slot_bytes(), alignment))},
          free_{static_cast<std::uint32_t*>(memory.allocate(free_bytes(), alignment))} {}

    ~Pool() {
        memory_.deallocate(free_, free_bytes(), alignment);
        memory_.deallocate(slots_, slot_bytes(), alignment);
    }

    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// The index of a slot, or `none` when every one is in use.
    [[nodiscard]] std::uint32_t allocate() {
        if (free_count_ > 0) {
            return free_[--free_count_];
        }
        if (touched_ == capacity_) [[unlikely]] {
            return none;
        }
        ::new (slots_ + touched_) T{};
        return touched_++;
    }

    void release(std::uint32_t index) {
        MILLRACE_ASSERT(index < touched_ && free_count_ < touched_);
        free_[free_count_++] = index;
    }

    [[nodiscard]] T& operator[](std::uint32_t index) { return slots_[index]; }
    [[nodiscard]] const T& operator[](std::uint32_t index) const { return slots_[index]; }

    [[nodiscard]] std::uint32_t index_of(const T& object) const {
        return static_cast<std::uint32_t>(&object - slots_);
    }
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
    [[nodiscard]] std::uint32_t in_use() const { return touched_ - free_count_; }
    [[nodiscard]] std::uint32_t available() const { return capacity_ - in_use(); }

  private:
    static constexpr std::size_t alignment = std::max<std::size_t>(64, alignof(T));

    [[nodiscard]] std::size_t slot_bytes() const { return std::size_t{capacity_} * sizeof(T); }
    [[nodiscard]] std::size_t free_bytes() const {
        return std::size_t{capacity_} * sizeof(std::uint32_t);
    }

    std::pmr::memory_resource& memory_;
    std::uint32_t capacity_;
    std::uint32_t touched_ = 0;    ///< Slots below this have been used at least once.
    std::uint32_t free_count_ = 0; ///< How many of those are free, the last released on top.
    T* slots_;
    std::uint32_t* free_;
};

} // namespace millrace
