#include "load/rate_search.hpp"

#include <algorithm>
#include <cmath>

namespace millrace::load {

void RateSearch::tried(bool well) {
    (well ? best_ : too_much_) = rate_;
    if (too_much_ == 0) {
        over_ = rate_ >= rate_max_;
        rate_ = std::min(2 * rate_, rate_max_);
    } else if (best_ == 0) {
        over_ = rate_ <= rate_min;
        rate_ = std::max(rate_ / 2, rate_min);
    } else {
        over_ = too_much_ / best_ <= near_enough;
        rate_ = std::sqrt(best_ * too_much_);
    }
}

} // namespace millrace::load
