#pragma once

#include "base/pool.hpp"
#include "base/slice.hpp"
#include "base/time.hpp"
#include "tcp/buffers.hpp"
#include "tcp/config.hpp"
#include "tcp/counters.hpp"
#include "tcp/flight.hpp"
#include "tcp/output.hpp"
#include "tcp/reassembly.hpp"
#include "tcp/tcb.hpp"
#include "wire/drop.hpp"
#include "wire/tcp.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

/// The engine: segments, user calls and deadlines in, segments and deadlines out; no I/O, no clock.
/// One worker owns a `Context` and every Tcb that is used with it. Before each call the output has
/// `Output::reserve` places free (no call but `flush` fills more), and what it holds has been built
/// into packets before the next segment of its connection arrives.
namespace millrace::tcp {

/// What the connections of one worker share.
struct Context {
    std::span<const Config> configs; ///< One at least; a connection says which is its.
    Buffers& buffers;
    Pool<Reassembly>& reassemblies;
    Flights& flights;
    Counters& counters;
    Output& output;

    [[nodiscard]] const Config& config(const Tcb& tcb) const { return configs[tcb.config]; }
};

/// What a segment, a deadline or a call did to a connection, for its user to hear of.
namespace event {
inline constexpr std::uint8_t established = 0x01;
inline constexpr std::uint8_t acknowledged = 0x02;  ///< The send queue has become shorter.
inline constexpr std::uint8_t end_of_stream = 0x04; ///< The peer's FIN, after all its data.
inline constexpr std::uint8_t reset = 0x08;         ///< Ended by the peer: now CLOSED.
inline constexpr std::uint8_t timed_out = 0x10;     ///< Given up: now CLOSED.
inline constexpr std::uint8_t aborted = 0x20;       ///< Reset by us: now CLOSED.
inline constexpr std::uint8_t user_deadline = 0x40; ///< The deadline set by the user has come.
inline constexpr std::uint8_t refused = 0x80;       ///< An active open was answered with a reset.
} // namespace event

/// What `segment_arrives` made of a segment. Text that is in order is not taken yet: the user looks
/// at it in place, then `take_text` is called with how much of it was used.
struct Arrival {
    wire::Drop drop = wire::Drop::none;
    std::uint8_t events = 0;
    bool fin = false;             ///< A FIN follows the text.
    Slice text;                   ///< Begins at RCV.NXT; empty when there is none in order.
    std::uint32_t references = 0; ///< To the packet, taken so far by what is kept of it.

