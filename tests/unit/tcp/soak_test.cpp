// D1.exact: two engines, a network that loses, repeats and reorders, users of many habits;
// whatever happens, both streams arrive whole, both ends come to an end, and nothing is left in the
// pools.

#include "invariants.hpp"
#include "packet_store.hpp"
#include "tcp/engine.hpp"
#include "tcp/half_open.hpp"
#include "tcp/time_wait.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <queue>
#include <random>
#include <vector>

namespace millrace::tcp {
namespace {

using Random = std::mt19937_64;

std::uint32_t between(Random& random, std::uint32_t least, std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>{least, most}(random);
}

/// What the seed decides.
struct Plan {
    std::uint32_t lost, repeated, reordered; ///< Of a thousand segments.
    Duration delay;
    std::array<std::uint32_t, 2> stream_bytes;
    std::array<std::uint16_t, 2> mss;
    std::array<wire::SeqNum, 2> iss;
    std::array<bool, 3> stripped;        ///< Timestamps, SACK, window scale: taken out of SYNs.
    std::array<std::uint32_t, 2> takes;  ///< Bytes of each text used in place; the rest is left.
    std::array<std::uint32_t, 2> writes; ///< Largest write of the user.
};

struct Flying {
    Instant at;
    std::uint64_t number;
    std::size_t to;
    wire::TcpSegment segment;
    std::vector<std::byte> payload;

