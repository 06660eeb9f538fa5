#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace millrace::load {

/// When operations are due, from their number alone. In an open loop that does not depend on how
/// the server does, so that a slow server cannot thin out the load it is measured with (coordinated
/// omission). In a closed loop every operation is due as soon as there is a connection for it.
class Schedule {
  public:
    /// A closed loop.
    Schedule() = default;

    /// An open loop from `start` on, of `rate` operations a second; with a `ramp` the rate begins
    /// there, is `rate_after` at its end, and stays so.
    Schedule(Instant start, double rate, double rate_after = 0, Duration ramp = {})
        : start_{start}, rate_{rate}, ramp_s_{to_seconds(ramp)}, slope_{ramp > Duration{}
                                                                            ? (rate_after - rate) /
                                                                                  to_seconds(ramp)
                                                                            : 0},
          rate_after_{ramp > Duration{} ? rate_after : rate} {}

    [[nodiscard]] bool is_open() const { return rate_after_ > 0; }

    /// When operation `number`, from 0, is due; of a closed loop: at once.
    [[nodiscard]] Instant due(std::uint64_t number) const {
        if (!is_open()) {
            return Instant::min();
        }
        const auto wanted = static_cast<double>(number);
        const double in_ramp = (rate_ + rate_after_) / 2 * ramp_s_;
        const double at =
            wanted >= in_ramp ? ramp_s_ + (wanted - in_ramp) / rate_after_ : in_the_ramp(wanted);
        constexpr double latest_s = 1e9;
        return start_ + Duration{static_cast<Duration::rep>(std::min(at, latest_s) * 1e9)};
    }

    /// How many operations of an open loop are due before `end`.
    [[nodiscard]] std::uint64_t count_before(Instant end) const {
        std::uint64_t count = 0;
        for (std::uint64_t step = std::uint64_t{1} << 52; step > 0; step /= 2) {
            count += due(count + step - 1) < end ? step : 0;
        }
        return count;
    }

  private:
    /// Solves rate t + slope t^2 / 2 = number.
    [[nodiscard]] double in_the_ramp(double number) const {
        if (slope_ == 0) {
            return number / rate_;
        }
        // Of the two forms of the root, the one that loses no digits when the slope is small.
        const double root = std::sqrt(std::max(rate_ * rate_ + 2 * slope_ * number, 0.0));
        return 2 * number / (rate_ + root);
    }

    Instant start_{};
    double rate_ = 0;
    double ramp_s_ = 0;
    double slope_ = 0;
    double rate_after_ = 0;
};

} // namespace millrace::load
