#include "tcp/half_open.hpp"

#include "ecn.hpp"
#include "internal.hpp"
#include "tcp/clock.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::Drop;
using wire::SeqNum;
using wire::TcpSegment;
namespace flag = wire::tcp_flag;

namespace {

constexpr unsigned answers_max = 7;
constexpr unsigned retransmits_max = 31;

bool may_answer(HalfOpen& entry) {
    if (entry.answers == answers_max) {
        return false;
    }
    entry.answers = (entry.answers + 1U) & answers_max;
    return true;
}

void emit_syn_ack(const HalfOpen& entry, const LocalEnd& local, Instant now, Context& context) {
    TcpSegment& header = context.output.push().header;
    header.seq = entry.iss;
    header.ack = entry.irs + 1;
    header.flags = static_cast<std::uint8_t>(flag::syn | flag::ack | (entry.ecn ? flag::ece : 0));
    header.window = unscaled_window(local.config);
    wire::TcpOptions& options = header.options;
    options.has_mss = true;
    options.mss = local.mss;
    options.sack_permitted = entry.sack;
    options.has_window_scale = entry.window_scale();
    options.window_scale = scale_for(receive_buffer_max(local.config));
    if (entry.timestamps) {
        add_timestamps(options, now, entry.ts_offset, entry.ts_recent);
    }
}

void emit_challenge(HalfOpen& entry, const LocalEnd& local, Instant now, Context& context) {
    if (!may_answer(entry)) {
        return;
    }
    TcpSegment& header = context.output.push().header;
    header.seq = entry.iss + 1;
    header.ack = entry.irs + 1;
    header.flags = flag::ack;
    header.window = unscaled_window(local.config);
    if (entry.timestamps) {
        add_timestamps(header.options, now, entry.ts_offset, entry.ts_recent);
    }
    context.counters.add(Counter::challenge_acks);
}

/// A SYN stands where its own number is: the peer's, seen again with data, is an old one.
bool acceptable(const HalfOpen& entry, const TcpSegment& segment, const Config& config) {
    const SeqNum next = entry.irs + 1;
    const std::uint32_t length = segment.has(flag::syn) ? 0 : segment.sequence_length();
    return segment.seq.in_window(next, unscaled_window(config)) ||
           (length > 0 && (segment.seq + (length - 1)).in_window(next, unscaled_window(config)));
}

bool fails_paws(const HalfOpen& entry, const TcpSegment& segment) {
    return entry.timestamps && !segment.has(flag::rst) && segment.options.has_timestamps &&
           is_older(segment.options.ts_val, entry.ts_recent);
}

bool lacks_timestamps(const HalfOpen& entry, const TcpSegment& segment) {
    return entry.timestamps && !segment.options.has_timestamps &&
           !segment.has(flag::rst | flag::syn);
}

/// In how many time-outs of the SYN,ACK the listener's patience for data ends.
unsigned deferred_timeouts(const LocalEnd& local) {
    if (local.defer_accept <= Duration::zero()) {
        return 0;
    }
    unsigned count = 1;
    Duration timeout = local.config.rto_initial;
    for (Duration period = timeout; period < local.defer_accept && count < retransmits_max;
         period += timeout) {
        timeout = std::min(2 * timeout, local.config.rto_max);
        ++count;
    }
    return count;
}

bool defers(const HalfOpen& entry, const LocalEnd& local) {
    return entry.retransmits < deferred_timeouts(local);
}

HalfOpenResult take_reset(HalfOpen& entry, const TcpSegment& segment, const LocalEnd& local,
                          Instant now, Context& context) {
    if (segment.seq != entry.irs + 1) {
        emit_challenge(entry, local, now, context);
        return {HalfOpenVerdict::stay, Drop::tcp_rst_not_exact};
    }
    context.counters.add(Counter::resets_received);
    return {HalfOpenVerdict::remove, Drop::none};
}

} // namespace

std::uint16_t peer_mss(const wire::TcpOptions& options) {
    return std::max(options.mss, mss_floor);
}

