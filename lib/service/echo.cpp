#include "service/echo.hpp"

namespace millrace::service {

std::uint32_t Echo::receive(stack::Socket& socket, const Slice& text) {
    // After a drain nothing can be sent any more; the peer is only waited for.
    return socket.may_send() ? socket.send(text) : text.length;
}

void Echo::on(stack::Socket& socket, stack::SocketEvent event) {
    switch (event) {
    case stack::SocketEvent::end_of_stream:
        socket.close();
        return;
    case stack::SocketEvent::drain:
        socket.shutdown();
        return;
    case stack::SocketEvent::opened:
    case stack::SocketEvent::writable:
    case stack::SocketEvent::deadline:
    case stack::SocketEvent::closed:
    case stack::SocketEvent::failed:
        return;
    }
}

} // namespace millrace::service
