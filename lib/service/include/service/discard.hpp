#pragma once

#include "stack/service_concept.hpp"

#include <cstdint>

namespace millrace::service {

/// RFC 863: reads and forgets, and closes when the peer does.
class Discard {
  public:
    static std::uint32_t receive(stack::Socket& socket, const Slice& text);
    static void on(stack::Socket& socket, stack::SocketEvent event);
};

static_assert(stack::Service<Discard>);

} // namespace millrace::service
