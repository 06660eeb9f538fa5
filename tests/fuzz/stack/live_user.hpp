#pragma once

#include "../../script/link.hpp"
#include "stack/entries.hpp"
#include "stack/service_concept.hpp"
#include "wire/seq_num.hpp"

#include <cstdint>
#include <vector>

namespace millrace::fuzz {

/// What a service does with each of its sockets when it is told to.
enum class Act : std::uint8_t { nothing, write, shutdown, close, abort };

/// A connection between `opened` and `closed`. Every byte of either stream is made from its
/// sequence number, so that one out of place shows wherever it turns up.
struct Live {
    script::Ports ports;
    const tcp::Tcb* tcb = nullptr; ///< Null when it is gone.
    wire::SeqNum next_in;          ///< Of the byte that the service is to get next.
    wire::SeqNum next_out;         ///< Of the byte that it writes next.
};

/// The user of all connections: what it wants is the fuzzer's choice, and what it gets is checked.
struct LiveUser {
    script::Family family = script::Family::ipv4;
    std::vector<Live> connections; ///< Those that have ended stay, without a control block.
    Act act = Act::nothing;
    std::uint32_t write_bytes = 0;
    std::uint32_t appetite = UINT32_MAX; ///< Bytes taken of each slice; the rest comes again.
    bool closes_with_peer = true;
    bool corks = false; ///< What it writes, until it does nothing.
};

/// The service behind every listener.
struct LiveService {
    LiveUser* user = nullptr;

    [[nodiscard]] std::uint32_t receive(stack::Socket& socket, const Slice& text);
    void on(stack::Socket& socket, stack::SocketEvent event);

  private:
    struct State {
        std::uint32_t connection; ///< One more than the index; 0: none.
    };
    [[nodiscard]] Live& live(stack::Socket& socket) const {
        return user->connections[socket.state<State>().connection - 1];
    }
    void opened(stack::Socket& socket) const;
    void acts(stack::Socket& socket) const;
    void write(stack::Socket& socket) const;
};

static_assert(stack::Service<LiveService>);

} // namespace millrace::fuzz
