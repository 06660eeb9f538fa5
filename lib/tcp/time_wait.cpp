#include "tcp/time_wait.hpp"

#include "internal.hpp"
#include "tcp/clock.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::Drop;
using wire::SeqNum;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

void emit_last_ack(TimeWait& entry, Instant now, Context& context) {
    TcpSegment& header = context.output.push().header;
    header.seq = entry.snd_nxt;
    header.ack = entry.rcv_nxt;
    header.flags = flag::ack;
    header.window = entry.window;
    if (entry.timestamps) {
        add_timestamps(header.options, now, entry.ts_offset, entry.ts_recent);
    }
    entry.answered_ms = std::max(timestamp_clock(now), 1U);
}

void emit_limited(TimeWait& entry, const Config& config, Instant now, Context& context) {
    if (take_turn(entry.answered_ms, now, config.challenge_ack_interval)) {
        emit_last_ack(entry, now, context);
    }
}

void emit_reset(const TimeWait& entry, Context& context) {
    TcpSegment& header = context.output.push().header;
    header.seq = entry.snd_nxt;
    header.ack = entry.rcv_nxt;
    header.flags = flag::rst | flag::ack;
    context.counters.add(Counter::resets_sent);
}

/// RFC 6191 §2, for a SYN without ACK.
Reuse reuse_of(const TimeWait& entry, const TcpSegment& syn) {
    // The last that was used is one before.
    const Reuse by_sequence = syn.seq >= entry.rcv_nxt ? Reuse::by_sequence : Reuse::none;
    switch (entry.policy) {
    case ReusePolicy::off:
        return Reuse::none;
    case ReusePolicy::strict:
        return by_sequence;
    case ReusePolicy::timestamps:
        break;
    }
    if (!syn.options.has_timestamps) {
        return by_sequence;
    }
    if (!entry.timestamps) {
        return Reuse::by_timestamp;
    }
    const auto ahead = static_cast<std::int32_t>(syn.options.ts_val - entry.ts_recent);
    return ahead > 0 ? Reuse::by_timestamp : ahead == 0 ? by_sequence : Reuse::none;
}

bool is_old_by_timestamp(const TimeWait& entry, const TcpSegment& segment) {
    return entry.timestamps && segment.options.has_timestamps &&
           is_older(segment.options.ts_val, entry.ts_recent);
}

bool acceptable(const TimeWait& entry, const TcpSegment& segment) {
    const std::uint32_t window = std::uint32_t{entry.window} << entry.scale;
    const std::uint32_t length = segment.sequence_length();
    return segment.seq == entry.rcv_nxt || segment.seq.in_window(entry.rcv_nxt, window) ||
           (length > 0 && (segment.seq + (length - 1)).in_window(entry.rcv_nxt, window));
}

SeqNum after_fin(const TimeWait& entry) {
    return entry.rcv_nxt + (entry.fin_received ? 0U : 1U);
}

/// The peer's FIN once more; or its first, when FIN-WAIT-2 has not waited for it.
bool is_its_fin(const TimeWait& entry, const TcpSegment& segment) {
    return segment.has(flag::fin) && segment.has(flag::ack) &&
           segment.seq + segment.sequence_length() == after_fin(entry) &&
           !is_old_by_timestamp(entry, segment);
}

/// Data that the peer goes on sending after FIN-WAIT-2 has waited in vain: nobody will read it, and
/// the peer is to know (RFC 9293 §3.6, RFC 2525 §2.17).
bool is_text_for_nobody(const TimeWait& entry, const TcpSegment& segment) {
    return !entry.fin_received && !segment.payload.empty() && segment.ack == entry.snd_nxt &&
           acceptable(entry, segment) && !is_old_by_timestamp(entry, segment);
}

} // namespace

TimeWait time_wait_of(const Tcb& tcb, ReusePolicy policy) {
    TimeWait entry;
    entry.snd_nxt = tcb.snd.nxt;
    entry.rcv_nxt = tcb.rcv.nxt;
    entry.ts_recent = tcb.ts_recent;
    entry.ts_offset = tcb.ts_offset;
    entry.timestamps = tcb.timestamps;
    entry.fin_received = tcb.fin_received;
    entry.window = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(tcb.rcv_wnd() >> tcb.rcv_scale, UINT16_MAX));
    entry.scale = tcb.rcv_scale;
    entry.policy = policy;
    return entry;
}

Drop refuse_syn(TimeWait& entry, const Config& config, Instant now, Context& context) {
    emit_limited(entry, config, now, context);
    return Drop::tcp_time_wait_syn_refused;
}

TimeWaitResult segment_arrives(TimeWait& entry, const TcpSegment& segment, const Config& config,
                               Instant now, Context& context) {
    if (segment.has(flag::rst)) {
        return {TimeWaitVerdict::stay, Drop::tcp_time_wait_rst};
    }
    if (segment.has(flag::syn)) {
        const Reuse reuse = segment.has(flag::ack) ? Reuse::none : reuse_of(entry, segment);
        if (reuse != Reuse::none) {
            return {TimeWaitVerdict::reopen, Drop::none, reuse};
        }
        return {TimeWaitVerdict::stay, refuse_syn(entry, config, now, context)};
    }
    if (is_its_fin(entry, segment)) {
        entry.rcv_nxt = after_fin(entry);
        entry.fin_received = true;
        if (entry.timestamps && segment.options.has_timestamps) {
            entry.ts_recent = segment.options.ts_val;
        }
        emit_last_ack(entry, now, context);
        return {TimeWaitVerdict::restart, Drop::none};
    }
    if (!segment.has(flag::ack) && acceptable(entry, segment)) {
        return {TimeWaitVerdict::stay, Drop::tcp_no_ack};
    }
    if (is_text_for_nobody(entry, segment)) {
        emit_reset(entry, context);
        return {TimeWaitVerdict::remove, Drop::tcp_data_after_close};
    }
    // Two ends in TIME-WAIT must not answer each other for ever: what says nothing gets no answer.
    const bool says_nothing = segment.sequence_length() == 0 && segment.seq == entry.rcv_nxt &&
                              segment.ack == entry.snd_nxt;
    if (!says_nothing) {
        emit_limited(entry, config, now, context);
    }
    return {TimeWaitVerdict::stay, Drop::tcp_time_wait_old_duplicate};
}

SeqNum reopen_iss(const TimeWait& entry, SeqNum proposed) {
    const SeqNum least = entry.snd_nxt + 65'537;
    return proposed > least ? proposed : least;
}

void take_over(const TimeWait& entry, ActiveOpen& ours) {
    ours.iss = reopen_iss(entry, ours.iss);
    if (entry.timestamps) {
        ours.ts_recent = entry.ts_recent;
    }
}

} // namespace millrace::tcp
