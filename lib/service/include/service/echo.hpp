#pragma once

#include "service/counters.hpp"
#include "stack/service_concept.hpp"

#include <cstdint>

namespace millrace::service {

/// RFC 862: sends back what it receives, and closes when the peer does.
class Echo {
  public:
    /// The counters outlive the service; null: nothing is counted.
    explicit Echo(StreamCounters* counters = nullptr) : counters_{counters} {}

    std::uint32_t receive(stack::Socket& socket, const Slice& text) const;
    void on(stack::Socket& socket, stack::SocketEvent event) const;

  private:
    StreamCounters* counters_;
};

static_assert(stack::Service<Echo>);

} // namespace millrace::service
