#pragma once

#include "tcp/engine.hpp"

#include <cstdint>

namespace millrace::tcp {

/// A connection in SYN-RECEIVED after a passive open: all that must be known until the third
/// segment comes. Becomes an established `Tcb` then, and nothing larger before.
struct HalfOpen {
    static constexpr std::uint8_t no_scale = 15; ///< Window scaling was not offered.

    wire::SeqNum iss; ///< Ours.
    wire::SeqNum irs; ///< The peer's.
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_offset = 0;
    std::uint16_t mss = 536;           ///< The peer's, bounded by our path's.
    std::uint8_t scale : 4 = no_scale; ///< Of the peer's windows; no shift is above 14.
    bool timestamps : 1 = false;
    bool sack : 1 = false;
    bool ecn : 1 = false;
    bool acknowledged : 1 = false;    ///< The peer has our SYN,ACK; its data is waited for.
    std::uint8_t retransmits : 5 = 0; ///< Of the SYN,ACK, or times they were withheld.
    std::uint8_t answers : 3 = 0;     ///< Given since it was sent last; a limited number.

    [[nodiscard]] bool window_scale() const { return scale != no_scale; }

    [[nodiscard]] Handshake handshake() const {
        const std::uint8_t shift = window_scale() ? scale : 0;
        const std::uint8_t lost = acknowledged ? 0 : retransmits;
        return {iss,        irs,  ts_recent, ts_offset, mss, shift, window_scale(),
                timestamps, sack, ecn,       lost};
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
    /// Deferred accept: for so long, counted in time-outs of the SYN,ACK, an ACK that carries no
    /// data does not complete the handshake. 0: off.
    Duration defer_accept{};
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
/// While data is waited for it is not sent; once more when that time is over, so that the peer's
/// ACK may complete the handshake after all.
[[nodiscard]] HalfOpenVerdict deadline_passed(HalfOpen& entry, const LocalEnd& local, Instant now,
                                              Context& context);

/// How long to wait for an answer to the SYN,ACK sent last.
[[nodiscard]] Duration retransmit_after(const HalfOpen& entry, const Config& config);

/// The peer's MSS option, its default where there is none (RFC 9293 §3.7.1), and a floor under
/// which segments would be all header.
[[nodiscard]] std::uint16_t peer_mss(const wire::TcpOptions& options);

} // namespace millrace::tcp
