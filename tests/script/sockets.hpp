#pragma once

#include "conversations.hpp"
#include "script.hpp"
#include "settings.hpp"
#include "stack/service_concept.hpp"
#include "wire/seq_num.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::script {

class Host;

/// What a call returned; or that it would still wait.
struct Outcome {
    std::int64_t value = 0;
    std::string error;
    bool waits = false;

    static Outcome failed(std::string error) { return {-1, std::move(error), false}; }
    static Outcome waiting() { return {0, {}, true}; }
};

/// The socket calls of a script, on the stack's own service interface: what a service hears is kept
/// until a call asks for it, and what a call wants is done when the service may act.
class Sockets {
  public:
    Sockets(const Settings& settings, Conversations& conversations)
        : listener_{settings.listener}, accept_when_called_{settings.accept_when_called},
          conversations_{conversations} {}

    void attach(Host& host) { host_ = &host; }

    /// Makes a call at this instant. With `again` it is one that had to wait before. Throws
    /// `Failure` for one that is not known.
    [[nodiscard]] Outcome call(const Call& call, unsigned line, bool again);

    /// The control block of a connection past its handshake, if there is one.
    [[nodiscard]] const tcp::Tcb* tcb(const Ports& ports) const;

    // The service's side
    [[nodiscard]] std::uint32_t receive(stack::Socket& socket, const Slice& text);
    void on(stack::Socket& socket, stack::SocketEvent event);
    [[nodiscard]] bool admits() const { return !accept_when_called_ || accepting_; }

  private:
    enum class Phase : std::uint8_t { fresh, listening, connecting, open, ended };

    struct Endpoint {
        int descriptor = -1; ///< None before accept() and after close().
        Phase phase = Phase::fresh;
        bool nonblocking = false;
        bool no_delay = false;
        bool linger_zero = false;
        bool end_of_stream = false;
        bool sending_ended = false;
        std::string error; ///< For the next call to hear of.
        Ports ports;
        std::optional<std::uint16_t> bound;
        std::byte* service_state = nullptr;
        wire::SeqNum read_at;     ///< Of the next byte to be read.
        wire::SeqNum write_at;    ///< Of the next byte to be queued.
        std::uint32_t wanted = 0; ///< Bytes, by the read() that is under way.
    };

    [[nodiscard]] Endpoint& endpoint(const Call& call, unsigned line);
    [[nodiscard]] Endpoint* connection(const stack::Socket& socket);
    [[nodiscard]] int free_descriptor() const;
    void act(const Endpoint& endpoint, const std::function<void(stack::Socket&)>& what);
    void opened(stack::Socket& socket);
    static void ended(Endpoint& endpoint, stack::EndReason reason);

    // One call each
    [[nodiscard]] Outcome make_socket();
    [[nodiscard]] Outcome listen(Endpoint& endpoint);
    [[nodiscard]] Outcome accept(Endpoint& listener);
    [[nodiscard]] Outcome connect(Endpoint& endpoint, bool again);
    [[nodiscard]] Outcome read(Endpoint& endpoint, std::uint32_t count);
    [[nodiscard]] Outcome write(Endpoint& endpoint, std::uint32_t count);
    [[nodiscard]] Outcome shutdown(Endpoint& endpoint);
    [[nodiscard]] Outcome close(Endpoint& endpoint, unsigned line);
    [[nodiscard]] Outcome set_option(Endpoint& endpoint, const Call& call, unsigned line);
    [[nodiscard]] Outcome get_option(Endpoint& endpoint, const Call& call, unsigned line);

    stack::ListenerOptions listener_;
    bool accept_when_called_;
    bool accepting_ = false; ///< An accept() is under way that takes what comes.
    Conversations& conversations_;
    Host* host_ = nullptr;
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
    std::deque<Endpoint*> accept_queue_;
};

} // namespace millrace::script
