#pragma once

#include "tcp/engine.hpp"

#include <cstdint>

namespace millrace::tcp {

/// A connection in SYN-RECEIVED after a passive open: all that must be known until the third
/// segment comes. Becomes an established `Tcb` then, and nothing larger before.
struct HalfOpen {
    wire::SeqNum iss; ///< Ours.
    wire::SeqNum irs; ///< The peer's.
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_offset = 0;
    std::uint16_t mss = 536; ///< The peer's, bounded by our path's.
    std::uint8_t scale : 4 = 0;
    bool window_scale : 1 = false;
    bool timestamps : 1 = false;
    bool sack : 1 = false;
    bool ecn : 1 = false;
    std::uint8_t retransmits : 5 = 0; ///< Of the SYN,ACK.
    std::uint8_t answers : 3 = 0;     ///< Given since it was sent last; a limited number.

    [[nodiscard]] Handshake handshake() const {
        return {iss,          irs,        ts_recent, ts_offset, mss,        scale,
                window_scale, timestamps, sack,      ecn,       retransmits};
    }
};

static_assert(sizeof(HalfOpen) == 20, "with four-tuple and timer node, one cache line");

/// What is to become of a half-open entry.
enum class HalfOpenVerdict : std::uint8_t {
    stay,      ///< Nothing changed; an answer may have been put out.
    establish, ///< The handshake is complete: make a Tcb and give it the segment.
    remove,    ///< Back to LISTEN.
};

struct HalfOpenResult {
    HalfOpenVerdict verdict = HalfOpenVerdict::stay;
    wire::Drop drop = wire::Drop::none;
};

/// What our end brings to every handshake of a listener.
struct LocalEnd {
    const Config& config;
    std::uint16_t mss = 536; ///< What our path allows, and what we offer.
};

/// A SYN for a listener (RFC 9293 §3.10.7.2): makes the entry and puts out the SYN,ACK. `ts_offset`
/// is ours for this address pair.
void listen_syn(HalfOpen& entry, const wire::TcpSegment& syn, wire::SeqNum iss,
                std::uint32_t ts_offset, const LocalEnd& local, Instant now, Context& context);

/// RFC 9293 §3.10.7.4 for SYN-RECEIVED after a passive open. Answers that a stranger could ask for
/// without end are limited to a few between two SYN,ACKs.
[[nodiscard]] HalfOpenResult segment_arrives(HalfOpen& entry, const wire::TcpSegment& segment,
                                             const LocalEnd& local, Instant now, Context& context);

/// The SYN,ACK was not answered in time: sends it again, or says that it was sent often enough.
[[nodiscard]] HalfOpenVerdict deadline_passed(HalfOpen& entry, const LocalEnd& local, Instant now,
                                              Context& context);

/// How long to wait for an answer to the SYN,ACK sent last.
[[nodiscard]] Duration retransmit_after(const HalfOpen& entry, const Config& config);

/// The peer's MSS option, its default where there is none (RFC 9293 §3.7.1), and a floor under
/// which segments would be all header.
[[nodiscard]] std::uint16_t peer_mss(const wire::TcpOptions& options);

} // namespace millrace::tcp
