#include "tcp/rtt.hpp"

#include <algorithm>

namespace millrace::tcp {
namespace {

/// At most 25 minutes, so that twice as long still fits.
std::uint32_t microseconds(Duration duration) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(std::min<Duration>(duration, 1500s))
            .count());
}

std::uint32_t computed(const RttEstimator& rtt, const Config& config) {
    if (rtt.srtt_us == 0) {
        return microseconds(config.rto_initial);
    }
    return std::min(rtt.srtt_us + std::max(4 * rtt.rttvar_us, microseconds(config.rto_min)),
                    microseconds(config.rto_max));
}

} // namespace

void RttEstimator::sample(Duration rtt, const Config& config) {
    const std::uint32_t r = std::max(microseconds(std::min<Duration>(rtt, 600s)), 1U);
    if (srtt_us == 0) {
        srtt_us = r;
        rttvar_us = r / 2;
    } else {
        const std::uint32_t deviation = srtt_us > r ? srtt_us - r : r - srtt_us;
        rttvar_us = rttvar_us - rttvar_us / 4 + deviation / 4;
        srtt_us = std::max(srtt_us - srtt_us / 8 + r / 8, 1U);
    }
    restore(config);
}

void RttEstimator::note_minimum(std::uint32_t rtt_us, std::uint32_t now_ms) {
    constexpr std::uint32_t window_ms = 300'000; // As in Linux.
    if (rtt_us <= min_us || now_ms - min_at_ms > window_ms) {
        min_us = rtt_us;
        min_at_ms = now_ms;
    }
}

void RttEstimator::back_off(const Config& config) {
    rto_us = std::min(rto_us * 2, microseconds(config.rto_max));
}

void RttEstimator::restore(const Config& config) {
    rto_us = computed(*this, config);
}

bool RttEstimator::backed_off(const Config& config) const {
    return rto_us > computed(*this, config);
}

} // namespace millrace::tcp
