#pragma once

#include "tcp/engine.hpp"

#include <cstdint>

/// How losses are found and repaired: what the files of this subject ask of one another.
namespace millrace::tcp {

/// What one acknowledgement has told of what was sent, in bytes of sequence space.
struct Delivery {
    std::uint32_t acked = 0;         ///< SND.UNA has moved by this.
    std::uint32_t delivered = 0;     ///< Has arrived, and was not known to have.
    std::uint32_t oldest_rtt_us = 0; ///< Of what arrived at its first sending, the oldest; 0: none.
    std::uint32_t newest_rtt_us = 0; ///< The same, of the newest.
    bool sacked : 1 = false;         ///< Something out of order has arrived.
    bool original : 1 = false;       ///< Something sent once, before RecoveryPoint, has arrived.
    bool repeated : 1 = false;       ///< Something sent more than once was acknowledged.
    bool duplicate : 1 = false;      ///< A D-SACK: something has arrived twice.
    bool congestion : 1 = false;     ///< The peer's ECN-Echo (RFC 3168 §6.1.2).
    bool duplicate_ack : 1 = false;  ///< A duplicate acknowledgement (RFC 5681 §2) that counts.
};

/// What is thought to be in the network (RFC 6675's pipe).
[[nodiscard]] std::uint32_t pipe(const Tcb& tcb, const Flight& flight);

// recovery.cpp

/// Finds losses after an acknowledgement, and sets cwnd by what that said.
void take_news(Tcb& tcb, Flight& flight, const Delivery& news, Instant now, Context& context);

/// The retransmission timer has gone off (RFC 6298 §5.4, RFC 5681 §3.1, RFC 8985 §6.3).
void enter_loss(Tcb& tcb, Flight& flight, Context& context);

/// Every record that has not arrived is to be sent again.
void mark_all_lost(const Tcb& tcb, Flight& flight, Flights& flights);

/// No record counts as repaired in part any more.
void restart_repairs(const Tcb& tcb, Flight& flight);

/// A tail loss probe has repaired a loss: cwnd is reduced once, as for any other (RFC 8985 §7.4.2).
void reduce_after_probe(Tcb& tcb, CongestionEpoch& epoch, const Context& context);

/// Takes back the last reduction of cwnd.
void undo(Tcb& tcb, Flight& flight, Instant now, Context& context);

// repairs.cpp

/// Sends what is lost again, as far as cwnd goes. False when the output is full.
[[nodiscard]] bool transmit_repairs(Tcb& tcb, Flight& flight, Instant now, Context& context);

/// A tail loss probe of the last segment in flight; false when the peer's window has shrunk to
/// before its end.
[[nodiscard]] bool emit_last_again(Tcb& tcb, Flight& flight, Instant now, Context& context);

// sack.cpp

/// Takes the SACK blocks of an acknowledgement (RFC 2018, 2883), which has moved SND.UNA already.
void take_sack(Tcb& tcb, Flight& flight, const wire::TcpSegment& segment, wire::SeqNum prior_una,
               Instant now, Context& context, Delivery& news);

/// True for a D-SACK: a first block below the acknowledgement or within the second.
[[nodiscard]] bool has_dsack(const wire::TcpSegment& segment);

/// A record has arrived: what that says of the path, for every use.
void note_delivered(Tcb& tcb, Flight& flight, const SentRecord& record, Instant now,
                    Delivery& news);

// rack.cpp (RFC 8985 §6.2)

/// Steps 1 to 3: the segment sent last of those that have arrived; reordering.
void rack_delivered(Tcb& tcb, Flight& flight, const SentRecord& record, Instant now);

/// Step 4's adaptation: a D-SACK says that the window was too small.
void rack_duplicate(Tcb& tcb, Flight& flight);

/// A recovery has ended: the wider window holds for some more of them.
void rack_recovered(Tcb& tcb);

/// How long RACK waits for what is overtaken, in µs.
[[nodiscard]] std::uint32_t reordering_window_us(const Tcb& tcb, const Flight& flight);

/// Step 5: marks what has been overtaken for too long. Says whether something was, and sets the
/// reordering timer when something may be, later.
[[nodiscard]] bool rack_detect_losses(Tcb& tcb, Flight& flight, Instant now, Context& context);

// tail_loss_probe.cpp (RFC 8985 §7)

/// When the next probe is due if nothing is acknowledged until then; `never` when none may be sent.
[[nodiscard]] Instant tail_loss_probe_due(const Tcb& tcb, const Flight& flight, Instant now,
                                          const Context& context);

/// The probe's timer: puts out new data when the peer's window allows, or the last segment again.
void send_tail_loss_probe(Tcb& tcb, Flight& flight, Instant now, Context& context);

/// What an acknowledgement says of the probe. True when the probe has repaired a loss.
[[nodiscard]] bool probe_repaired_loss(Tcb& tcb, Flight& flight, const Delivery& news);

// forward_rto.cpp (RFC 5682)

/// Whether the time-out that is under suspicion was spurious; decides what goes out next.
void forward_rto(Tcb& tcb, Flight& flight, const Delivery& news, Instant now, Context& context);

} // namespace millrace::tcp
