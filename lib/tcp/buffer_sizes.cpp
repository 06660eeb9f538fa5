#include "internal.hpp"

#include "tcp/clock.hpp"

#include <algorithm>
#include <bit>

/// How large a connection's buffers are.
///
/// The send buffer is twice cwnd: what is in flight, and as much to follow it.
///
/// The receive buffer (dynamic right-sizing, as Linux's tcp_rcv_space_adjust) begins small; each
/// time that the user has taken a whole buffer of data within two round-trip times, it is the
/// buffer that bounds the peer, not the peer's cwnd or the user, and the buffer doubles, up to what
/// the configuration allows. So it stays at least twice what arrives in a round trip. It never
/// becomes smaller again: RCV.EDGE has promised it.
namespace millrace::tcp {

using wire::SeqNum;

namespace {

constexpr std::uint32_t window_max = 1U << 30; // RFC 7323 §2.3

/// The unit of `ReceiveRound::end` as a shift: a buffer has 2^14 to 2^15 of them, so that half of
/// the 16 bits span it.
unsigned unit_shift(std::uint32_t buffer) {
    constexpr unsigned bits = 15;
    const auto width = static_cast<unsigned>(std::bit_width(buffer));
    return width > bits ? width - bits : 0;
}

std::uint16_t cut(SeqNum seq, unsigned shift) {
    return static_cast<std::uint16_t>(seq.value() >> shift);
}

/// True when the round has taken at most two round-trip times. One that was never measured is
/// taken for long.
bool was_quick(const Tcb& tcb, std::uint16_t elapsed_ms) {
    constexpr std::uint32_t unknown_us = 500'000;
    const std::uint32_t rtt_us = tcb.rtt.srtt_us == 0 ? unknown_us : tcb.rtt.srtt_us;
    return elapsed_ms <= 2 * rtt_us / 1000 + 1;
}

} // namespace

std::uint32_t receive_buffer_max(const Config& config) {
    return std::min(std::max(config.receive_buffer_bytes, config.receive_buffer_max_bytes),
                    window_max);
}

std::uint32_t receive_buffer(const Tcb& tcb, const Context& context) {
    const Config& config = context.config(tcb);
    const std::uint64_t grown = std::uint64_t{config.receive_buffer_bytes} << tcb.rcv_doublings;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(grown, receive_buffer_max(config)));
}

void begin_receive_round(Tcb& tcb, Instant now, const Context& context) {
    const std::uint32_t buffer = receive_buffer(tcb, context);
    const SeqNum used = tcb.rcv.nxt - tcb.unread.length;
    tcb.round.end = cut(used + buffer, unit_shift(buffer));
    tcb.round.began_ms = static_cast<std::uint16_t>(timestamp_clock(now));
}

void end_receive_round(Tcb& tcb, Instant now, Context& context) {
    const std::uint32_t buffer = receive_buffer(tcb, context);
    const SeqNum used = tcb.rcv.nxt - tcb.unread.length;
    const auto beyond = static_cast<std::int16_t>(
        static_cast<std::uint16_t>(cut(used, unit_shift(buffer)) - tcb.round.end));
    if (beyond < 0) {
        return;
    }
    const auto elapsed_ms =
        static_cast<std::uint16_t>(timestamp_clock(now) - std::uint32_t{tcb.round.began_ms});
    if (buffer < receive_buffer_max(context.config(tcb)) && was_quick(tcb, elapsed_ms) &&
        !context.buffers.under_pressure()) {
        ++tcb.rcv_doublings;
        context.counters.add(Counter::receive_buffer_doublings);
    }
    begin_receive_round(tcb, now, context);
}

std::uint32_t send_buffer(const Tcb& tcb, const Context& context) {
    const Config& config = context.config(tcb);
    const std::uint64_t wanted = 2 * std::uint64_t{tcb.congestion.cwnd};
    if (context.buffers.under_pressure()) {
        // Enough to go on; the rest is for those who have nothing yet.
        return std::min<std::uint32_t>(config.send_buffer_bytes, 4 * sizeof(Chunk));
    }
    if (wanted <= config.send_buffer_bytes) {
        return config.send_buffer_bytes;
    }
    const std::uint32_t most = std::max(config.send_buffer_bytes, config.send_buffer_max_bytes);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, most));
}

} // namespace millrace::tcp
