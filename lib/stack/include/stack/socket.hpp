#pragma once

#include "base/assert.hpp"
#include "base/slice.hpp"
#include "base/time.hpp"
#include "tcp/engine.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>

namespace millrace::stack {

/// Bytes a service may keep for each connection. They are zero when the connection opens, or what
/// the service wanted that opened it.
inline constexpr std::size_t service_state_bytes = 32;

using ServiceState = std::array<std::byte, service_state_bytes>;

/// Why a connection has ended, or did not come about.
enum class EndReason : std::uint8_t {
    none,        ///< It has not; or as both sides wanted.
    refused,     ///< By the peer's reset, before it was open.
    reset,       ///< By the peer, later.
    timed_out,   ///< The peer has not answered in time.
    unreachable, ///< The network has no way to the peer, before it was open.
    aborted,     ///< By our own reset.
};

/// What a socket is told of its connection beside the Tcb.
struct SocketOrigin {
    std::uint32_t number =
        0; ///< Of the connection, among those open on this worker and its family.
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    bool closes_by_reset = false; ///< Linger is zero (RFC 9293 §3.10.5 in place of §3.10.4).
    EndReason end_reason = EndReason::none;
};

/// One connection, as its service sees it for the length of one call. Not kept by the service.
class Socket {
  public:
    Socket(tcp::Tcb& tcb, tcp::Context& context, std::byte* state, const SocketOrigin& origin,
           Instant now)
        : tcb_{tcb}, context_{context}, state_{state}, origin_{origin}, now_{now} {}

    /// The service's own bytes.
    template <class T>
    [[nodiscard]] T& state() {
        static_assert(sizeof(T) <= service_state_bytes && std::is_trivially_copyable_v<T> &&
                      alignof(T) <= 8);
        return *std::launder(reinterpret_cast<T*>(state_));
    }

    [[nodiscard]] const SocketOrigin& origin() const { return origin_; }
    [[nodiscard]] Instant now() const { return now_; }

    /// Bytes that the connection may queue now.
    [[nodiscard]] std::uint32_t send_space() const { return tcp::send_space(tcb_, context_); }

    /// Bytes that `send_copy` would take now: the worker's memory may be shorter than the
    /// connection's.
    [[nodiscard]] std::uint32_t copy_space() const {
        return std::min(send_space(), context_.buffers.copy_room(tcb_.queue));
    }

    /// Bytes queued and not yet acknowledged by the peer.
    [[nodiscard]] std::uint32_t queued_bytes() const { return tcb_.queue.length; }

    /// Queues a slice without copying where that can be done: of the text being received, or of
    /// bytes that outlive the connection. Says how many of its bytes were taken, from the front.
    [[nodiscard]] std::uint32_t send(const Slice& slice);

    /// Queues a copy; says how many bytes were taken, from the front.
    [[nodiscard]] std::uint32_t send_copy(std::span<const std::byte> bytes) {
        return tcp::send_copy(tcb_, bytes, context_);
    }

    /// Keeps back a segment that is not full until `uncork`, a FIN, or `tcp::cork_time` without
    /// anything in flight: for who queues a message in pieces. As Linux's TCP_CORK.
    void cork() { tcb_.corked = true; }

    /// What was kept back goes as Nagle's algorithm lets it.
    void uncork() { tcb_.corked = false; }

    /// A FIN after what is queued; what the peer sends still reaches the service.
    void shutdown() { tcp::shutdown(tcb_); }

    /// A FIN after what is queued; the service hears no more but `closed`. With linger zero, or
    /// with data that the service has left, it is a reset.
    void close() {
        if (origin_.closes_by_reset) {
            abort();
        } else {
            static_cast<void>(tcp::close(tcb_, now_, context_));
        }
    }

    /// A reset, now.
    void abort() { tcp::abort(tcb_, context_); }

    /// Asks for one `deadline` event at `when`; replaces an earlier wish, `never` takes it back.
    void set_deadline(Instant when) {
        if (!tcb_.user_gone) { // Else the deadline is the engine's.
            tcb_.user_deadline = when;
        }
    }

    /// With `closed` and `failed`: why.
    [[nodiscard]] EndReason end_reason() const { return origin_.end_reason; }

    /// True when the service may still queue data.
    [[nodiscard]] bool may_send() const { return !tcb_.fin_queued && tcp::may_send(tcb_.state); }

    /// True when the peer may still send data.
    [[nodiscard]] bool may_receive() const { return tcp::may_receive(tcb_.state); }

    /// Uses of the received packet's memory that `send` has made; the pipeline accounts for them.
    [[nodiscard]] std::uint32_t packet_references() const { return packet_references_; }

  private:
    tcp::Tcb& tcb_;
    tcp::Context& context_;
    std::byte* state_;
    SocketOrigin origin_;
    std::uint32_t packet_references_ = 0;
    Instant now_;
};

} // namespace millrace::stack
