#pragma once

#include "base/slice.hpp"
#include "stack/socket.hpp"

#include <concepts>
#include <cstdint>

namespace millrace::stack {

/// What a service hears of a connection beside its data.
enum class SocketEvent : std::uint8_t {
    opened,        ///< The handshake is complete.
    writable,      ///< The peer has acknowledged data, so there may be room to send more.
    end_of_stream, ///< The peer has sent its FIN and all its data was used.
    deadline,      ///< The deadline that was set has come.
    drain,         ///< The server is about to stop: close as soon as what was begun is done.
    closed,        ///< The connection is gone; the last call. Nothing can be sent.
    failed,        ///< A connection that we were opening did not come about; the only call.
};

/// What a connection is for, whoever opened it. A service keeps its state for a connection in
/// `Socket::state`, and what all its connections on one worker share in itself. It is called by one
/// worker only, never waits, and never allocates. One that cannot serve any number of connections
/// has `bool admits()` too: whether it would take one more now. It is asked when a handshake that
/// the peer began is complete, and at the end of each turn of the worker while connections wait for
/// it in the accept queue.
template <class S>
concept Service = requires(S& service, Socket& socket, const Slice& text, SocketEvent event) {
    /// Data in order, in place. Says how many bytes, from the front, it is done with; the rest is
    /// kept for it and offered again after the next event.
    { service.receive(socket, text) } -> std::same_as<std::uint32_t>;
    service.on(socket, event);
};

/// Whether a service would take one more connection now.
template <class S>
[[nodiscard]] bool admits(S& service) {
    if constexpr (requires { service.admits(); }) {
        return service.admits();
    } else {
        return true;
    }
}

/// A service that opens connections. It is asked in each turn of its worker, after the turn's
/// events, and may connect and act on its connections through `opener` (stack/opener.hpp). It says
/// until when it need not be asked if nothing else happens.
template <class S, class Opener>
concept OpeningService = Service<S> && requires(S& service, Opener& opener) {
    { service.on_turn(opener) } -> std::same_as<Instant>;
};

} // namespace millrace::stack
