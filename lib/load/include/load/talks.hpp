#pragma once

#include "load/talk.hpp"

#include <cstdint>
#include <optional>

/// Conversations in base/pattern.hpp's stream.
namespace millrace::load {

/// Nothing is said: an operation is a handshake.
class Handshake {
  public:
    static constexpr bool completes_when_open = true;
    struct State {};

    [[nodiscard]] static bool has_room(const stack::Socket&) { return true; }
    [[nodiscard]] static std::optional<std::uint32_t> ask(stack::Socket&, State&) { return 0; }
    [[nodiscard]] static Heard hear(State&, const Slice& text) {
        return {.used = text.length, .error = Counter::unasked};
    }
    [[nodiscard]] static bool ends_with_stream(const State&) { return false; }
};

/// What is sent comes back (RFC 862): an operation is `bytes` there and back.
class Echo {
  public:
    struct State {
        std::uint64_t sent;
        std::uint64_t received;
    };

    explicit Echo(std::uint32_t bytes) : bytes_{bytes} {}

    [[nodiscard]] bool has_room(const stack::Socket& socket) const {
        return socket.send_space() >= bytes_;
    }
    [[nodiscard]] std::optional<std::uint32_t> ask(stack::Socket& socket, State& state) const;
    [[nodiscard]] Heard hear(State& state, const Slice& text) const;
    [[nodiscard]] static bool ends_with_stream(const State&) { return false; }

  private:
    std::uint32_t bytes_;
};

/// The server sends all it can: an operation is `bytes` of it.
class StreamReceive {
  public:
    static constexpr bool server_speaks_unasked = true;
    struct State {
        std::uint64_t received;
    };

    StreamReceive(std::uint32_t bytes, bool check) : bytes_{bytes}, check_{check} {}

    [[nodiscard]] static bool has_room(const stack::Socket&) { return true; }
    [[nodiscard]] static std::optional<std::uint32_t> ask(stack::Socket&, State&) { return 0; }
    [[nodiscard]] Heard hear(State& state, const Slice& text) const;
    [[nodiscard]] static bool ends_with_stream(const State&) { return false; }

  private:
    std::uint32_t bytes_;
    bool check_; ///< That it is the stream of base/pattern.hpp.
};

/// We send all we can: an operation is `bytes` of it, acknowledged.
class StreamSend {
  public:
    struct State {
        std::uint64_t sent;
        std::uint64_t acknowledged;
        std::uint64_t counted; ///< Of the acknowledged, what whole operations have.
    };

    explicit StreamSend(std::uint32_t bytes) : bytes_{bytes} {}

    [[nodiscard]] bool has_room(const stack::Socket& socket) const {
        return socket.send_space() >= bytes_;
    }
    [[nodiscard]] std::optional<std::uint32_t> ask(stack::Socket& socket, State& state) const;
    [[nodiscard]] static Heard hear(State&, const Slice& text) { return {.used = text.length}; }
    [[nodiscard]] static bool ends_with_stream(const State&) { return false; }
    [[nodiscard]] static std::uint32_t newly_acknowledged(const stack::Socket& socket,
                                                          State& state);
    [[nodiscard]] bool take_acknowledged(State& state) const;

  private:
    std::uint32_t bytes_;
};

static_assert(Talk<Handshake> && Talk<Echo> && Talk<StreamReceive>);
static_assert(TalksUntilAcknowledged<StreamSend>);

} // namespace millrace::load