void listen_syn(HalfOpen& entry, const TcpSegment& syn, SeqNum iss, std::uint32_t ts_offset,
                const LocalEnd& local, Instant now, Context& context) {
    const wire::TcpOptions& options = syn.options;
    entry = HalfOpen{};
    entry.iss = iss;
    entry.irs = syn.seq;
    entry.mss = std::max(std::min(local.mss, peer_mss(options)), mss_floor);
    const std::uint8_t scale = std::min<std::uint8_t>(options.window_scale, 14);
    entry.scale = (options.has_window_scale ? scale : HalfOpen::no_scale) & 15U;
    entry.sack = options.sack_permitted;
    entry.ecn = local.config.ecn != EcnPolicy::off && asks_for_ecn(syn);
    entry.timestamps = options.has_timestamps;
    entry.ts_recent = options.has_timestamps ? options.ts_val : 0;
    entry.ts_offset = ts_offset;
    emit_syn_ack(entry, local, now, context);
}

HalfOpenResult segment_arrives(HalfOpen& entry, const TcpSegment& segment, const LocalEnd& local,
                               Instant now, Context& context) {
    // The same SYN again: our answer was lost, or crossed with it.
    if (segment.has(flag::syn) && !segment.has(flag::ack) && segment.seq == entry.irs) {
        entry.ecn = entry.ecn && asks_for_ecn(segment); // Given up by the peer, maybe.
        if (!may_answer(entry)) {
            return {HalfOpenVerdict::stay, Drop::tcp_syn_repeated};
        }
        emit_syn_ack(entry, local, now, context);
        return {HalfOpenVerdict::stay, Drop::none};
    }
    if (lacks_timestamps(entry, segment)) {
        return {HalfOpenVerdict::stay, Drop::tcp_no_timestamp};
    }
    if (fails_paws(entry, segment)) {
        emit_challenge(entry, local, now, context);
        return {HalfOpenVerdict::stay, Drop::tcp_paws};
    }
    if (!acceptable(entry, segment, local.config)) {
        if (segment.has(flag::rst)) {
            return {HalfOpenVerdict::stay, Drop::tcp_rst_outside_window};
        }
        emit_challenge(entry, local, now, context);
        return {HalfOpenVerdict::stay, Drop::tcp_bad_sequence};
    }
    if (segment.has(flag::rst)) {
        return take_reset(entry, segment, local, now, context);
    }
    // Fourth: a SYN in the window takes a passive open back to LISTEN.
    if (segment.has(flag::syn)) {
        return {HalfOpenVerdict::remove, Drop::tcp_syn_in_connection};
    }
    if (!segment.has(flag::ack)) {
        return {HalfOpenVerdict::stay, Drop::tcp_no_ack};
    }
    if (segment.ack != entry.iss + 1) {
        emit_reset_for_ack(segment.ack, context);
        return {HalfOpenVerdict::stay, Drop::tcp_bad_ack};
    }
    if (segment.sequence_length() == 0 && defers(entry, local)) {
        entry.acknowledged = true;
        return {HalfOpenVerdict::stay, Drop::tcp_accept_deferred};
    }
    return {HalfOpenVerdict::establish, Drop::none};
}

Duration retransmit_after(const HalfOpen& entry, const Config& config) {
    return std::min<Duration>(config.rto_initial * (1 << std::min<int>(entry.retransmits, 10)),
                              config.rto_max);
}

HalfOpenVerdict deadline_passed(HalfOpen& entry, const LocalEnd& local, Instant now,
                                Context& context) {
    const bool waits_for_data = entry.acknowledged && defers(entry, local);
    if (!waits_for_data &&
        entry.retransmits >= std::min<unsigned>(local.config.syn_ack_retries, retransmits_max)) {
        return HalfOpenVerdict::remove;
    }
    entry.retransmits = (entry.retransmits + 1U) & retransmits_max;
    entry.answers = 0;
    if (entry.acknowledged && defers(entry, local)) {
        return HalfOpenVerdict::stay;
    }
    context.counters.add(Counter::syn_retransmits);
    emit_syn_ack(entry, local, now, context);
    return HalfOpenVerdict::stay;
}

} // namespace millrace::tcp
