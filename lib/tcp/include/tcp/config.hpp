#pragma once

#include "base/time.hpp"
#include "tcp/congestion.hpp"

#include <cstdint>

namespace millrace::tcp {

/// Explicit congestion notification (RFC 3168).
enum class EcnPolicy : std::uint8_t {
    off,
    accept, ///< When the peer's SYN asks for it.
    on,     ///< Our SYN asks too.
};

/// When segments of other sizes are tried to find out what the path carries (RFC 4821; the words
/// are those of Linux's tcp_mtu_probing).
enum class MtuProbing : std::uint8_t {
    off,           ///< ICMP is trusted to tell.
    on_black_hole, ///< When long segments do not arrive.
    always,        ///< From the beginning: segments start small.
};

/// What an operator may set of the engine; the defaults are Linux's unless a comment says
/// otherwise.
struct Config {
    Duration rto_initial = 1s;   ///< RFC 6298 §2.1.
    Duration rto_min = 200ms;    ///< RFC 6298 asks for 1 s; every modern stack takes less.
    Duration rto_max = 120s;     ///< RFC 6298 §2.5.
    Duration delayed_ack = 40ms; ///< RFC 9293 §3.8.6.3 allows 500 ms.
    Duration fin_wait_2 = 60s;   ///< For connections whose user is gone.
    Duration challenge_ack_interval = 500ms; ///< At most one a connection in this time.
    bool keep_alive = false;                 ///< Probe a peer that has been silent for long.
    Duration keep_alive_idle = 7200s;        ///< So long; at most 24 days.
    Duration keep_alive_interval = 75s;      ///< Between probes that nobody answers.
    std::uint8_t keep_alive_probes = 9;      ///< So many, before the connection is reset.
    /// How long data may stay unacknowledged, or wait for a closed window; zero: as long as there
    /// are retransmissions (RFC 5482 §3.1's local user timeout; Linux's TCP_USER_TIMEOUT).
    Duration user_timeout{};
    /// How long after `close` the peer may take to acknowledge everything; zero: likewise.
    Duration linger_timeout{};
    std::uint8_t retries_1 = 3;       ///< R1: retransmissions before the path is doubted.
    std::uint8_t retries = 15;        ///< R2: retransmissions before a connection is given up.
    std::uint8_t orphan_retries = 8;  ///< The same for one whose user is gone, if that is less.
    std::uint8_t syn_retries = 6;     ///< Of our SYN.
    std::uint8_t syn_ack_retries = 5; ///< Of our SYN,ACK.
    std::uint8_t initial_window_segments = 10; ///< RFC 6928.
    CongestionAlgorithm congestion = CongestionAlgorithm::cubic;
    EcnPolicy ecn = EcnPolicy::accept;
    bool pacing = false; ///< Segments leave at a rate made of cwnd and the round-trip time.
    /// Linux has it off, and loses connections where ICMP is filtered.
    MtuProbing mtu_probing = MtuProbing::on_black_hole;
    /// The largest window that a connection offers at first, and when it has shown that it can use
    /// more: no larger, and it never grows.
    std::uint32_t receive_buffer_bytes = 128 * 1024;
    std::uint32_t receive_buffer_max_bytes = 6 * 1024 * 1024;
    /// Memory that queued data may pin: twice cwnd, but at least and at most this. (Linux begins
    /// with less.)
    std::uint32_t send_buffer_bytes = 256 * 1024;
    std::uint32_t send_buffer_max_bytes = 4 * 1024 * 1024;

    [[nodiscard]] friend bool operator==(const Config&, const Config&) = default;
};

} // namespace millrace::tcp
