#include "tcp/hystart.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

bool in_css(const CongestionEpoch& epoch) {
    return epoch.css_baseline_us != 0;
}

void begin_round(CongestionEpoch& epoch, wire::SeqNum snd_nxt) {
    epoch.last_round_min_us = epoch.round_min_us;
    epoch.round_min_us = 0;
    epoch.rtt_samples = 0;
    epoch.round_end = snd_nxt;
    epoch.in_round = true;
}

void grow(CongestionState& state, const CongestionEpoch& epoch, const AckSample& ack) {
    const std::uint32_t most = ack.paced ? UINT32_MAX : hystart_l * ack.mss;
    const std::uint32_t counted = std::min(ack.acked_bytes, most);
    grow_in_slow_start(state, in_css(epoch) ? counted / css_growth_divisor : counted, most);
}

void take_sample(CongestionEpoch& epoch, std::uint32_t rtt_us) {
    if (rtt_us == 0) {
        return;
    }
    epoch.round_min_us = epoch.round_min_us == 0 ? rtt_us : std::min(epoch.round_min_us, rtt_us);
    if (epoch.rtt_samples < hystart_n_rtt_sample) {
        ++epoch.rtt_samples;
    }
}

bool delay_has_grown(const CongestionEpoch& epoch) {
    if (epoch.last_round_min_us == 0) {
        return false;
    }
    const std::uint32_t thresh_us =
        std::clamp(epoch.last_round_min_us / hystart_min_rtt_divisor, hystart_min_rtt_thresh_us,
                   hystart_max_rtt_thresh_us);
    return epoch.round_min_us >= epoch.last_round_min_us + thresh_us;
}

/// Into CSS when the delay grows, and back out of it when it was only jitter.
void judge(CongestionEpoch& epoch) {
    if (epoch.rtt_samples < hystart_n_rtt_sample) {
        return;
    }
    if (!in_css(epoch)) {
        if (delay_has_grown(epoch)) {
            epoch.css_baseline_us = epoch.round_min_us;
            epoch.css_rounds = 0;
        }
    } else if (epoch.round_min_us < epoch.css_baseline_us) {
        epoch.css_baseline_us = 0;
    }
}

/// The round in which CSS began counts, however late in it that was.
void end_round(CongestionState& state, CongestionEpoch& epoch, wire::SeqNum snd_nxt) {
    if (in_css(epoch)) {
        ++epoch.css_rounds;
        if (epoch.css_rounds == css_rounds_max) {
            state.ssthresh = state.cwnd;
        }
    }
    begin_round(epoch, snd_nxt);
}

} // namespace

void hystart_on_ack(CongestionState& state, CongestionEpoch& epoch, const AckSample& ack) {
    if (!epoch.in_round) {
        begin_round(epoch, ack.snd_nxt);
    }
    if (ack.cwnd_limited) {
        grow(state, epoch, ack);
    }
    take_sample(epoch, ack.rtt_us);
    judge(epoch);
    if (ack.snd_una >= epoch.round_end) {
        end_round(state, epoch, ack.snd_nxt);
    }
}

} // namespace millrace::tcp
