#pragma once

#include "tcp/engine.hpp"

#include <cstdint>

namespace millrace::tcp {

/// Who may open a connection anew whose last incarnation is in TIME-WAIT.
enum class ReusePolicy : std::uint8_t {
    strict,     ///< A SYN beyond the last sequence number (RFC 9293 §3.6.1).
    timestamps, ///< That, or one with a later timestamp (RFC 6191).
    off,        ///< Nobody.
};

/// What is left of a connection that we closed first, for 2 MSL: enough to answer a repeated FIN
/// and to tell an old duplicate from a new connection.
struct TimeWait {
    wire::SeqNum snd_nxt;
    wire::SeqNum rcv_nxt;
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_offset = 0;
    std::uint32_t answered_ms = 0; ///< When an old segment was last answered; 0: never.
    std::uint16_t window = 0;      ///< As it stands in the header.
    std::uint8_t scale : 4 = 0;    ///< Its shift.
    bool timestamps : 1 = false;
    bool fin_received : 1 = false; ///< False after a FIN-WAIT-2 that nobody waited for any more.
    ReusePolicy policy = ReusePolicy::timestamps;
};

static_assert(sizeof(TimeWait) == 24, "with four-tuple and queue links, one cache line");

/// What is to become of a TIME-WAIT entry.
enum class TimeWaitVerdict : std::uint8_t {
    stay,
    restart, ///< A FIN was answered, as a rule a repeated one: the wait begins anew.
    reopen,  ///< A SYN may open the connection anew: treat it as a listener's, with an ISS beyond
             ///< `reopen_iss`, or call `refuse_syn`.
    remove,  ///< The peer was sent a reset.
};

/// Why a SYN may open a connection anew.
enum class Reuse : std::uint8_t {
    none, ///< It may not.
    by_sequence,
    by_timestamp,
};

struct TimeWaitResult {
    TimeWaitVerdict verdict = TimeWaitVerdict::stay;
    wire::Drop drop = wire::Drop::none;
    Reuse reuse = Reuse::none; ///< With `reopen`.
};

/// The entry that a Tcb leaves when it reaches TIME-WAIT.
[[nodiscard]] TimeWait time_wait_of(const Tcb& tcb, ReusePolicy policy);

/// RFC 9293 §3.10.7.4 for TIME-WAIT, with RFC 1337 (resets are ignored) and RFC 6191. `config` is
/// the listener's. Nothing new is counted as a reuse here: the handshake may yet come to nothing.
[[nodiscard]] TimeWaitResult segment_arrives(TimeWait& entry, const wire::TcpSegment& segment,
                                             const Config& config, Instant now, Context& context);

/// The answer to a SYN that may not open the connection anew, or that nobody listens for: the old
/// connection's ACK, so that a peer that has forgotten it resets (RFC 9293 §3.10.7.4 step 4).
[[nodiscard]] wire::Drop refuse_syn(TimeWait& entry, const Config& config, Instant now,
                                    Context& context);

/// The least ISS of a connection that is opened anew: beyond all that the old one can have sent.
[[nodiscard]] wire::SeqNum reopen_iss(const TimeWait& entry, wire::SeqNum proposed);

/// An active open from the entry's port: `ours` begins beyond all that the old connection can have
/// sent, and knows the peer's clock, so that a late SYN of it is not taken for a new one.
void take_over(const TimeWait& entry, ActiveOpen& ours);

} // namespace millrace::tcp
