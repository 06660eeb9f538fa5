#pragma once

#include "base/pool.hpp"
#include "base/time.hpp"
#include "flow/four_tuple.hpp"
#include "flow/published.hpp"
#include "stack/socket.hpp"
#include "tcp/half_open.hpp"
#include "tcp/tcb.hpp"
#include "tcp/time_wait.hpp"
#include "timer/wheel.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace millrace::stack {

/// What a wheel's node is embedded in.
enum class TimerKind : std::uint8_t {
    connection_ipv4,
    connection_ipv6,
    half_open_ipv4,
    half_open_ipv6,
    neighbour_ipv4,
    neighbour_ipv6,
    control,
};

/// What the connection table's 32 bits mean: one of the three sizes of connection, and its slot.
struct Reference {
    enum class Kind : std::uint8_t { connection, half_open, time_wait };
    static constexpr std::uint32_t slot_bits = 30;
    static constexpr std::uint32_t slots_max = 1U << slot_bits;

    std::uint32_t bits = UINT32_MAX;

    Reference() = default;
    explicit constexpr Reference(std::uint32_t value) : bits{value} {}
    constexpr Reference(Kind kind, std::uint32_t slot)
        : bits{static_cast<std::uint32_t>(kind) << slot_bits | slot} {}

    [[nodiscard]] constexpr bool is_none() const { return bits == UINT32_MAX; }
    [[nodiscard]] constexpr Kind kind() const { return static_cast<Kind>(bits >> slot_bits); }
    [[nodiscard]] constexpr std::uint32_t slot() const { return bits & (slots_max - 1); }

    bool operator==(const Reference&) const = default;
};

/// What other threads may see of a connection while it lives (`ss` prints the same).
template <class Addr>
struct Summary {
    flow::FourTuple<Addr> key;
    std::uint32_t receive_queue_bytes = 0; ///< Received in order, and not taken by the service.
    std::uint32_t send_queue_bytes = 0;    ///< Queued, and not acknowledged by the peer.
    std::uint16_t listener = 0;
    tcp::State state = tcp::State::closed;
    std::uint8_t reserved = 0;
};

/// A connection from the end of its handshake to CLOSED or TIME-WAIT.
template <class Addr>
struct Connection {
    static constexpr auto kind = std::is_same_v<Addr, wire::Ipv4Addr> ? TimerKind::connection_ipv4
                                                                      : TimerKind::connection_ipv6;
    static constexpr std::uint32_t nothing = UINT32_MAX;

    flow::Published<Summary<Addr>> summary; ///< Its key is the connection's.
    std::uint16_t listener = 0;
    bool touched : 1 = false;       ///< Stands in the list of those to flush.
    bool end_delivered : 1 = false; ///< The service knows of the peer's FIN.
    bool opened : 1 = false;        ///< The service knows of the connection.
    bool gone : 1 = false;          ///< Has ended while touched: the slot goes when it is flushed.
    bool active : 1 = false;        ///< Opened by us: its service hears when that fails.
    bool orphan : 1 = false;        ///< Its user is gone, and it is counted among those.
    bool waits : 1 = false;         ///< Stands in the accept queue; the service knows nothing yet.
    EndReason end_reason = EndReason::none;
    std::uint32_t next_touched = nothing;
    std::uint32_t neighbour = nothing;
    tcp::Tcb tcb;
    timer::Node timer{static_cast<std::uint8_t>(kind)};
    alignas(8) std::byte state[service_state_bytes] = {};

    [[nodiscard]] flow::FourTuple<Addr> key() const {
        return summary.template value_of_first<flow::FourTuple<Addr>>();
    }

    /// Lets other threads see how the connection stands now.
    void publish(const flow::FourTuple<Addr>& of) {
        summary.publish({of, tcb.unread.length, tcb.queue.length, listener, tcb.state, 0});
    }
};

/// A connection in SYN-RECEIVED.
template <class Addr>
struct HalfOpenEntry {
    static constexpr auto kind = std::is_same_v<Addr, wire::Ipv4Addr> ? TimerKind::half_open_ipv4
                                                                      : TimerKind::half_open_ipv6;
    flow::Published<flow::FourTuple<Addr>> published_key;
    tcp::HalfOpen tcp;
    std::uint16_t listener = 0;
    tcp::Reuse reopens = tcp::Reuse::none; ///< A TIME-WAIT entry has been set aside for it.
    timer::Node timer{static_cast<std::uint8_t>(kind)};

    [[nodiscard]] flow::FourTuple<Addr> key() const { return published_key.value(); }
};

/// A connection in TIME-WAIT. It has no timer: entries with one duration stand in a queue by age.
template <class Addr>
struct TimeWaitEntry {
    static constexpr std::uint32_t nothing = UINT32_MAX;

    flow::Published<flow::FourTuple<Addr>> published_key;
    tcp::TimeWait tcp;
    std::uint16_t listener = 0;
    std::uint8_t queue = 0;
    bool set_aside = false; ///< A half-open entry has its place, until that has come to an end.
    std::uint32_t older = nothing;
    std::uint32_t younger = nothing;
    Instant expires = never;

    [[nodiscard]] flow::FourTuple<Addr> key() const { return published_key.value(); }
};

// 256 was the aim: four lines. It takes 272 with the 32 bytes of the service.
static_assert(sizeof(Connection<wire::Ipv4Addr>) <= 272);
static_assert(sizeof(HalfOpenEntry<wire::Ipv4Addr>) <= 64, "one cache line");
static_assert(sizeof(HalfOpenEntry<wire::Ipv6Addr>) <= 128, "two cache lines");
static_assert(sizeof(TimeWaitEntry<wire::Ipv4Addr>) <= 64, "one cache line");
static_assert(sizeof(TimeWaitEntry<wire::Ipv6Addr>) <= 128, "two cache lines");

} // namespace millrace::stack
