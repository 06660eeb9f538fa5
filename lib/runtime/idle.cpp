#include "runtime/idle.hpp"

#include <algorithm>

namespace millrace::runtime {

IdleStep IdlePolicy::after_poll(Instant now, std::size_t work) {
    if (work > 0 || last_work_ == Instant::min()) {
        last_work_ = now;
    }
    if (work > 0 || mode_ == IdleMode::poll) {
        return IdleStep::poll;
    }
    const Duration quiet = now - last_work_;
    if (quiet < awake_ / 2) {
        return IdleStep::poll;
    }
    return quiet < awake_ ? IdleStep::pause : IdleStep::sleep;
}

Duration IdlePolicy::sleep_length(Instant now, Instant deadline) const {
    if (deadline <= now) {
        return Duration::zero();
    }
    const Duration wanted = std::clamp((now - last_work_) / 4, sleep_min, latency_max_);
    // `never - now` may not be representable: compare points, not spans.
    const Duration length = deadline > now + wanted ? wanted : deadline - now;
    return length < sleep_min ? Duration::zero() : length;
}

} // namespace millrace::runtime
