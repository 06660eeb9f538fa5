#include "service/echo.hpp"

namespace millrace::service {

std::uint32_t Echo::receive(stack::Socket& socket, const Slice& text) const {
    // After a drain nothing can be sent any more; the peer is only waited for.
    const bool sends = socket.may_send();
    const std::uint32_t used = sends ? socket.send(text) : text.length;
    count(counters_, StreamCounter::received_bytes, used);
    count(counters_, StreamCounter::sent_bytes, sends ? used : 0);
    return used;
}

void Echo::on(stack::Socket& socket, stack::SocketEvent event) const {
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
