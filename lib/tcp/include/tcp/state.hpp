#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::tcp {

/// The states of RFC 9293 §3.3.2, figure 5, and the ways between them:
///
///                  active open, send SYN
///      CLOSED ───────────────────────────> SYN-SENT
///                                            │   │ SYN: send SYN,ACK
///      LISTEN ── SYN: send SYN,ACK ──┐       │   v
///                                    ├──> SYN-RECEIVED
///                                    │       │
///                    ACK of our SYN  v       v  SYN,ACK: send ACK
///                   close       ESTABLISHED      FIN
///                  ┌─────────────────┴─────────────────┐
///                  v                                   v
///              FIN-WAIT-1 ──── FIN ───> CLOSING    CLOSE-WAIT
///        ACK of FIN│                       │           │ close
///                  v             ACK of FIN│           v
///              FIN-WAIT-2                  │        LAST-ACK
///                  │ FIN                   │           │ ACK of FIN
///                  v                       │           v
///              TIME-WAIT <─────────────────┘         CLOSED
///
/// LISTEN is a listener's, SYN-RECEIVED after a passive open a `HalfOpen`'s and TIME-WAIT a
/// `TimeWait`'s; a full `Tcb` passes through all the others, and through SYN-RECEIVED in a
/// simultaneous open. The three functions below say what either
/// end's FIN, and its acknowledgement, make of a state.
enum class State : std::uint8_t {
    closed,
    listen,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};

/// The RFC's name: "FIN-WAIT-1".
[[nodiscard]] std::string_view name(State state);

/// The state after the user has closed its sending side and everything queued is followed by a FIN.
/// A handshake is ended first; `complete_open` asks again then.
[[nodiscard]] State after_close(State state);

/// The state after the peer's FIN has been received in order.
[[nodiscard]] State after_fin_received(State state);

/// The state after the peer has acknowledged our FIN.
[[nodiscard]] State after_fin_acknowledged(State state);

/// True in the states in which the peer may still send data: those before its FIN.
[[nodiscard]] constexpr bool may_receive(State state) {
    return state == State::established || state == State::fin_wait_1 || state == State::fin_wait_2;
}

/// True in the states in which the peer's FIN has come, and so all its data.
[[nodiscard]] constexpr bool has_received_fin(State state) {
    return state == State::close_wait || state == State::closing || state == State::last_ack ||
           state == State::time_wait;
}

/// True in the states in which the user may still queue data.
[[nodiscard]] constexpr bool may_send(State state) {
    return state == State::established || state == State::close_wait;
}

} // namespace millrace::tcp
