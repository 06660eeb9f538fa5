#include "live_user.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <cstddef>

namespace millrace::fuzz {

namespace {

/// A service sees no more of its connection than its own bytes; the connection lies around them.
template <class Addr>
const tcp::Tcb& tcb_around(const void* service_state) {
    using Connection = stack::Connection<Addr>;
    const auto* const bytes = static_cast<const std::byte*>(service_state);
    return reinterpret_cast<const Connection*>(bytes - offsetof(Connection, state))->tcb;
}

} // namespace

void LiveService::opened(stack::Socket& socket) const {
    auto& state = socket.state<State>();
    MILLRACE_ASSERT(state.connection == 0);
    const tcp::Tcb& tcb = user->family == script::Family::ipv4 ? tcb_around<wire::Ipv4Addr>(&state)
                                                               : tcb_around<wire::Ipv6Addr>(&state);
    user->connections.push_back({{socket.origin().local_port, socket.origin().remote_port},
                                 &tcb,
                                 tcb.rcv.nxt,
                                 tcb.snd.una});
    state.connection = static_cast<std::uint32_t>(user->connections.size());
}

std::uint32_t LiveService::receive(stack::Socket& socket, const Slice& text) {
    Live& connection = live(socket);
    const std::uint32_t used = std::min(text.length, user->appetite);
    for (std::uint32_t i = 0; i < text.length; ++i) {
        const auto expected = script::text_at((connection.next_in + i).value());
        MILLRACE_ASSERT(text.data[i] == expected);
    }
    connection.next_in += used;
    return used;
}

void LiveService::write(stack::Socket& socket) const {
    Live& connection = live(socket);
    if (user->corks) {
        socket.cork();
    }
    std::vector<std::byte> bytes(user->write_bytes);
    for (std::uint32_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = script::text_at((connection.next_out + i).value());
    }
    connection.next_out += socket.send_copy(bytes);
}

void LiveService::acts(stack::Socket& socket) const {
    switch (user->act) {
    case Act::nothing:
        socket.uncork();
        return;
    case Act::write:
        write(socket);
        return;
    case Act::shutdown:
        socket.shutdown();
        return;
    case Act::close:
        socket.close();
        return;
    case Act::abort:
        socket.abort();
        return;
    }
}

void LiveService::on(stack::Socket& socket, stack::SocketEvent event) {
    if (event == stack::SocketEvent::opened) {
        opened(socket);
    } else if (socket.state<State>().connection == 0) {
        return; // It was never open.
    } else if (event == stack::SocketEvent::drain) {
        acts(socket);
    } else if (event == stack::SocketEvent::end_of_stream && user->closes_with_peer) {
        socket.close();
    } else if (event == stack::SocketEvent::closed) {
        live(socket).tcb = nullptr;
    }
}

} // namespace millrace::fuzz
