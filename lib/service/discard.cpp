#include "service/discard.hpp"

namespace millrace::service {

std::uint32_t Discard::receive(stack::Socket& /*socket*/, const Slice& text) {
    return text.length;
}

void Discard::on(stack::Socket& socket, stack::SocketEvent event) {
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
