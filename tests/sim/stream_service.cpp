#include "stream_service.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace millrace::sim {

std::byte stream_byte(std::uint64_t stream, std::uint64_t n) {
    // One multiplication mixes position and stream well enough that a shift or a repeat shows.
    const std::uint64_t mixed = (n + 1) * 0x9e37'79b9'7f4a'7c15U + stream * 0xc2b2'ae3d'27d4'eb4fU;
    return static_cast<std::byte>(mixed >> 56);
}

void StreamService::send_document(stack::Socket& socket, Stream& stream) {
    if (stream.document.empty()) {
        stream.document.resize(stream.send_bytes);
        for (std::size_t i = 0; i < stream.document.size(); ++i) {
            stream.document[i] = stream_byte(stream.sends, i);
        }
    }
    stream.sent = socket.send({.data = stream.document.data(),
                               .length = static_cast<std::uint32_t>(stream.document.size()),
                               .owner = OwnerKind::store});
}

void StreamService::send_more(stack::Socket& socket, Stream& stream) {
    if (stream.by_slice && stream.sent < stream.send_bytes) {
        send_document(socket, stream);
    }
    std::array<std::byte, 4096> piece;
    while (stream.sent < stream.send_bytes && socket.send_space() > 0) {
        const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(
            {piece.size(), stream.send_bytes - stream.sent, socket.send_space()}));
        for (std::size_t i = 0; i < length; ++i) {
            piece[i] = stream_byte(stream.sends, stream.sent + i);
        }
        const std::uint32_t taken = socket.send_copy(std::span{piece}.first(length));
        stream.sent += taken;
        if (taken == 0) {
            socket.set_deadline(socket.now() + 10ms); // The chunk pool is dry.
            return;
        }
    }
    if (stream.sent == stream.send_bytes && socket.may_send()) {
        socket.shutdown();
    }
}

std::uint32_t StreamService::receive(stack::Socket& socket, const Slice& text) {
    Stream& stream = this->stream(socket);
    if (socket.now() < stream.hungry_at) {
        return 0;
    }
    const std::uint32_t used = std::min(text.length, stream.eats_at_once);
    for (std::uint32_t i = 0; i < used; ++i) {
        stream.wrong =
            stream.wrong || text.data[i] != stream_byte(stream.expects, stream.received + i);
    }
    stream.received += used;
    stream.wrong = stream.wrong || stream.received > stream.expect_bytes;
    if (stream.rests > Duration{}) {
        stream.hungry_at = socket.now() + stream.rests;
        socket.set_deadline(stream.hungry_at);
    }
    return used;
}

void StreamService::on(stack::Socket& socket, stack::SocketEvent event) {
    if (event == stack::SocketEvent::opened || event == stack::SocketEvent::failed) {
        const auto number =
            std::max(socket.origin().local_port, socket.origin().remote_port) - first_port;
        MILLRACE_ASSERT(static_cast<std::size_t>(number) < streams_->size());
        socket.state<State>().stream = static_cast<std::uint32_t>(number) + 1;
    }
    Stream& stream = this->stream(socket);
    switch (event) {
    case stack::SocketEvent::opened:
        stream.opened = true;
        send_more(socket, stream);
        return;
    case stack::SocketEvent::writable:
    case stack::SocketEvent::deadline:
        send_more(socket, stream);
        return;
    case stack::SocketEvent::end_of_stream:
        stream.ended = true;
        send_more(socket, stream);
        return;
    case stack::SocketEvent::closed:
    case stack::SocketEvent::failed:
        stream.unreachable = socket.end_reason() == stack::EndReason::unreachable;
        stream.reset = socket.end_reason() == stack::EndReason::reset;
        stream.closed_at = socket.now();
        return;
    case stack::SocketEvent::drain:
        return;
    }
}

} // namespace millrace::sim
