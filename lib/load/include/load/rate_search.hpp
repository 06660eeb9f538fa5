#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::load {

/// Looks for the highest rate at which a server still does well: doubles until it does not, then
/// halves the interval between the best and the worst (in ratio) until they are near each other.
class RateSearch {
  public:
    /// Begins at `rate`, and never asks for more than `rate_max`.
    RateSearch(double rate, double rate_max)
        : rate_{std::min(rate, rate_max)}, rate_max_{rate_max} {}

    /// What to try next; has no meaning when the search is over.
    [[nodiscard]] double rate() const { return rate_; }

    /// How the server has done at `rate()`.
    void tried(bool well);

    [[nodiscard]] bool is_over() const { return over_; }

    /// The highest rate at which it did well; 0 when there was none.
    [[nodiscard]] double best() const { return best_; }

  private:
    /// Over when the lowest rate that was too much is within this of the best.
    static constexpr double near_enough = 1.02;
    /// Nor is anything slower than this tried.
    static constexpr double rate_min = 1;

    double rate_;
    double rate_max_;
    double best_ = 0;
    double too_much_ = 0; ///< The lowest rate at which it did not do well; 0: none yet.
    bool over_ = false;
};

} // namespace millrace::load
