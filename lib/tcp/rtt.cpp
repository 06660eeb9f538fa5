#include "tcp/rtt.hpp"

#include <algorithm>

namespace millrace::tcp {
namespace {

std::uint32_t microseconds(Duration duration) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
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

void RttEstimator::back_off(const Config& config) {
    rto_us = std::min(rto_us * 2, microseconds(config.rto_max));
}

void RttEstimator::restore(const Config& config) {
    if (srtt_us == 0) {
        rto_us = microseconds(config.rto_initial);
        return;
    }
    rto_us = std::clamp(srtt_us + 4 * rttvar_us, microseconds(config.rto_min),
                        microseconds(config.rto_max));
}

} // namespace millrace::tcp
