#pragma once

#include "stack/service_concept.hpp"

#include <cstdint>

namespace millrace::service {

/// RFC 862: sends back what it receives, and closes when the peer does.
class Echo {
  public:
    static std::uint32_t receive(stack::Socket& socket, const Slice& text);
    static void on(stack::Socket& socket, stack::SocketEvent event);
};

static_assert(stack::Service<Echo>);

} // namespace millrace::service
