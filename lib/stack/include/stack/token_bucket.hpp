#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <cstdint>

namespace millrace::stack {

/// A rate limit: `rate_per_s` events a second in the long run, up to `burst` at once. It keeps the
/// instant at which the next event would be due if events came evenly (the form known as GCRA), so
/// nothing has to be filled up.
class TokenBucket {
  public:
    /// Both are at least 1.
    TokenBucket(std::uint32_t rate_per_s, std::uint32_t burst)
        : interval_{Duration{1s} / rate_per_s}, ahead_max_{interval_ * (burst - 1)} {}

    /// True when one more event is allowed now; it is then counted.
    [[nodiscard]] bool take(Instant now) {
        if (due_ > now + ahead_max_) {
            return false;
        }
        due_ = std::max(due_, now) + interval_;
        return true;
    }

  private:
    Duration interval_;
    Duration ahead_max_; ///< How far events may run ahead of their even pace.
    Instant due_{};
};

} // namespace millrace::stack
