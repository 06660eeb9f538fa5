#pragma once

#include "tcp/congestion.hpp"

#include <cstdint>

namespace millrace::tcp {

// RFC 9406 §4.3.
inline constexpr std::uint32_t hystart_min_rtt_thresh_us = 4'000;
inline constexpr std::uint32_t hystart_max_rtt_thresh_us = 16'000;
inline constexpr std::uint32_t hystart_min_rtt_divisor = 8;
inline constexpr std::uint8_t hystart_n_rtt_sample = 8;
inline constexpr std::uint32_t css_growth_divisor = 4;
inline constexpr std::uint8_t css_rounds_max = 5;
inline constexpr std::uint32_t hystart_l = 8; ///< Segments for one ACK; without limit when paced.

/// One acknowledgement in the initial slow start (RFC 9406 §4.2). Growing delay makes it
/// conservative (CSS); this lasting for CSS_ROUNDS sets ssthresh, which is its end.
void hystart_on_ack(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack);

/// HyStart++ (RFC 9406) as the slow start of another congestion control, until the first time that
/// ssthresh is set; what follows is all the other's, its own slow start included.
template <CongestionControl Avoidance>
struct HyStart : Avoidance {
    static void on_ack(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack) {
        if (state.in_initial_slow_start()) {
            hystart_on_ack(state, epoch, ack);
        } else {
            Avoidance::on_ack(state, epoch, ack);
        }
    }
};

} // namespace millrace::tcp
