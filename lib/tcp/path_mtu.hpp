#pragma once

#include "tcp/engine.hpp"

#include <cstdint>

/// Path MTU discovery without ICMP (RFC 4821, as Linux does it): what the engine's files ask of
/// path_mtu.cpp.
///
/// SND.MSS is what is known to arrive, `mss_high` what may. Where long segments are not
/// acknowledged again and again, SND.MSS falls; while the two differ, now and then one longer
/// segment is sent as a probe, halfway between them, and what becomes of it moves one of them.
namespace millrace::tcp {

/// What a path is thought to carry for certain (Linux: tcp_base_mss).
inline constexpr std::uint16_t base_mss = 1024;

/// SND.MSS is what the handshake has agreed.
void begin_path_mtu_search(Tcb& tcb, const Config& config);

/// The retransmission timer has gone off: after R1 times in a row segments become smaller.
void suspect_black_hole(Tcb& tcb, Flight& flight, Context& context);

/// Payload of the probe to send in place of the next segment, when `waiting` bytes are to be sent;
/// 0: none.
[[nodiscard]] std::uint32_t mtu_probe_due(const Tcb& tcb, const Flight& flight,
                                          std::uint32_t waiting, const Context& context);

/// It was sent, and ends at SND.NXT.
void mtu_probe_sent(Tcb& tcb, Flight& flight, std::uint32_t payload, Context& context);

/// SND.UNA has moved on.
void mtu_probe_acknowledged(Tcb& tcb, Flight& flight);

/// Losses have been found. True when the probe alone was lost: the path is not full, the probe was
/// too long (RFC 4821 §7.6.2), and cwnd stays.
[[nodiscard]] bool mtu_probe_lost(Tcb& tcb, Flight& flight, Instant now, Context& context);

} // namespace millrace::tcp
