#include "ecn.hpp"
#include "internal.hpp"

#include "tcp/clock.hpp"

#include <algorithm>
#include <array>

/// Segments as they are put out: header, options and the window that they offer.
namespace millrace::tcp {

using wire::SeqNum;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

/// What was received out of order, and first of all what was received twice (RFC 2883).
void add_sack_blocks(const Tcb& tcb, const Context& context, const wire::SackBlock& duplicate,
                     wire::TcpOptions& options) {
    if (!tcb.sack) {
        return;
    }
    const std::uint8_t most = tcb.timestamps ? 3 : 4;
    if (duplicate.left < duplicate.right) [[unlikely]] {
        options.sack[options.sack_count++] = duplicate;
    }
    if (tcb.reassembly != Pool<Reassembly>::none) [[unlikely]] {
        std::array<wire::SackBlock, 4> blocks;
        const std::uint8_t count = context.reassemblies[tcb.reassembly].blocks(blocks);
        for (std::uint8_t i = 0; i < count && options.sack_count < most; ++i) {
            options.sack[options.sack_count++] = blocks[i];
        }
    }
}

/// A segment that acknowledges everything received; what was owed is paid by it.
OutSegment& push_segment(Tcb& tcb, SeqNum seq, Instant now, Context& context,
                         const wire::SackBlock& duplicate = {}) {
    OutSegment& out = context.output.push();
    TcpSegment& header = out.header;
    header.seq = seq;
    header.ack = tcb.rcv.nxt;
    header.flags = static_cast<std::uint8_t>(flag::ack | (tcb.ecn_echo ? flag::ece : 0));
    header.window = advertise(tcb, context);
    if (tcb.timestamps) {
        add_timestamps(header.options, now, tcb.ts_offset, tcb.ts_recent);
    }
    add_sack_blocks(tcb, context, duplicate, header.options);
    tcb.rcv.acked = tcb.rcv.nxt;
    tcb.ack_now = false;
    tcb.ack_delayed = false;
    tcb.ack_deadline = never;
    return out;
}

} // namespace

std::uint32_t payload_max(const Tcb& tcb, const Context& context) {
    wire::TcpOptions options;
    options.has_timestamps = tcb.timestamps;
    add_sack_blocks(tcb, context, {}, options);
    return tcb.snd_mss - static_cast<std::uint32_t>(wire::tcp_options_length(options));
}

OutSegment& emit_data(Tcb& tcb, SeqNum seq, Cursor cursor, std::uint32_t length, bool fin,
                      Instant now, Context& context) {
    OutSegment& out = push_segment(tcb, seq, now, context);
    out.payload = cursor;
    out.payload_length = length;
    if (fin) {
        out.header.flags |= flag::fin;
    }
    if (length > 0 && seq + length == tcb.queue_end()) {
        out.header.flags |= flag::psh; // RFC 9293 MUST-61
    }
    tcb.sent_ms = timestamp_clock(now);
    return out;
}

void emit_ack(Tcb& tcb, Instant now, Context& context) {
    static_cast<void>(push_segment(tcb, tcb.snd.nxt, now, context));
}

void emit_ack_of_duplicate(Tcb& tcb, const wire::SackBlock& duplicate, Instant now,
                           Context& context) {
    static_cast<void>(push_segment(tcb, tcb.snd.nxt, now, context, duplicate));
}

void emit_limited_ack(Tcb& tcb, Instant now, Context& context) {
    if (take_turn(tcb.challenged_ms, now, context.config(tcb).challenge_ack_interval)) {
        context.counters.add(Counter::challenge_acks);
        emit_ack(tcb, now, context);
    }
}

void emit_syn(Tcb& tcb, Instant now, Context& context) {
    const bool answering = tcb.state == State::syn_received;
    OutSegment& out = context.output.push();
    TcpSegment& header = out.header;
    header.seq = tcb.snd.una;
    header.flags = static_cast<std::uint8_t>(flag::syn | ecn_flags_of_syn(tcb));
    if (answering) {
        header.ack = tcb.rcv.nxt;
        header.flags |= flag::ack;
    }
    header.window = unscaled_window(context.config(tcb));
    header.options.has_mss = true;
    header.options.mss = tcb.rcv_mss;
    header.options.sack_permitted = tcb.sack;
    header.options.has_window_scale = tcb.window_scale;
    header.options.window_scale = scale_for(receive_buffer_max(context.config(tcb)));
    if (tcb.timestamps) {
        add_timestamps(header.options, now, tcb.ts_offset, tcb.ts_recent);
        if (!answering) {
            header.options.ts_ecr = 0; // RFC 7323 §3.2: of no meaning without ACK.
        }
    }
}

void emit_reset(Tcb& tcb, Context& context) {
    OutSegment& out = context.output.push();
    out.header.seq = tcb.snd.nxt;
    out.header.ack = tcb.rcv.nxt;
    out.header.flags = flag::rst | flag::ack;
    context.counters.add(Counter::resets_sent);
}

void emit_reset_for_ack(SeqNum ack, Context& context) {
    OutSegment& out = context.output.push();
    out.header.seq = ack;
    out.header.flags = flag::rst;
    context.counters.add(Counter::resets_sent);
}

void emit_probe(Tcb& tcb, Instant now, Context& context) {
    // Outside the peer's window by one, so it must be answered; the byte itself was received long
    // ago.
    static_cast<void>(push_segment(tcb, tcb.snd.una - 1, now, context));
}

} // namespace millrace::tcp
