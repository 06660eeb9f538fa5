#include "tcp/time_wait.hpp"

#include "internal.hpp"
#include "tcp/isn.hpp"

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
        header.options.has_timestamps = true;
        header.options.ts_val = timestamp_clock(now) + entry.ts_offset;
        header.options.ts_ecr = entry.ts_recent;
    }
    entry.answered_ms = std::max(timestamp_clock(now), 1U);
}

void emit_limited(TimeWait& entry, Instant now, Context& context) {
    const auto interval =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       context.configs.front().challenge_ack_interval)
                                       .count());
    if (entry.answered_ms == 0 || timestamp_clock(now) + 1 - entry.answered_ms > interval) {
        emit_last_ack(entry, now, context);
    }
}

/// RFC 6191 §2, for a SYN without ACK.
bool may_reopen(const TimeWait& entry, const TcpSegment& syn) {
    const bool beyond = syn.seq >= entry.rcv_nxt; // The last that was used is one before.
    if (entry.policy == ReusePolicy::off) {
        return false;
    }
    if (entry.policy == ReusePolicy::timestamps && syn.options.has_timestamps) {
        if (!entry.timestamps) {
            return true;
        }
        const auto ahead = static_cast<std::int32_t>(syn.options.ts_val - entry.ts_recent);
        return ahead > 0 || (ahead == 0 && beyond);
    }
    return beyond;
}

bool is_old_by_timestamp(const TimeWait& entry, const TcpSegment& segment) {
    return entry.timestamps && segment.options.has_timestamps &&
           static_cast<std::int32_t>(segment.options.ts_val - entry.ts_recent) < 0;
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
    entry.policy = policy;
    return entry;
}

TimeWaitResult segment_arrives(TimeWait& entry, const TcpSegment& segment, Instant now,
                               Context& context) {
    if (segment.has(flag::rst)) {
        return {TimeWaitVerdict::stay, Drop::tcp_time_wait_rst};
    }
    if (segment.has(flag::syn)) {
        if (!segment.has(flag::ack) && may_reopen(entry, segment)) {
            context.counters.add(Counter::time_wait_reused);
            return {TimeWaitVerdict::reopen, Drop::none};
        }
        emit_limited(entry, now, context);
        return {TimeWaitVerdict::stay, Drop::tcp_time_wait_syn_refused};
    }
    const SeqNum after_fin = entry.rcv_nxt + (entry.fin_received ? 0U : 1U);
    const bool is_fin =
        segment.has(flag::fin) && segment.seq + segment.sequence_length() == after_fin;
    if (is_fin && !is_old_by_timestamp(entry, segment)) {
        entry.rcv_nxt = after_fin;
        entry.fin_received = true;
        if (entry.timestamps && segment.options.has_timestamps) {
            entry.ts_recent = segment.options.ts_val;
        }
        emit_last_ack(entry, now, context);
        return {TimeWaitVerdict::restart, Drop::none};
    }
    if (segment.sequence_length() > 0 || segment.seq != entry.rcv_nxt) {
        emit_limited(entry, now, context);
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
