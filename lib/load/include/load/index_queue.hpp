#pragma once

#include "base/assert.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

/// Numbers below a bound, first in, first out, each at most once: room for all is taken at the
/// beginning.
class IndexQueue {
  public:
    explicit IndexQueue(std::uint32_t bound) : places_(bound), is_in_(bound) {}

    [[nodiscard]] bool empty() const { return count_ == 0; }

    /// Does nothing when it is in the queue already.
    void push(std::uint32_t index) {
        if (is_in_[index]) {
            return;
        }
        is_in_[index] = true;
        places_[(first_ + count_) % places_.size()] = index;
        ++count_;
    }

    [[nodiscard]] std::uint32_t pop() {
        MILLRACE_ASSERT(count_ > 0);
        const std::uint32_t index = places_[first_];
        first_ = (first_ + 1) % places_.size();
        --count_;
        is_in_[index] = false;
        return index;
    }

  private:
    std::vector<std::uint32_t> places_;
    std::vector<bool> is_in_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

} // namespace millrace::load
