#pragma once

#include "base/assert.hpp"
#include "tcp/clock.hpp"
#include "tcp/engine.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::tcp::bench {

/// One connection in the engine alone, established with timestamps and SACK, and a peer whose
/// segments are made by hand. Nothing is a packet, and nothing is kept of what comes.
class Conversation {
  public:
    Conversation() {
        Handshake handshake;
        handshake.iss = wire::SeqNum{1000};
        handshake.irs = wire::SeqNum{2000};
        handshake.snd_mss = 1460;
        handshake.snd_scale = 7;
        handshake.window_scale = handshake.timestamps = handshake.sack = true;
        peer_seq_ = handshake.irs + 1;
        heard_up_to_ = handshake.iss + 1;
        establish(tcb_, handshake, segment_of({}), now_, context_);
    }

    /// The peer's text comes, with an acknowledgement of all that it has; its user reads it.
    void text_arrives(std::span<const std::byte> text) {
        now_ += 10us;
        const wire::TcpSegment segment = segment_of(text);
        peer_seq_ += static_cast<std::uint32_t>(text.size());
        const Slice slice{text.data(), static_cast<std::uint32_t>(text.size()), OwnerKind::packet};
        Arrival arrival = segment_arrives(tcb_, segment, slice, now_, context_);
        if (arrival.has_text()) {
            take_text(tcb_, arrival, arrival.text.length, context_);
        }
        MILLRACE_ASSERT(arrival.drop == wire::Drop::none);
    }

    /// An acknowledgement of all that the peer has.
    void ack_arrives() { text_arrives({}); }

    /// The user sends a copy of it.
    void say(std::span<const std::byte> text) {
        MILLRACE_ASSERT(send_copy(tcb_, text, context_) == text.size());
    }

    /// The end of the burst: so many segments go out, and reach the peer.
    void flush(std::size_t expected) {
        MILLRACE_ASSERT(tcp::flush(tcb_, now_, context_));
        MILLRACE_ASSERT(output_.segments().size() == expected);
        for (const OutSegment& out : output_.segments()) {
            heard_up_to_ = out.header.seq + out.payload_length;
            ts_recent_ = out.header.options.ts_val;
        }
        output_.clear();
    }

  private:
    [[nodiscard]] wire::TcpSegment segment_of(std::span<const std::byte> text) const {
        wire::TcpSegment segment;
        segment.flags = wire::tcp_flag::ack;
        segment.seq = peer_seq_;
        segment.ack = heard_up_to_;
        segment.window = 512;
        segment.options.has_timestamps = true;
        segment.options.ts_val = timestamp_clock(now_);
        segment.options.ts_ecr = ts_recent_;
        segment.payload = text;
        return segment;
    }

    Config config_;
    Buffers buffers_{{.nodes = 64, .chunks = 64}};
    Pool<Reassembly> reassemblies_{4};
    Flights flights_{{.flights = 4, .records = 64}};
    Counters counters_;
    Output output_;
    Context context_{{&config_, 1}, buffers_, reassemblies_, flights_, counters_, output_};
    Tcb tcb_;
    Instant now_{1h};
    wire::SeqNum peer_seq_;
    wire::SeqNum heard_up_to_;
    std::uint32_t ts_recent_ = 0;
};

inline constexpr std::array<std::byte, 64> text{};

} // namespace millrace::tcp::bench