    bool operator<(const Flying& other) const {
        return at != other.at ? at > other.at : number > other.number;
    }
};

/// One end: an engine with its memory, and a user who sends a stream and reads another.
struct End {
    Config config;
    Buffers buffers{Buffers::Limits{.nodes = 4096, .chunks = 1024, .packet_bytes = 2304}};
    Pool<Reassembly> reassemblies{4};
    Flights flights{Flights::Limits{.flights = 4, .records = 64}};
    Counters counters;
    Output output;
    Context context{{&config, 1}, buffers, reassemblies, flights, counters, output};
    PacketStore packets;
    Tcb tcb;
    std::optional<HalfOpen> half_open;
    Instant half_open_deadline = never;
    std::optional<TimeWait> time_wait;
    bool open = false;     ///< `tcb` is in use.
    bool finished = false; ///< CLOSED or TIME-WAIT, and released.
    bool end_seen = false;
    std::uint8_t events = 0;
    std::uint64_t queued = 0;
    std::uint64_t delivered = 0;
};

class Soak {
  public:
    explicit Soak(std::uint64_t seed) : random_{seed} {
        plan_.lost = between(random_, 0, 1) * between(random_, 0, 100);
        plan_.repeated = between(random_, 0, 1) * between(random_, 0, 100);
        plan_.reordered = between(random_, 0, 1) * between(random_, 0, 100);
        plan_.delay = std::chrono::microseconds{between(random_, 10, 80'000)};
        for (std::size_t i = 0; i < 2; ++i) {
            plan_.stream_bytes[i] = 1U << between(random_, 0, 18);
            plan_.mss[i] = static_cast<std::uint16_t>(between(random_, 200, 1460));
            plan_.iss[i] =
                wire::SeqNum{(between(random_, 0, 1) << 31U) - between(random_, 0, 200'000)};
            plan_.takes[i] =
                std::array{UINT32_MAX, 0U, between(random_, 1, 5000)}[between(random_, 0, 2)];
            plan_.writes[i] = between(random_, 1, 40'000);
            ends_[i].config.receive_buffer_bytes = 1U << between(random_, 12, 18);
            ends_[i].config.send_buffer_bytes = 1U << between(random_, 12, 18);
            ends_[i].tcb.no_delay = between(random_, 0, 1) == 1;
        }
        for (bool& stripped : plan_.stripped) {
            stripped = between(random_, 0, 2) == 0;
        }
    }

    void run() {
        wire::SeqNum iss = plan_.iss[0];
        ASSERT_TRUE(open(ends_[0].tcb, {iss, between(random_, 0, UINT32_MAX), plan_.mss[0]}, now_,
                         ends_[0].context));
        ends_[0].open = true;
        settle(0);
        for (std::uint64_t steps = 0; !(ends_[0].finished && ends_[1].finished); ++steps) {
            ASSERT_LT(steps, 2'000'000U) << "no end: " << describe();
            if (!step()) {
                FAIL() << "everything waits for nothing: " << describe();
            }
            if (testing::Test::HasFailure()) {
                FAIL() << describe();
            }
        }
        for (std::size_t i = 0; i < 2; ++i) {
            End& end = ends_[i];
            EXPECT_EQ(end.delivered, plan_.stream_bytes[1 - i]) << describe();
            EXPECT_EQ(end.events & (event::reset | event::timed_out | event::aborted), 0)
                << describe();
            end.packets.collect(end.buffers);
            EXPECT_EQ(end.packets.references(), 0U);
            EXPECT_EQ(end.buffers.nodes().in_use(), 0U);
            EXPECT_EQ(end.buffers.chunks().in_use(), 0U);
            EXPECT_EQ(end.reassemblies.in_use(), 0U);
        }
    }

    [[nodiscard]] std::uint64_t count(Counter counter) const {
        return ends_[0].counters[counter] + ends_[1].counters[counter];
    }

  private:
    std::string describe() const {
        std::string text = "at " + std::to_string(now_.time_since_epoch().count()) + " ns:";
        for (const End& end : ends_) {
            text += "\n  " + std::string{name(end.tcb.state)} + " queued " +
                    std::to_string(end.queued) + " delivered " + std::to_string(end.delivered) +
                    " flight " + std::to_string(end.tcb.flight()) + " queue " +
                    std::to_string(end.tcb.queue.length) + " snd.wnd " +
                    std::to_string(end.tcb.snd.wnd) + " cwnd " +
                    std::to_string(end.tcb.congestion.cwnd) + " unread " +
                    std::to_string(end.tcb.unread.length) + " rcv.wnd " +
                    std::to_string(end.tcb.rcv_wnd()) + " mss " + std::to_string(end.tcb.snd_mss) +
                    " persisting " + std::to_string(int{end.tcb.persisting});
        }
        return text;
    }

    /// Goes to whatever happens next; false when nothing ever will.
    bool step() {
        Instant next = flying_.empty() ? never : flying_.top().at;
        for (const End& end : ends_) {
            if (end.open) {
                next = std::min(next, end.tcb.next_deadline());
            }
            next = std::min(next, end.half_open_deadline);
        }
        if (reads_at_ != never) {
            next = std::min(next, reads_at_);
        }
        if (next == never) {
            return false;
        }
        now_ = std::max(now_, next);
        for (std::size_t i = 0; i < 2; ++i) {
            deadlines(i);
        }
        if (reads_at_ <= now_) {
            reads_at_ = never;
            for (std::size_t i = 0; i < 2; ++i) {
                if (ends_[i].open) {
                    read(i);
                    settle(i);
                }
            }
        }
        // A burst: what has arrived by now, for one end, flushed once.
        std::array<bool, 2> touched{};
        while (!flying_.empty() && flying_.top().at <= now_) {
            const Flying flying = flying_.top();
            flying_.pop();
            arrives(flying.to, flying);
            touched[flying.to] = true;
        }
        for (std::size_t i = 0; i < 2; ++i) {
            if (touched[i]) {
                settle(i);
            }
        }
        return true;
    }

    void deadlines(std::size_t i) {
        End& end = ends_[i];
        if (end.half_open_deadline <= now_) {
            const HalfOpenVerdict verdict =
                deadline_passed(*end.half_open, {end.config, plan_.mss[i]}, now_, end.context);
            if (verdict == HalfOpenVerdict::remove) {
                end.half_open.reset();
                end.half_open_deadline = never;
            } else {
                end.half_open_deadline = now_ + retransmit_after(*end.half_open, end.config);
                transmit(i);
            }
        }
        if (end.open && end.tcb.next_deadline() <= now_) {
            end.events |= deadline_passed(end.tcb, now_, end.context);
            settle(i);
        }
    }

    void arrives(std::size_t i, const Flying& flying) {
        End& end = ends_[i];
        const Slice packet = end.packets.make(flying.payload);
        wire::TcpSegment segment = flying.segment;
        segment.payload = packet.bytes();
        if (end.open) {
            arrives_at_tcb(i, segment, packet);
        } else if (end.time_wait) {
            static_cast<void>(
                segment_arrives(*end.time_wait, segment, end.config, now_, end.context));
            transmit(i);
        } else if (end.half_open) {
            const HalfOpenResult result = segment_arrives(
                *end.half_open, segment, {end.config, plan_.mss[i]}, now_, end.context);
            transmit(i);
            if (result.verdict == HalfOpenVerdict::establish) {
                const bool no_delay = end.tcb.no_delay;
                establish(end.tcb, end.half_open->handshake(), segment, now_, end.context);
                end.tcb.no_delay = no_delay;
                end.open = true;
                end.half_open.reset();
                end.half_open_deadline = never;
                arrives_at_tcb(i, segment, packet);
            } else if (result.verdict == HalfOpenVerdict::remove) {
                end.half_open.reset();
                end.half_open_deadline = never;
            }
        } else if (i == 1 && !end.finished && segment.has(wire::tcp_flag::syn) &&
                   !segment.has(wire::tcp_flag::ack)) {
            end.half_open.emplace();
            listen_syn(*end.half_open, segment, plan_.iss[1], 5, {end.config, plan_.mss[1]}, now_,
                       end.context);
            end.half_open_deadline = now_ + retransmit_after(*end.half_open, end.config);
            transmit(i);
        } else {
            answer_without_connection(segment, end.context);
            transmit(i);
        }
        end.packets.release(packet);
    }

    void arrives_at_tcb(std::size_t i, const wire::TcpSegment& segment, const Slice& packet) {
        End& end = ends_[i];
        Arrival arrival = segment_arrives(end.tcb, segment, packet, now_, end.context);
        if (arrival.has_text()) {
            std::uint32_t used = 0;
            if (end.tcb.unread.empty() && !end.tcb.user_gone) {
                used = std::min(plan_.takes[i], arrival.text.length);
                check(i, arrival.text.first(used));
            }
            take_text(end.tcb, arrival, used, end.context);
        }
        EXPECT_LE(end.output.segments().size(), Output::reserve);
        end.packets.retain(packet, arrival.references);
        end.events |= arrival.events;
        transmit(i);
        if (end.tcb.state != State::syn_sent && end.tcb.state != State::closed) {
            expect_sound(end.tcb, end.context);
        }
        if (!end.tcb.unread.empty() && reads_at_ == never) {
            reads_at_ = now_ + std::chrono::microseconds{between(random_, 1, 3'000'000)};
        }
    }

    void check(std::size_t i, const Slice& text) {
        for (const std::byte byte : text.bytes()) {
            ASSERT_EQ(byte, pattern(1 - i, ends_[i].delivered));
            ++ends_[i].delivered;
        }
    }

    void read(std::size_t i) {
        End& end = ends_[i];
        while (!end.tcb.unread.empty()) {
            const Slice slice = unread(end.tcb, end.context);
            check(i, slice);
            consume(end.tcb, slice.length, end.context);
        }
    }

    /// The user writes; then the engine sends; then the end may have come.
    void settle(std::size_t i) {
        End& end = ends_[i];
        if (!end.open) {
            return;
        }
        write(i);
        while (!flush(end.tcb, now_, end.context)) {
            transmit(i);
        }
        transmit(i);
        expect_nothing_forgotten(end.tcb);
        if (has_ended(end.tcb)) {
            if (end.tcb.state == State::time_wait) {
                end.time_wait = time_wait_of(end.tcb, ReusePolicy::timestamps);
            }
            release(end.tcb, end.context);
            end.packets.collect(end.buffers);
            end.open = false;
            end.finished = true;
        }
        end.packets.collect(end.buffers);
    }

    void write(std::size_t i) {
        End& end = ends_[i];
        if (!may_send(end.tcb.state) || end.tcb.fin_queued) {
            return;
        }
        const std::uint64_t rest = plan_.stream_bytes[i] - end.queued;
        const auto length = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(rest, between(random_, 1, plan_.writes[i])));
        std::vector<std::byte> bytes(length);
        for (std::uint32_t k = 0; k < length; ++k) {
            bytes[k] = pattern(i, end.queued + k);
        }
        end.queued += send_copy(end.tcb, bytes, end.context);
        if (end.queued == plan_.stream_bytes[i]) {
            shutdown(end.tcb);
        } else if (end.tcb.queue.empty()) {
            reads_at_ = std::min(reads_at_, now_ + 1ms); // The user comes back to write more.
        }
    }

    void transmit(std::size_t i) {
        End& end = ends_[i];
        for (const OutSegment& out : end.output.segments()) {
            Flying flying{{}, 0, 1 - i, out.header, {}};
            wire::TcpOptions& options = flying.segment.options;
            if (flying.segment.has(wire::tcp_flag::syn)) {
                options.has_timestamps = options.has_timestamps && !plan_.stripped[0];
                options.sack_permitted = options.sack_permitted && !plan_.stripped[1];
                options.has_window_scale = options.has_window_scale && !plan_.stripped[2];
            }
            if (out.payload_length > 0) {
                end.buffers.for_each(
                    end.tcb.queue, out.payload, out.payload_length, [&](const Slice& piece) {
                        flying.payload.insert(flying.payload.end(), piece.bytes().begin(),
                                              piece.bytes().end());
                    });
            }
            if (between(random_, 0, 999) >= plan_.lost) {
                launch(flying);
            }
            if (between(random_, 0, 999) < plan_.repeated) {
                launch(flying);
            }
        }
        end.output.clear();
        end.packets.collect(end.buffers);
    }

    void launch(Flying flying) {
        Duration delay = plan_.delay;
        if (between(random_, 0, 999) < plan_.reordered) {
            delay += std::chrono::microseconds{between(random_, 1, 30'000)};
        }
        flying.at = now_ + delay;
        flying.number = launched_++;
        flying_.push(std::move(flying));
    }

    Random random_;
    Plan plan_{};
    Instant now_{std::chrono::hours{24 * 40}};
    std::array<End, 2> ends_;
    std::priority_queue<Flying> flying_;
    std::uint64_t launched_ = 0;
    Instant reads_at_ = never;
};

/// MILLRACE_SEED runs one seed, MILLRACE_SEEDS that many.
std::uint64_t from_environment(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SoakTest, D1_streams_arrive_whole) {
    const std::uint64_t only = from_environment("MILLRACE_SEED", 0);
    const std::uint64_t seeds = only != 0 ? 1 : from_environment("MILLRACE_SEEDS", 300);
    std::array<std::uint64_t, counter_names.size()> met{};
    for (std::uint64_t seed = only != 0 ? only : 1;
         seeds > 0 && seed < (only != 0 ? only + 1 : seeds + 1); ++seed) {
        SCOPED_TRACE("repeat with MILLRACE_SEED=" + std::to_string(seed));
        Soak soak{seed};
        soak.run();
        if (HasFailure()) {
            return;
        }
        for (std::size_t i = 0; i < met.size(); ++i) {
            met[i] += soak.count(static_cast<Counter>(i)) > 0 ? 1U : 0U;
        }
    }
    if (only == 0) {
        for (const Counter counter :
             {Counter::retransmitted_segments, Counter::fast_retransmits,
              Counter::retransmission_timeouts, Counter::syn_retransmits,
              Counter::zero_window_probes, Counter::delayed_acks, Counter::out_of_order_segments}) {
            EXPECT_GT(met[static_cast<std::size_t>(counter)], 0U)
                << "no seed met " << counter_names[static_cast<std::size_t>(counter)];
        }
    }
}

} // namespace
} // namespace millrace::tcp
