#pragma once

#include "link.hpp"
#include "script_service.hpp"
#include "settings.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::script {

/// A segment that the stack has sent, and when.
struct Sent {
    Instant at;
    Packet packet;
};

/// One worker on a port in memory, in virtual time.
class Host {
  public:
    using Worker = stack::Worker<support::MemoryNic, ScriptService>;

    Host(Family family, const Settings& settings, Sockets& sockets);

    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    [[nodiscard]] Instant now() const { return now_; }

    [[nodiscard]] Family family() const { return family_; }

    /// The peer, or a router, sends.
    void arrives(const support::Frame& frame);

    /// Goes on to the next thing that is due, or to `limit` when nothing is before it.
    void step(Instant limit);

    /// Calls `f` with a connection's socket, and offers its service what is unread; false when
    /// there is no such connection.
    bool with_socket(const Ports& ports, const std::function<void(stack::Socket&)>& f);

    /// The connection's control block, named by its service's bytes.
    [[nodiscard]] tcp::Tcb& tcb(std::byte* service_state) const;

    /// Opens or listens for a script's socket.
    [[nodiscard]] stack::ConnectResult connect(const Ports& ports, bool no_delay);
    void listen(const stack::ListenerOptions& options);

    /// The state that the connection table shows, or CLOSED.
    [[nodiscard]] tcp::State state(const Ports& ports) const;

    /// The worker's numbers by name: a gauge, or tcp.NAME, drop.NAME, stack.NAME,
    /// control.NAME for counters.
    [[nodiscard]] std::optional<std::uint64_t> counter(std::string_view name);

    /// Ends everything. Empty, or which pool has not got everything back.
    [[nodiscard]] std::string leaks();

    std::deque<Sent> sent;

  private:
    template <class F>
    decltype(auto) with_family(F&& f) const;

    void poll();

    Family family_;
    Sockets& sockets_;
    Instant now_;
    support::MemoryNic nic_;
    Worker worker_;
    std::uint16_t opens_ = 0;          ///< The listener that connections we open belong to.
    std::uint16_t opens_no_delay_ = 0; ///< The same without Nagle's algorithm.
};

} // namespace millrace::script
