#pragma once

#include "service/counters.hpp"
#include "stack/service_concept.hpp"

#include <cstdint>

namespace millrace::service {

/// Sends a number of bytes of base/pattern.hpp's stream to everyone who connects, then closes or
/// holds the connection. What it receives is forgotten.
class Source {
  public:
    enum class Then : std::uint8_t { close, hold };

    /// The counters outlive the service; null: nothing is counted.
    Source(std::uint64_t bytes, Then then, StreamCounters* counters = nullptr)
        : bytes_{bytes}, then_{then}, counters_{counters} {}

    std::uint32_t receive(stack::Socket& socket, const Slice& text) const;
    void on(stack::Socket& socket, stack::SocketEvent event) const;

  private:
    struct State {
        std::uint64_t sent; ///< Queued so far.
        bool draining;      ///< Close when everything is sent, whatever `then` says.
    };

    void send_more(stack::Socket& socket) const;

    std::uint64_t bytes_;
    Then then_;
    StreamCounters* counters_;
};

static_assert(stack::Service<Source>);

} // namespace millrace::service
