#pragma once

#include "tcp/clock.hpp"
#include "tcp/engine.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

/// What the engine's files ask of one another.
namespace millrace::tcp {

/// The least that SND.MSS is: what all options together take, and as many bytes of payload as Linux
/// (TCP_MIN_SND_MSS) thinks worth a header.
inline constexpr std::uint16_t mss_floor = 40 + 48;

/// A round-trip time as it is kept, in µs: at least one, at most ten minutes.
[[nodiscard]] inline std::uint32_t round_trip_us(Duration elapsed) {
    const auto most = std::chrono::duration_cast<Duration>(std::chrono::minutes{10});
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(std::min(elapsed, most));
    return static_cast<std::uint32_t>(std::max<std::int64_t>(us.count(), 1));
}

/// The clock of congestion control: in µs, and wraps.
[[nodiscard]] inline std::uint32_t microsecond_clock(Instant now) {
    using std::chrono::duration_cast;
    return static_cast<std::uint32_t>(
        duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
}

/// SMSS (RFC 5681 §2): the payload of a full segment, whose options are the timestamps agreed on.
[[nodiscard]] inline std::uint32_t smss(const Tcb& tcb) {
    constexpr std::uint32_t timestamps_bytes = 12;
    return tcb.snd_mss - (tcb.timestamps ? timestamps_bytes : 0U);
}

/// RFC 7323 §3.2: TSval is our clock with the connection's `offset`, TSecr is `recent`.
inline void add_timestamps(wire::TcpOptions& options, Instant now, std::uint32_t offset,
                           std::uint32_t recent) {
    options.has_timestamps = true;
    options.ts_val = timestamp_clock(now) + offset;
    options.ts_ecr = recent;
}

// segments.cpp

/// Payload that a segment with the options of now may carry (RFC 6691: the MSS does not count
/// options).
[[nodiscard]] std::uint32_t payload_max(const Tcb& tcb, const Context& context);

/// Puts out `length` bytes of the queue from `cursor`, and the FIN when `fin`; moves nothing.
OutSegment& emit_data(Tcb& tcb, wire::SeqNum seq, Cursor cursor, std::uint32_t length, bool fin,
                      Instant now, Context& context);

/// Puts out an acknowledgement of all that has been received, now.
void emit_ack(Tcb& tcb, Instant now, Context& context);

/// The same, and says with SACK that `duplicate` was received before (RFC 2883).
void emit_ack_of_duplicate(Tcb& tcb, const wire::SackBlock& duplicate, Instant now,
                           Context& context);

/// An acknowledgement that an attacker or a confused peer could make us send without end, so at
/// most one in `challenge_ack_interval` goes out (RFC 5961 §7, here for each connection).
void emit_limited_ack(Tcb& tcb, Instant now, Context& context);

/// Our SYN, with ACK when the peer's has been seen (simultaneous open).
void emit_syn(Tcb& tcb, Instant now, Context& context);

/// A reset from within the connection.
void emit_reset(Tcb& tcb, Context& context);

/// A segment that says nothing new, to make the peer acknowledge: the probe of a closed window, or
/// of a peer that has been silent.
void emit_probe(Tcb& tcb, Instant now, Context& context);

/// The reset that answers an unacceptable acknowledgement: its sequence number is that ACK's.
void emit_reset_for_ack(wire::SeqNum ack, Context& context);

// receive_window.cpp

/// What RCV.EDGE could be now: RCV.NXT plus the room that is left.
[[nodiscard]] wire::SeqNum edge_possible(const Tcb& tcb, const Context& context);

/// The window field to send, and with it the right edge we are bound to. The edge moves right only
/// by a step worth a segment (silly-window avoidance, RFC 9293 §3.8.6.2.2), and never left.
[[nodiscard]] std::uint16_t advertise(Tcb& tcb, const Context& context);

/// The user has taken data and the window can open by a good part: the peer may be waiting for it.
[[nodiscard]] bool window_update_due(const Tcb& tcb, const Context& context);

/// The window of a SYN, which is never scaled (RFC 7323 §2.2).
[[nodiscard]] std::uint16_t unscaled_window(const Config& config);

// output.cpp

/// Sends what the peer's window takes, however little that is (RFC 9293 §3.8.6.2.1, the override).
void emit_override(Tcb& tcb, Instant now, Context& context);

/// A tail loss probe of data not sent before, beyond cwnd; false when there is none or no room.
[[nodiscard]] bool emit_new_data_as_probe(Tcb& tcb, Flight& flight, Instant now, Context& context);

// retransmission_timer.cpp

/// The timer runs while something is unacknowledged (RFC 6298 §5.1), or while something waits for a
/// closed window to open (RFC 9293 §3.8.6.1); else for keep-alive, where that is wanted.
void set_retransmission_timer(Tcb& tcb, Instant now, Context& context);

/// When the user's patience ends with what is in flight or waits for a window; `never` without a
/// user timeout.
[[nodiscard]] Instant user_timeout_due(const Tcb& tcb, Instant now, const Context& context);

/// Brings the retransmission deadline forward to when the user's patience ends.
void end_with_user_timeout(Tcb& tcb, Instant now, const Context& context);

// pacing.cpp

/// Whether `bytes` may go now; if not, `Flight::pacing_due` says when.
[[nodiscard]] bool pace_allows(Tcb& tcb, Flight* flight, std::uint32_t bytes, Instant now,
                               const Context& context);

/// `bytes` have gone.
void note_paced(const Tcb& tcb, Flight& flight, std::uint32_t bytes, Instant now,
                const Context& context);

// ack.cpp

/// RFC 9293 §3.10.7.4 step 5 for synchronized states: a drop reason, or none and `events`.
[[nodiscard]] wire::Drop process_ack(Tcb& tcb, const wire::TcpSegment& segment, Instant now,
                                     Context& context, std::uint8_t& events);

/// Sets the send window from a segment (SND.WND, SND.WL1, SND.WL2).
void take_window(Tcb& tcb, const wire::TcpSegment& segment);

/// Takes a round-trip time from the peer's echo of our timestamp (RTTM, RFC 7323 §4); false when
/// the segment has none to believe.
[[nodiscard]] bool sample_echo(Tcb& tcb, const wire::TcpSegment& segment, Instant now,
                               const Config& config);

// buffer_sizes.cpp

/// The largest window that the connection may offer now, in bytes; without pressure on memory.
[[nodiscard]] std::uint32_t receive_buffer(const Tcb& tcb, const Context& context);

/// The largest that it may ever come to, for which the window scale is chosen.
[[nodiscard]] std::uint32_t receive_buffer_max(const Config& config);

/// Memory that queued data may pin now, in bytes.
[[nodiscard]] std::uint32_t send_buffer(const Tcb& tcb, const Context& context);

/// From here on it is measured how long the user takes for a receive buffer of data.
void begin_receive_round(Tcb& tcb, Instant now, const Context& context);

/// Data has been received or taken: when that is a whole buffer, it may have been too small.
void end_receive_round(Tcb& tcb, Instant now, Context& context);

// text.cpp

/// Memory that may still be pinned by received data, in bytes.
[[nodiscard]] std::uint32_t receive_budget(const Tcb& tcb, const Context& context);

/// Steps 7 and 8 as far as they go without the user; `segment` is already cut to the window.
void accept_text(Tcb& tcb, wire::SeqNum seq, const Slice& text, bool fin, Instant now,
                 Context& context, Arrival& arrival);

// syn_sent.cpp

/// RFC 9293 §3.10.7.3.
[[nodiscard]] Arrival arrives_in_syn_sent(Tcb& tcb, const wire::TcpSegment& segment,
                                          const Slice& text, Instant now, Context& context);

/// The peer has acknowledged our SYN: ESTABLISHED, or FIN-WAIT-1 when the user has closed
/// meanwhile.
void complete_open(Tcb& tcb, const wire::TcpSegment& segment, Instant now, Context& context);

/// The first round-trip time and what the handshake tells of losses; our SYN was sent again
/// `retransmits` times, and its round trip took `rtt_us`, or is not known (0).
void begin_sending(Tcb& tcb, const wire::TcpSegment& segment, std::uint8_t retransmits,
                   std::uint32_t rtt_us, Instant now, Context& context);

// input.cpp

/// The Tcb is CLOSED from now on; sets no event.
void enter_closed(Tcb& tcb);

/// RFC 7323 §4.3: takes SEG.TSval when the segment does not begin behind the byte acknowledged
/// last. Only once the segment's ACK has been found good, or a stranger who guesses a sequence
/// number could set TS.Recent.
void update_ts_recent(Tcb& tcb, const wire::TcpSegment& segment);

/// An acceptable segment has come.
void note_heard(Tcb& tcb, Instant now);

// keep_alive.cpp

/// While nothing is in flight and nothing waits: sets keep-alive's deadline where it is wanted and
/// not set yet. It is not moved by what comes; `keep_alive_timer` finds out.
void watch_peer(Tcb& tcb, Instant now, const Config& config);

/// That deadline has come: the peer has been heard since, is probed, or is given up. Events.
[[nodiscard]] std::uint8_t keep_alive_timer(Tcb& tcb, Instant now, Context& context);

// cwnd_validation.cpp

/// The initial congestion window in bytes (RFC 6928).
[[nodiscard]] std::uint32_t initial_window(const Tcb& tcb, const Context& context);

/// From now on it counts how much of cwnd is used.
void forget_cwnd_use(Tcb& tcb, Instant now);

/// Whether cwnd is what has bounded the flight: only then does an acknowledgement make it grow. In
/// slow start half of it is enough, for a flight grows by doubling.
[[nodiscard]] bool is_cwnd_limited(const Tcb& tcb, const Flight& flight);

/// Looks how much of cwnd is in use, when all that may be sent has been; a window that was not used
/// for long decays.
void note_cwnd_use(Tcb& tcb, Flight& flight, Instant now, const Context& context);

/// An idle connection knows no longer what the path bears (RFC 5681 §4.1): cwnd is halved for each
/// time-out that has passed since data was last sent, down to the restart window (RFC 2861 §3.1).
void restart_after_idle(Tcb& tcb, Instant now, const Context& context);

} // namespace millrace::tcp
