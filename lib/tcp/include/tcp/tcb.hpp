#pragma once

#include "base/time.hpp"
#include "tcp/buffers.hpp"
#include "tcp/congestion.hpp"
#include "tcp/flight.hpp"
#include "tcp/reassembly.hpp"
#include "tcp/rtt.hpp"
#include "tcp/state.hpp"
#include "wire/seq_num.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace millrace::tcp {

/// What `Tcb::retransmit_deadline` is for, when it is not for a closed window's probe.
enum class RetransmitTimer : std::uint8_t {
    retransmission,  ///< RFC 6298, or a SYN's.
    tail_loss_probe, ///< RFC 8985 §7.
    reordering,      ///< What RACK waits for before it calls a segment lost (RFC 8985 §6.2).
    pacing,          ///< The next burst.
    keep_alive,      ///< Nothing is in flight: the next look at how long the peer has been silent.
};

/// The time in which the user takes a whole receive buffer of data: see buffer_sizes.cpp. Both
/// numbers are cut to 16 bits.
struct ReceiveRound {
    std::uint16_t end = 0;      ///< Sequence number, in units of which a buffer has 2^14 to 2^15.
    std::uint16_t began_ms = 0; ///< On the 1 ms clock.
};

/// The transmission control block: one connection as the engine knows it, without addresses.
/// (RFC 9293 §3.3.1; names as there.)
///
///   Send sequence space                       Receive sequence space
///
///        1         2          3          4          1          2          3
///   ──────────|─────────|──────────|──────────  ──────────|──────────|──────────
///          SND.UNA   SND.NXT    SND.UNA                RCV.NXT    RCV.EDGE
///                              +SND.WND
///   1 acknowledged, 2 sent, 3 may be sent,      1 received, 2 window offered,
///   4 may not yet                               3 not offered yet
///
/// SND.NXT never goes back; what of SND.UNA to SND.NXT was sent when, and must be sent again, is in
/// the `Flight`, which is there only while the two differ. RCV.WND is kept as its right edge,
/// RCV.EDGE, which never moves left.
///
/// The order of the fields is that of their use: the first line is what a segment that comes meets,
/// the second what leaves with data and acknowledgements, the rest what losses and clocks need.
struct Tcb {
    State state = State::closed;
    /// Of the first unacknowledged byte; or probes, of a window or of a peer, without an answer.
    std::uint8_t retransmits = 0;
    RetransmitTimer timer = RetransmitTimer::retransmission;
    std::uint8_t config = 0;        ///< Which of the context's.
    std::uint8_t snd_scale : 4 = 0; ///< Shift of the windows we receive (RFC 7323 §2).
    std::uint8_t rcv_scale : 4 = 0; ///< Shift of the windows we send.

    // What was agreed in the handshake
    bool timestamps : 1 = false;
    bool sack : 1 = false;
    bool window_scale : 1 = false;
    // What the user wants
    bool no_delay : 1 = false;         ///< Nagle's algorithm is off.
    bool corked : 1 = false;           ///< Full segments only, for `cork_time` at most.
    bool fin_queued : 1 = false;       ///< A FIN follows the queued data.
    bool fin_acknowledged : 1 = false; ///< The peer has our FIN.
    bool user_gone : 1 = false; ///< The user reads no more: data that comes is answered by RST.
    // What is owed
    bool ack_now : 1 = false;       ///< An acknowledgement must go out at the end of the burst.
    bool ack_delayed : 1 = false;   ///< One must go out by `ack_deadline`.
    bool window_update : 1 = false; ///< The user has taken data since the last segment.
    // Where we are
    bool persisting : 1 = false;      ///< The timer probes a closed window.
    bool reordering_seen : 1 = false; ///< RACK.reordering_seen
    bool probe_unjudged : 1 = false;  ///< A tail loss probe may have repaired a loss.
    bool fin_received : 1 = false;    ///< The peer's FIN has come; TIME-WAIT may begin without.
    // Explicit congestion notification (RFC 3168)
    bool ecn : 1 = false;      ///< Offered by our SYN, then: agreed in the handshake.
    bool ecn_echo : 1 = false; ///< Congestion was met on the way here: ECE until the peer's CWR.
    bool ecn_cwr : 1 = false;  ///< cwnd was reduced: CWR on the next new data.

