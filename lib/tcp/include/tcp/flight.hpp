#pragma once

#include "base/pool.hpp"
#include "base/time.hpp"
#include "tcp/buffers.hpp"
#include "tcp/congestion.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp.hpp"

#include <array>
#include <cstdint>
#include <memory_resource>

namespace millrace::tcp {

/// A stretch of the stream that was sent in one go, and what is known of it until SND.UNA has
/// passed it. Stretches follow each other without a gap; a FIN or SYN is one byte of them.
struct SentRecord {
    static constexpr std::uint32_t none = UINT32_MAX;

    wire::SeqNum left;
    wire::SeqNum right;        ///< Behind the last byte.
    Instant sent{};            ///< When it was sent last.
    std::uint32_t next = none; ///< What follows it in the stream.
    /// What was sent before it, of what is thought to be under way. Of one that has arrived:
    /// another that has, up to which all have, or none.
    std::uint32_t older = none;
    std::uint32_t younger = none;   ///< What was sent after it.
    bool sacked : 1 = false;        ///< The peer has it.
    bool lost : 1 = false;          ///< It is thought lost, at least as it was sent first.
    bool retransmitted : 1 = false; ///< Sent again, and that is under way.
    bool repeated : 1 = false;      ///< Has been sent more than once (Karn).

    [[nodiscard]] std::uint32_t length() const { return static_cast<std::uint32_t>(right - left); }
    /// True while a copy of it may be in the network.
    [[nodiscard]] bool under_way() const { return !sacked && (!lost || retransmitted); }
    /// True when it must be sent again.
    [[nodiscard]] bool to_repair() const { return lost && !retransmitted; }
};

static_assert(sizeof(SentRecord) <= 32, "two records a cache line");

/// Where the repair of losses stands (the names are Linux's).
enum class Repair : std::uint8_t {
    open,     ///< Nothing is missing.
    disorder, ///< Something is missing, and may still come.
    cwr,      ///< The path has notified of congestion, nothing is lost; cwnd is PRR's.
    recovery, ///< Losses are being repaired (RFC 6675, 6582); cwnd is PRR's.
    loss,     ///< The retransmission timer went off; slow start repairs.
};

/// What a connection keeps only while something it has sent is not acknowledged. Pooled: it goes
/// back when SND.UNA reaches SND.NXT. Sizes are in bytes of sequence space.
struct Flight {
    static constexpr std::uint32_t none = UINT32_MAX;

    // What was sent: records in the order of the stream, and by the time they were sent last.
    std::uint32_t head = none;
    std::uint32_t tail = none;
    std::uint32_t oldest = none;
    std::uint32_t youngest = none;
    std::uint32_t records = 0;
    std::uint32_t sack_at = none;   ///< Where the last SACK block began.
    std::uint32_t to_repair = none; ///< No record before this one is lost and not sent again.

    std::uint32_t sacked = 0;
    std::uint32_t lost = 0;
    std::uint32_t retransmitted = 0;
    std::uint16_t sacked_records = 0;
    std::uint16_t duplicate_acks = 0; ///< Without SACK: segments the peer must have got.

    std::array<Cursor, 2> cursors; ///< Where SND.NXT and `repair_at` stand in the send queue.
    wire::SeqNum repair_at;        ///< Where the last repair ended.

    Instant timer_base = never; ///< What the retransmission time-out counts from.
    Instant progress{};         ///< When SND.UNA moved last, or the first of it was sent.
    Instant rack_due = never;   ///< When what is overtaken will have been waited for long enough.
    Instant pacing_due = never; ///< When the next burst may go; something waits for it.
    Instant paced_until{};      ///< When all that was sent will have left, at the pace.

    Repair repair = Repair::open;
    bool undoable : 1 = false;      ///< What the last reduction took away is kept below.
    bool frto : 1 = false;          ///< The time-out may have been spurious (RFC 5682).
    bool frto_new_data : 1 = false; ///< Step 2b: new data goes out in place of repairs.
    bool probing : 1 = false;       ///< A tail loss probe is under way (RFC 8985 §7).
    bool probe_is_new : 1 = false;  ///< It was new data, or could not be sent.
    bool must_repair : 1 = false;   ///< One repair goes out whatever cwnd says.
    bool rack_valid : 1 = false;    ///< The fields of RACK below are set.
    bool dsack_seen : 1 = false;    ///< RACK.dsack_round is set.
    bool cwnd_limited : 1 = false;  ///< cwnd, and not the user or the peer, bounds the flight.

    wire::SeqNum undo_from; ///< SND.UNA when cwnd was reduced.
    wire::SeqNum recover;   ///< SND.NXT when the last loss was found (RecoveryPoint).
    wire::SeqNum probe_end; ///< TLP.end_seq
    wire::SeqNum fack;      ///< Highest sequence number the peer has told of (RACK.fack).