    /// True when `take_text` has something to do.
    [[nodiscard]] bool has_text() const { return text.length > 0 || fin; }
};

/// What a handshake agreed, from which a synchronized connection is made.
struct Handshake {
    wire::SeqNum iss; ///< Ours.
    wire::SeqNum irs; ///< The peer's.
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_offset = 0;
    std::uint16_t snd_mss = 536; ///< Already bounded by our own path's.
    std::uint8_t snd_scale = 0;
    bool window_scale = false;
    bool timestamps = false;
    bool sack = false;
    bool ecn = false;
    std::uint8_t retransmits = 0; ///< How often our SYN,ACK was sent again.
    std::uint8_t config = 0;      ///< Which of the context's.
};

/// What our end brings to a connection that it opens.
struct ActiveOpen {
    wire::SeqNum iss;
    std::uint32_t ts_offset = 0;
    std::uint16_t mss = 536;                  ///< What our link allows, and what we offer.
    std::uint8_t config = 0;                  ///< Which of the context's.
    std::optional<std::uint32_t> ts_recent{}; ///< The peer's clock, when the port was used before.
    std::uint16_t path_mss = UINT16_MAX;      ///< What the path is known to allow.
};

/// An active open's SYN (RFC 9293 §3.10.1): makes `tcb` SYN-SENT. False, and nothing is sent, when
/// there is no flight for it.
[[nodiscard]] bool open(Tcb& tcb, const ActiveOpen& ours, Instant now, Context& context);

/// Makes `tcb` ESTABLISHED after a handshake whose last segment is `segment`, which must then be
/// given to `segment_arrives`, for it may carry data or a FIN.
void establish(Tcb& tcb, const Handshake& handshake, const wire::TcpSegment& segment, Instant now,
               Context& context);

/// RFC 9293 §3.10.7.3 and .4 for a Tcb in any state but CLOSED, LISTEN and TIME-WAIT. `text` is the
/// segment's payload as a slice of its packet. After this the Tcb may be in TIME-WAIT or CLOSED.
[[nodiscard]] Arrival segment_arrives(Tcb& tcb, const wire::TcpSegment& segment, const Slice& text,
                                      Instant now, Context& context);

/// The rest of the seventh and the eighth step, after the user has used the first `used` bytes of
/// `arrival.text`: keeps what is left, joins what had come out of order before, and takes the FIN.
/// What does not fit into the connection's memory is not received, and the peer sends it again.
/// Adds to `arrival.events` and `arrival.references`. Text may be used in place only while nothing
/// is unread, or the stream would get out of order. The Tcb may be in TIME-WAIT or CLOSED
/// afterwards.
void take_text(Tcb& tcb, Arrival& arrival, std::uint32_t used, Context& context);

/// True for a sequence number between SND.UNA and SND.NXT: an ICMP error that quotes another is not
/// believed (RFC 5927 §4.1).
[[nodiscard]] bool in_flight(const Tcb& tcb, wire::SeqNum seq);

/// The path carries segments of `mss` bytes at most, options included (RFC 1191, 8201). What is in
/// flight in longer ones is sent again by the next `flush`, and cwnd stays. False when that is
/// nothing new, and there is nothing to flush: SND.MSS never grows by this.
bool path_mss_reduced(Tcb& tcb, std::uint16_t mss, Instant now, Context& context);

/// How long a connection with `Tcb::corked` that has nothing in flight keeps a segment back for not
/// being full, as Linux does.
inline constexpr Duration cork_time = std::chrono::milliseconds{200};

/// Sends what may be sent: retransmissions, queued data, the FIN, an acknowledgement that is owed;
/// and sets the deadlines. False when the output was full first: call again.
[[nodiscard]] bool flush(Tcb& tcb, Instant now, Context& context);

/// Does what was due by `now`. Returns events. Follow with `flush`.
[[nodiscard]] std::uint8_t deadline_passed(Tcb& tcb, Instant now, Context& context);

/// Bytes the user may still queue; memory that queued slices pin counts in full.
[[nodiscard]] std::uint32_t send_space(const Tcb& tcb, const Context& context);

/// Queues a slice behind what is queued and takes over one reference to its owner; false (and the
/// reference stays the caller's) when it is empty, the connection takes no more, or a pool is dry.
/// A slice that pins memory is taken whole while there is any `send_space`; one that pins none,
/// always.
[[nodiscard]] bool send(Tcb& tcb, const Slice& slice, Context& context);

/// Queues a copy of `bytes`; says how many it took, which is fewer when space or chunks run out.
[[nodiscard]] std::uint32_t send_copy(Tcb& tcb, std::span<const std::byte> bytes, Context& context);

/// What the user has left of the data received, the first slice of it; empty when there is none.
[[nodiscard]] Slice unread(const Tcb& tcb, const Context& context);

/// Takes the first `count` bytes of what is unread.
void consume(Tcb& tcb, std::uint32_t count, Context& context);

/// Sends a FIN after what is queued; the peer may go on sending (half-close).
void shutdown(Tcb& tcb);

/// The user is done: a FIN after what is queued, and whatever still comes is answered by a reset
/// (RFC 9293 §3.6, RFC 2525 §2.17). With data unread the connection is aborted instead; then true
/// is returned, and the Tcb is CLOSED.
bool close(Tcb& tcb, Instant now, Context& context);

/// Ends the connection with a reset (RFC 9293 §3.10.5). The Tcb is CLOSED.
void abort(Tcb& tcb, Context& context);

/// True when the connection is over on both sides and the user has all that was received, so that
/// the Tcb may go: it is CLOSED; or in TIME-WAIT, and a `TimeWait` takes its place; or in LAST-ACK
/// with nothing left to be acknowledged.
[[nodiscard]] bool has_ended(const Tcb& tcb);

/// Gives back everything the Tcb holds; for a Tcb that is CLOSED or has entered TIME-WAIT.
void release(Tcb& tcb, Context& context);

/// The reset that answers a segment for which there is no connection (RFC 9293 §3.10.7.1), when one
/// is due: nothing answers a reset.
void answer_without_connection(const wire::TcpSegment& segment, Context& context);

/// The shift with which windows up to `buffer_bytes` can be said in 16 bits.
[[nodiscard]] std::uint8_t scale_for(std::uint32_t buffer_bytes);

} // namespace millrace::tcp
