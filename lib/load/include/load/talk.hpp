#pragma once

#include "load/counters.hpp"
#include "stack/socket.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace millrace::load {

/// What became of some bytes that a server has sent.
struct Heard {
    std::uint32_t used = 0;       ///< Of the text, from the front; at least one.
    bool completed = false;       ///< The oldest operation is done with the last of them.
    bool last = false;            ///< And the server will close.
    std::optional<Counter> error; ///< What was wrong; nothing can follow on this connection.
};

/// What is said on a connection for one operation after another: `State` is what it keeps for a
/// connection, all zeros (as `State{}` has it) when it opens.
template <class T>
concept Talk = requires(T& talk, const T& quiet, typename T::State& state, stack::Socket& socket,
                        const Slice& text) {
    requires std::is_trivially_copyable_v<typename T::State>;
    /// Whether the connection can take what an operation says, now.
    { quiet.has_room(socket) } -> std::same_as<bool>;
    /// Begins an operation: queues what it says. Bytes queued, or nothing when there is no memory.
    { talk.ask(socket, state) } -> std::same_as<std::optional<std::uint32_t>>;
    /// Takes what the server has sent, at most up to the end of one operation. Only with an
    /// operation under way.
    { talk.hear(state, text) } -> std::same_as<Heard>;
    /// The server has sent its FIN: true when that completes the oldest operation.
    { talk.ends_with_stream(state) } -> std::same_as<bool>;
};

/// One whose server speaks unasked (what comes while no operation is under way waits in the
/// receive buffer, and closes the window).
template <class T>
inline constexpr bool speaks_unasked = requires {
    requires T::server_speaks_unasked;
};

/// One whose operations are done when the server has acknowledged what was said.
template <class T>
concept TalksUntilAcknowledged = Talk<T> &&
    requires(T& talk, typename T::State& state, stack::Socket& socket) {
    /// Bytes acknowledged since the last call.
    { talk.newly_acknowledged(socket, state) } -> std::same_as<std::uint32_t>;
    /// Whether the oldest operation is acknowledged; asked once for each that is.
    { talk.take_acknowledged(state) } -> std::same_as<bool>;
};

/// One whose state holds what must be given back.
template <class T>
concept HoldsMemory = Talk<T> && requires(T& talk, typename T::State& state) {
    talk.release(state);
};

/// One whose operation is done when the connection is open.
template <class T>
inline constexpr bool completes_when_open = requires {
    requires T::completes_when_open;
};

} // namespace millrace::load
