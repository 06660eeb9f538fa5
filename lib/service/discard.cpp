#include "service/discard.hpp"

namespace millrace::service {

std::uint32_t Discard::receive(stack::Socket& /*socket*/, const Slice& text) const {
    count(counters_, StreamCounter::received_bytes, text.length);
    return text.length;
}

void Discard::on(stack::Socket& socket, stack::SocketEvent event) const {
    switch (event) {
    case stack::SocketEvent::end_of_stream:
        socket.close();
        return;
    case stack::SocketEvent::drain:
        socket.shutdown();
        return;
    case stack::SocketEvent::opened:
        count(counters_, StreamCounter::connections);
        return;
    case stack::SocketEvent::writable:
    case stack::SocketEvent::deadline:
    case stack::SocketEvent::closed:
    case stack::SocketEvent::failed:
        return;
    }
}

} // namespace millrace::service
