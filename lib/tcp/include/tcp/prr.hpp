#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

/// What proportional rate reduction looks at when an acknowledgement arrives in recovery; bytes.
struct RateReduction {
    std::uint32_t ssthresh;
    std::uint32_t recover_fs;    ///< FlightSize when recovery began (RecoverFS).
    std::uint32_t prr_delivered; ///< Delivered since then, by this acknowledgement too.
    std::uint32_t prr_out;       ///< Sent since then.
    std::uint32_t delivered;     ///< By this acknowledgement (DeliveredData).
    std::uint32_t pipe;
    std::uint32_t mss;
    bool progress; ///< SND.UNA has moved, and no further loss was found.
};

/// How many bytes may be sent now (RFC 6937 §3.1, sndcnt). Above ssthresh it follows what arrives
/// in proportion; below, the conservative bound, and the slow-start bound only while the repair
/// goes well.
[[nodiscard]] inline std::uint32_t send_count(const RateReduction& at) {
    if (at.pipe > at.ssthresh) {
        const std::uint64_t share =
            (std::uint64_t{at.prr_delivered} * at.ssthresh + std::max(at.recover_fs, 1U) - 1) /
            std::max(at.recover_fs, 1U);
        return share > at.prr_out ? static_cast<std::uint32_t>(share - at.prr_out) : 0;
    }
    const std::uint32_t behind = at.prr_delivered > at.prr_out ? at.prr_delivered - at.prr_out : 0;
    const std::uint32_t limit = std::max(behind, at.delivered) + (at.progress ? at.mss : 0);
    return std::min(at.ssthresh - at.pipe, limit);
}

} // namespace millrace::tcp