    // RACK (RFC 8985 §5.2): the segment sent last of those that have arrived.
    Instant rack_sent{};      ///< RACK.xmit_ts
    wire::SeqNum rack_end;    ///< RACK.end_seq
    Duration rack_rtt{};      ///< RACK.rtt
    wire::SeqNum dsack_round; ///< RACK.dsack_round

    // Proportional rate reduction (RFC 6937).
    std::uint32_t prr_delivered = 0;
    std::uint32_t prr_out = 0;
    std::uint32_t recover_fs = 0; ///< RecoverFS

    // What is taken back when a reduction proves wrong.
    std::uint32_t undo_retransmits = 0; ///< Repairs that the peer has not reported as duplicates.
    CongestionUndo before_reduction;

    CongestionEpoch epoch;
    std::uint32_t most_out = 0; ///< Up to `use_end`: the most in flight at a time.
    wire::SeqNum use_end;       ///< Where the flight's next look at the use of cwnd begins.

    [[nodiscard]] Cursor& next_byte() { return cursors[0]; }
    [[nodiscard]] Cursor& repair_cursor() { return cursors[1]; }

    wire::SeqNum mtu_probe_end;
    std::uint16_t mtu_probe = 0; ///< SND.MSS if the probe under way arrives (RFC 4821); 0: none.

    /// The blocks of the last acknowledgement: who says them again says nothing new.
    std::array<wire::SackBlock, 4> seen_blocks;
};

static_assert(sizeof(Flight) <= 320, "five cache lines");

/// The flights of one worker and their records. When no record is left, or a flight has very many,
/// what is sent joins the last record: repair becomes coarser, and nothing stops.
class Flights {
  public:
    struct Limits {
        std::uint32_t flights = 65536;
        std::uint32_t records = 65536; ///< Beyond the first of every flight.
    };
    static constexpr std::uint32_t none = Flight::none;
    static constexpr std::uint32_t records_per_flight_max = 8192;

    explicit Flights(const Limits& limits,
                     std::pmr::memory_resource& memory = *std::pmr::get_default_resource());

    /// A flight with nothing in it, behind `una`; `none` when the pool is dry.
    [[nodiscard]] std::uint32_t begin(wire::SeqNum una);

    /// Gives a flight and its records back.
    void end(std::uint32_t index);

    [[nodiscard]] Flight& operator[](std::uint32_t index) { return flights_[index]; }
    [[nodiscard]] const Flight& operator[](std::uint32_t index) const { return flights_[index]; }
    [[nodiscard]] SentRecord& record(std::uint32_t index) { return records_[index]; }
    [[nodiscard]] const SentRecord& record(std::uint32_t index) const { return records_[index]; }

    /// Notes that [left, right), which follows all the flight has, was sent for the first time.
    void append(Flight& flight, wire::SeqNum left, wire::SeqNum right, Instant now);

    /// Drops what lies before `una`: calls `delivered(const SentRecord&)` for each stretch that
    /// goes, the part of one that does not go whole included.
    template <class F>
    void acknowledge(Flight& flight, wire::SeqNum una, F&& delivered) {
        while (flight.head != none && records_[flight.head].left < una) {
            if (records_[flight.head].right > una) {
                SentRecord part = records_[flight.head];
                part.right = una;
                delivered(part);
                cut_front(flight, una);
                return;
            }
            delivered(static_cast<const SentRecord&>(records_[flight.head]));
            drop_head(flight);
        }
    }

    /// Makes a record begin at `at`, which lies inside of one (`index`); the record that begins
    /// there, or `none` when the pool is dry.
    [[nodiscard]] std::uint32_t split(Flight& flight, std::uint32_t index, wire::SeqNum at);

    void mark_sacked(Flight& flight, std::uint32_t index);
    void mark_lost(Flight& flight, std::uint32_t index);
    /// The record was sent again.
    void mark_retransmitted(Flight& flight, std::uint32_t index, Instant now);
    /// Takes back what was thought: nothing is lost.
    void forget_losses(Flight& flight);
    /// The peer has dropped what it had acknowledged selectively (RFC 2018 §8).
    void forget_sacks(Flight& flight);

    /// The first record that is lost and not sent again, or `none`.
    [[nodiscard]] std::uint32_t next_repair(Flight& flight) const;

    [[nodiscard]] const Pool<Flight>& flights() const { return flights_; }
    [[nodiscard]] const Pool<SentRecord>& records() const { return records_; }

  private:
    [[nodiscard]] static std::uint32_t share_of(std::uint32_t available);
    [[nodiscard]] std::uint32_t make_record(const Flight& flight);
    void extend_tail(Flight& flight, wire::SeqNum right, Instant now);
    void cut_front(Flight& flight, wire::SeqNum una);
    void drop_head(Flight& flight);
    void forget(Flight& flight, const SentRecord& record, std::uint32_t length);
    void link_behind(Flight& flight, std::uint32_t older, std::uint32_t index);
    void link_youngest(Flight& flight, std::uint32_t index);
    void unlink(Flight& flight, std::uint32_t index);

    Pool<Flight> flights_;
    Pool<SentRecord> records_;
};

} // namespace millrace::tcp
