#pragma once

#include "base/slice.hpp"
#include "stack/service_concept.hpp"

#include <cstdint>

namespace millrace::script {

class Sockets;

/// The service behind every listener of a script: it tells the script's sockets.
struct ScriptService {
    Sockets* sockets = nullptr;

    [[nodiscard]] std::uint32_t receive(stack::Socket& socket, const Slice& text);
    void on(stack::Socket& socket, stack::SocketEvent event);
    [[nodiscard]] bool admits();
};

static_assert(stack::Service<ScriptService>);

} // namespace millrace::script
