#pragma once

#include "invariants.hpp"
#include "notation.hpp"
#include "packet_store.hpp"
#include "tcp/clock.hpp"
#include "tcp/engine.hpp"
#include "tcp/half_open.hpp"
#include "tcp/time_wait.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::tcp {

/// The options and numbers of the peer and of us that a handshake starts from.
struct Ends {
    wire::SeqNum iss{0xFFFF'F000}; ///< Ours; both wrap in most tests.
    wire::SeqNum irs{0x7FFF'FC00};
    std::uint16_t mss = 1000;            ///< What both offer.
    std::uint16_t window = 60000;        ///< In the header of what the peer sends.
    std::optional<std::uint8_t> scale{}; ///< The peer's, when it offers window scaling.
    bool timestamps = false;
    bool sack = false;
};

/// What became of one segment (or deadline): the engine's answer, and what it sent.
struct Step {
    Arrival arrival;
    std::vector<Seg> out;
};

/// One connection, its peer played by the test, with a virtual clock and packet memory that is
/// checked. The user is an echo of nothing: it takes `user_takes` bytes of each text in place, and
/// checks that they are the stream's next.
class EngineTest : public testing::Test {
  public:
    static constexpr std::uint64_t ours = 1;   ///< Stream that we send.
    static constexpr std::uint64_t theirs = 2; ///< Stream that the peer sends.

    /// NewReno, whose numbers are round, and buffers that do not grow.
    Config config{.congestion = CongestionAlgorithm::new_reno,
                  .receive_buffer_bytes = 256 * 1024,
                  .receive_buffer_max_bytes = 0,
                  .send_buffer_max_bytes = 0};
    Ends ends;
    Buffers buffers{Buffers::Limits{.nodes = 8192, .chunks = 1024, .packet_bytes = 2304}};
    Pool<Reassembly> reassemblies{16};
    Flights flights{Flights::Limits{.flights = 64, .records = 16384}};
    Counters counters;
    Output output;
    Context context{{&config, 1}, buffers, reassemblies, flights, counters, output};
    PacketStore packets;
    Instant now{std::chrono::hours{1}};

    Tcb tcb;
    HalfOpen half_open;
    std::uint32_t user_takes = UINT32_MAX; ///< Of each text, in bytes.
    std::function<void()> user_does;       ///< While it looks at text.
    std::uint64_t queued = 0;              ///< Bytes that `send` has queued so far.
    std::uint64_t delivered = 0;           ///< Bytes that the user has had so far.
    std::uint8_t events = 0;               ///< All that were seen.
    std::vector<Seg> sent;                 ///< Since the last step began.
    std::uint32_t last_ts_val = 0;         ///< In what we sent last.
    std::uint64_t received_before = 0;     ///< Bytes counted of other connections than this.
    std::uint64_t acked_before = 0;        ///< Likewise.

    void TearDown() override {
        release(tcb, context);
        packets.collect(buffers);
        EXPECT_EQ(packets.references(), 0U) << "packets leak";
        EXPECT_EQ(buffers.nodes().in_use(), 0U) << "nodes leak";
        EXPECT_EQ(buffers.chunks().in_use(), 0U) << "chunks leak";
        EXPECT_EQ(reassemblies.in_use(), 0U) << "reassemblies leak";
        EXPECT_EQ(flights.flights().in_use(), 0U) << "flights leak";
        EXPECT_EQ(flights.records().in_use(), 0U) << "records of what was sent leak";
        EXPECT_TRUE(output.empty()) << "something was put out that no test looked at";
    }

    // ------------------------------------------------------------------------------ segments

    /// How far the repair of losses is.
    [[nodiscard]] Repair repair() const {
        return tcb.flight_slot == Flight::none ? Repair::open : flights[tcb.flight_slot].repair;
    }

    /// The peer's 1 ms clock, from which it makes timestamps.
    [[nodiscard]] std::uint32_t peer_clock() const { return timestamp_clock(now) + 777'000; }

    /// The segment as the engine sees it; the payload is added by those who have a packet.
    [[nodiscard]] wire::TcpSegment incoming(const Seg& seg) const {
        wire::TcpSegment segment;
        segment.seq = ends.irs + seg.seq;
        segment.ack = (seg.flags & A) != 0 ? ends.iss + seg.ack : wire::SeqNum{};
        segment.flags = seg.flags;
        segment.window = seg.window.value_or(ends.window);
        wire::TcpOptions& options = segment.options;
        if ((ends.timestamps || seg.ts_val) && !seg.without_timestamps) {
            options.has_timestamps = true;
            options.ts_val = seg.ts_val.value_or(peer_clock());
            options.ts_ecr = seg.ts_ecr.value_or(last_ts_val);
        }
        for (const auto& [left, right] : seg.sack) {
            options.sack[options.sack_count++] = {ends.iss + left, ends.iss + right};
        }
        if ((seg.flags & S) != 0) {
            options.has_mss = true;
            options.mss = seg.mss.value_or(ends.mss);
            options.has_window_scale = ends.scale.has_value();
            options.window_scale = ends.scale.value_or(0);
            options.sack_permitted = ends.sack;
        }
        return segment;
    }

    /// Moves what the engine has put out to `sent`, checking every byte of payload.
    void collect_output() {
        for (const OutSegment& out : output.segments()) {
            sent.push_back(outgoing(out));
        }
        output.clear();
    }

    // ---------------------------------------------------------------------------- the peer's

    /// A segment arrives; nothing is flushed, for more of the burst may follow.
    Arrival in_burst(const Seg& seg) {
        wire::TcpSegment segment = incoming(seg);
        const std::uint32_t first = (seg.flags & S) != 0 ? seg.seq : seg.seq - 1;
        const Slice packet = packets.make(theirs, first, seg.length);
        segment.payload = packet.bytes();
        const wire::SeqNum edge = tcb.rcv.edge;
        Arrival arrival = segment_arrives(tcb, segment, packet, now, context);
        expect_few_put_out();
        if (arrival.has_text()) {
            const std::uint32_t used = show_to_user(arrival.text);
            take_text(tcb, arrival, used, context);
            expect_few_put_out();
        }
        packets.retain(packet, arrival.references);
        packets.release(packet);
        events |= arrival.events;
        if (edge != wire::SeqNum{}) {
            EXPECT_GE(tcb.rcv.edge, edge) << "the window has shrunk";
        }
        after_call();
        return arrival;
    }

    /// A burst of one segment.
    Step arrive(const Seg& seg) {
        sent.clear();
        Step step{in_burst(seg), {}};
        flush_all();
        step.out = sent;
        return step;
    }

    /// A burst of several.
    std::vector<Seg> arrive_together(const std::vector<Seg>& burst) {
        sent.clear();
        for (const Seg& seg : burst) {
            in_burst(seg);
        }
        flush_all();
        return sent;
    }

    /// `count` segments of `length` bytes that follow each other from `seq` on.
    [[nodiscard]] static std::vector<Seg> train(std::uint32_t seq, std::uint32_t count,
                                                std::uint32_t length) {
        std::vector<Seg> segments;
        for (std::uint32_t i = 0; i < count; ++i) {
            segments.push_back({.seq = seq + i * length, .length = length});
        }
        return segments;
    }

    // ---------------------------------------------------------------------------- the user's

    /// Queues bytes of our stream; says how many were taken. Nothing goes out before the flush.
    std::uint32_t queue(std::uint32_t length) {
        std::vector<std::byte> bytes(length);
        for (std::uint32_t i = 0; i < length; ++i) {
            bytes[i] = pattern(ours, queued + i);
        }
        const std::uint32_t taken = send_copy(tcb, bytes, context);
        queued += taken;
        after_call();
        return taken;
    }

    /// Queues and flushes.
    std::vector<Seg> user_sends(std::uint32_t length) {
        sent.clear();
        EXPECT_EQ(queue(length), length);
        flush_all();
        return sent;
    }

    /// Takes up to `length` bytes of what is unread, checks them, and flushes.
    std::vector<Seg> user_reads(std::uint32_t length) {
        sent.clear();
        while (length > 0 && !tcb.unread.empty()) {
            const Slice slice = unread(tcb, context);
            const std::uint32_t count = std::min(length, slice.length);
            check_delivery(slice.first(count));
            consume(tcb, count, context);
            length -= count;
            after_call();
        }
        flush_all();
        return sent;
    }

    std::vector<Seg> user_shuts_down() {
        sent.clear();
        shutdown(tcb);
        flush_all();
        return sent;
    }

    std::vector<Seg> user_closes() {
        sent.clear();
        static_cast<void>(close(tcb, now, context));
        flush_all();
        return sent;
    }

    std::vector<Seg> user_aborts() {
        sent.clear();
        abort(tcb, context);
        flush_all();
        return sent;
    }

    // ------------------------------------------------------------------------------ the clock

    /// One part of a flush; false when there is more to come.
    bool flush_part() {
        const bool done = flush(tcb, now, context);
        after_call();
        return done;
    }

    /// Flushes until nothing is left to be sent.
    void flush_all() {
        bool done = false;
        for (int i = 0; i < 1000 && !done; ++i) {
            done = flush_part();
        }
        EXPECT_TRUE(done) << "flush does not come to an end";
        expect_nothing_forgotten(tcb);
    }

    /// The nearest deadline passes; nothing is flushed, for the port may be behind.
    void pass_deadline() {
        now = std::max(now, tcb.next_deadline());
        events |= deadline_passed(tcb, now, context);
        expect_few_put_out();
        after_call();
    }

    /// Goes to the next deadline and does what is due; says how long that took.
    Duration fire() {
        const Instant before = now;
        sent.clear();
        if (tcb.next_deadline() == never) {
            ADD_FAILURE() << "there is no deadline";
            return {};
        }
        pass_deadline();
        flush_all();
        return now - before;
    }

    /// Lets time pass, and everything happen that is due meanwhile; says what was sent.
    std::vector<Seg> advance(Duration duration) {
        const Instant end = now + duration;
        std::vector<Seg> all;
        for (int i = 0; i < 10'000 && tcb.next_deadline() <= end; ++i) {
            fire();
            all.insert(all.end(), sent.begin(), sent.end());
        }
        EXPECT_GT(tcb.next_deadline(), end) << "a deadline does not go away";
        now = std::max(now, end);
        sent = all;
        return all;
    }

    // ----------------------------------------------------------------------------- the states

    [[nodiscard]] LocalEnd local() const { return {config, ends.mss}; }

    /// SYN-RECEIVED after a passive open, the SYN,ACK sent.
    void listen_received_syn() {
        begin_connection();
        listen_syn(half_open, incoming({.seq = 0, .flags = S}), ends.iss, ts_offset, local(), now,
                   context);
        collect_output();
    }

    /// ESTABLISHED after a passive open.
    void established() {
        listen_received_syn();
        const wire::TcpSegment third = incoming({});
        const HalfOpenResult result = segment_arrives(half_open, third, local(), now, context);
        ASSERT_EQ(result.verdict, HalfOpenVerdict::establish);
        establish(tcb, half_open.handshake(), third, now, context);
        ASSERT_TRUE(arrive({}).out.empty());
        ASSERT_EQ(tcb.state, State::established);
        events = 0;
    }

    /// SYN-SENT, the SYN sent.
    void syn_sent() {
        begin_connection();
        ASSERT_TRUE(open(tcb, {ends.iss, ts_offset, ends.mss}, now, context));
        collect_output();
        flush_all();
    }

    /// SYN-RECEIVED after the peer's SYN has crossed ours.
    void syn_received() {
        syn_sent();
        arrive({.seq = 0, .flags = S});
        ASSERT_EQ(tcb.state, State::syn_received);
    }

    void established_actively() {
        syn_sent();
        arrive({.seq = 0, .ack = 1, .flags = SA});
        ASSERT_EQ(tcb.state, State::established);
        events = 0;
    }

    void fin_wait_1() {
        established();
        user_shuts_down();
        ASSERT_EQ(tcb.state, State::fin_wait_1);
    }

    void fin_wait_2() {
        fin_wait_1();
        arrive({.ack = 2});
        ASSERT_EQ(tcb.state, State::fin_wait_2);
    }

    void closing() {
        fin_wait_1();
        arrive({.flags = FA});
        ASSERT_EQ(tcb.state, State::closing);
    }

    void close_wait() {
        established();
        arrive({.flags = FA});
        ASSERT_EQ(tcb.state, State::close_wait);
    }

    void last_ack() {
        close_wait();
        user_shuts_down();
        ASSERT_EQ(tcb.state, State::last_ack);
    }

    /// TIME-WAIT, still in the Tcb.
    void time_wait() {
        fin_wait_2();
        arrive({.ack = 2, .flags = FA});
        ASSERT_EQ(tcb.state, State::time_wait);
    }

    std::uint32_t ts_offset = 0x8000'0000U;

  private:
    void begin_connection() {
        sent.clear();
        received_before = counters[Counter::bytes_received];
        acked_before = counters[Counter::bytes_acked];
    }

    [[nodiscard]] Seg outgoing(const OutSegment& out) {
        const wire::TcpSegment& header = out.header;
        Seg seg{.seq = static_cast<std::uint32_t>(header.seq - ends.iss),
                .ack = header.has(A) ? static_cast<std::uint32_t>(header.ack - ends.irs) : 0,
                .flags = header.flags,
                .length = out.payload_length,
                .window = header.window};
        const wire::TcpOptions& options = header.options;
        for (std::uint8_t i = 0; i < options.sack_count; ++i) {
            seg.sack.emplace_back(options.sack[i].left - ends.irs,
                                  options.sack[i].right - ends.irs);
        }
        if (options.has_timestamps) {
            seg.ts_val = options.ts_val;
            seg.ts_ecr = options.ts_ecr;
            last_ts_val = options.ts_val;
        }
        if (header.has(S)) {
            seg.mss = options.has_mss ? std::optional{options.mss} : std::nullopt;
            seg.scale =
                options.has_window_scale ? std::optional{options.window_scale} : std::nullopt;
            seg.sack_permitted = options.sack_permitted;
        }
        check_payload(out, seg.seq - 1);
        return seg;
    }

    void check_payload(const OutSegment& out, std::uint64_t place) const {
        bool same = true;
        std::uint32_t length = 0;
        if (out.payload_length > 0) {
            buffers.for_each(tcb.queue, out.payload, out.payload_length, [&](const Slice& piece) {
                for (const std::byte byte : piece.bytes()) {
                    same = same && byte == pattern(ours, place + length);
                    ++length;
                }
            });
        }
        EXPECT_EQ(length, out.payload_length);
        EXPECT_TRUE(same) << "wrong bytes in a segment at " << place;
    }

    void check_delivery(const Slice& text) {
        bool same = true;
        for (const std::byte byte : text.bytes()) {
            same = same && byte == pattern(theirs, delivered);
            ++delivered;
        }
        EXPECT_TRUE(same) << "wrong bytes delivered before " << delivered;
    }

    std::uint32_t show_to_user(const Slice& text) {
        std::uint32_t used = 0;
        if (!tcb.user_gone && tcb.unread.empty()) {
            used = std::min(text.length, user_takes);
            check_delivery(text.first(used));
        }
        if (user_does) {
            user_does();
        }
        return used;
    }

    /// What comes in may fill no more than the places that `flush` leaves.
    void expect_few_put_out() { EXPECT_LE(output.segments().size(), Output::reserve); }

    void after_call() {
        collect_output();
        packets.collect(buffers);
        if (tcb.state != State::closed && tcb.state != State::syn_sent) {
            expect_sound(tcb, context);
        }
        expect_bytes_counted();
    }

    /// F3.counters: the sequence numbers say how many bytes each stream has carried, with SYN and
    /// FIN.
    void expect_bytes_counted() {
        if (tcb.snd.una == ends.iss || tcb.snd.una == wire::SeqNum{}) {
            return; // Not open yet.
        }
        const std::uint32_t received =
            static_cast<std::uint32_t>(tcb.rcv.nxt - ends.irs) - (tcb.fin_received ? 2 : 1);
        const std::uint32_t acked =
            static_cast<std::uint32_t>(tcb.snd.una - ends.iss) - (tcb.fin_acknowledged ? 2 : 1);
        const auto counted = [&](Counter counter, std::uint64_t before) {
            return static_cast<std::uint32_t>(counters[counter] - before);
        };
        EXPECT_EQ(counted(Counter::bytes_received, received_before), received);
        EXPECT_EQ(counted(Counter::bytes_acked, acked_before), acked);
    }
};

/// Compares the segments of a step, a vector of them or the last that were sent with those listed.
#define EXPECT_SENT(sent, ...) EXPECT_TRUE(were_sent(std::vector<Seg>{__VA_ARGS__}, sent))
#define EXPECT_SENT_NOTHING(sent) EXPECT_TRUE(were_sent({}, sent))

} // namespace millrace::tcp
