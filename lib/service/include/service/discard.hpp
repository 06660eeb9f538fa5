#pragma once

#include "service/counters.hpp"
#include "stack/service_concept.hpp"

#include <cstdint>

namespace millrace::service {

/// RFC 863: reads and forgets, and closes when the peer does.
class Discard {
  public:
    /// The counters outlive the service; null: nothing is counted.
    explicit Discard(StreamCounters* counters = nullptr) : counters_{counters} {}

    std::uint32_t receive(stack::Socket& socket, const Slice& text) const;
    void on(stack::Socket& socket, stack::SocketEvent event) const;

  private:
    StreamCounters* counters_;
};

static_assert(stack::Service<Discard>);

} // namespace millrace::service
