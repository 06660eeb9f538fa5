#include "service/source.hpp"

#include "base/pattern.hpp"

namespace millrace::service {

namespace {

/// Queued ahead of what the peer has acknowledged: the windows decide, not this.
constexpr std::uint32_t queued_bytes_max = 16 << 20;

} // namespace

std::uint32_t Source::receive(stack::Socket& /*socket*/, const Slice& text) const {
    count(counters_, StreamCounter::received_bytes, text.length);
    return text.length;
}

void Source::send_more(stack::Socket& socket) const {
    auto& state = socket.state<State>();
    while (state.sent < bytes_ && socket.queued_bytes() < queued_bytes_max) {
        const auto piece = pattern::piece(state.sent, bytes_ - state.sent);
        const std::uint32_t taken =
            socket.send({piece.data(), static_cast<std::uint32_t>(piece.size())});
        state.sent += taken;
        count(counters_, StreamCounter::sent_bytes, taken);
        if (taken == 0) {
            // No memory for it; with nothing queued no acknowledgement would wake us.
            socket.set_deadline(socket.now() + 10ms);
            return;
        }
    }
    const bool closes = then_ == Then::close || state.draining || !socket.may_receive();
    if (state.sent == bytes_ && closes && socket.may_send()) {
        socket.shutdown();
    }
}

void Source::on(stack::Socket& socket, stack::SocketEvent event) const {
    switch (event) {
    case stack::SocketEvent::opened:
        count(counters_, StreamCounter::connections);
        send_more(socket);
        return;
    case stack::SocketEvent::writable:
    case stack::SocketEvent::deadline:
        send_more(socket);
        return;
    case stack::SocketEvent::end_of_stream:
        if (socket.state<State>().sent == bytes_) {
            socket.close();
        }
        return;
    case stack::SocketEvent::drain:
        socket.state<State>().draining = true;
        send_more(socket);
        return;
    case stack::SocketEvent::closed:
    case stack::SocketEvent::failed:
        return;
    }
}

} // namespace millrace::service