    std::uint16_t snd_mss = 536; ///< Payload and options that one segment may carry to the peer.
    /// Largest payload seen from the peer, two of which want an ACK; what we offer until both SYNs
    /// have been seen.
    std::uint16_t rcv_mss = 536;

    struct {
        wire::SeqNum nxt;
        wire::SeqNum acked; ///< RCV.NXT in the last segment we sent.
        wire::SeqNum edge;
    } rcv;

    struct {
        wire::SeqNum una, nxt;
        std::uint32_t wnd = 0;
        std::uint32_t wnd_max = 0; ///< Largest window the peer has offered.
        wire::SeqNum wl1, wl2;
    } snd;

    std::uint32_t ts_recent = 0; ///< TS.Recent
    std::uint32_t heard_ms = 0;  ///< When an acceptable segment last came, on the 1 ms clock.
    std::uint32_t ts_offset = 0; ///< Added to the 1 ms clock in what we send.
    ReceiveRound round;          ///< Whether the receive buffer is what bounds the peer.

    Instant retransmit_deadline = never; ///< Or the next probe of a closed window.
    Instant ack_deadline = never;

    Rope queue; ///< From SND.UNA on: what is sent and not acknowledged, then what is not sent.
    std::uint32_t flight_slot = Flight::none; ///< Of the context's flights; something is in flight.
    std::uint32_t send_charge = 0;            ///< Memory pinned by `queue`, in bytes.

    Rope unread;                      ///< In order, and left by the user.
    std::uint32_t receive_charge = 0; ///< Memory pinned by `unread`.
    std::uint32_t reassembly = Pool<Reassembly>::none;

    CongestionState congestion;
    RttEstimator rtt;
    std::uint8_t reordering_multiplier : 4 = 1; ///< RACK.reo_wnd_mult
    std::uint8_t reordering_persist : 4 = 0;    ///< RACK.reo_wnd_persist: recoveries it stays.
    std::uint8_t cwnd_filled_at = 0; ///< When cwnd was last the limit; see cwnd_validation.cpp.
    std::uint16_t cwnd_used_segments = 0; ///< The most since then.
    /// When data was last sent, or began to wait for a window, on the 1 ms clock.
    std::uint32_t sent_ms = 0;
    std::uint32_t challenged_ms = 0; ///< When the last rate-limited ACK went out; 0: never.
    std::uint16_t mss_high = 536; ///< SND.MSS is never more; while it is less, probes may raise it.
    std::uint8_t rcv_doublings = 0; ///< Of the receive buffer since the handshake.

    /// The user's. When it is gone: the end of FIN-WAIT-2, and of its patience before that.
    Instant user_deadline = never;

    /// One past the last byte queued.
    [[nodiscard]] wire::SeqNum queue_end() const { return snd.una + queue.length; }

    /// Sent and not acknowledged, in sequence space.
    [[nodiscard]] std::uint32_t flight() const {
        return static_cast<std::uint32_t>(snd.nxt - snd.una);
    }

    [[nodiscard]] bool fin_sent() const { return fin_queued && snd.nxt == queue_end() + 1; }

    [[nodiscard]] std::uint32_t rcv_wnd() const {
        return static_cast<std::uint32_t>(std::max(rcv.edge - rcv.nxt, 0));
    }

    /// The nearest of the deadlines, or `never`.
    [[nodiscard]] Instant next_deadline() const {
        return std::min({retransmit_deadline, ack_deadline, user_deadline});
    }
};

static_assert(sizeof(Tcb) <= 176,
              "an entry with four-tuple, links, timer and service state: see stack/entries.hpp");
static_assert(offsetof(Tcb, retransmit_deadline) <= 64, "receiving looks at one line first");

} // namespace millrace::tcp
