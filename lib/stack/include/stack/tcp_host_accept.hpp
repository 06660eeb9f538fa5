#pragma once

#include "stack/tcp_host.hpp"

/// From an established connection to its service: at once, or by way of the accept queue.
namespace millrace::stack {

/// The service hears of an established connection.
template <class Addr, class C>
void TcpHost<Addr, C>::accept(ConnectionType& connection, Instant now) {
    tell(connection, SocketEvent::opened, now);
    if (core_.draining) {
        tell(connection, SocketEvent::drain, now); // The others have heard of it before.
    }
}

template <class Addr, class C>
void TcpHost<Addr, C>::wait_for_service(ConnectionType& connection) {
    accept_queue(connection.listener).push(connections_, connections_.index_of(connection));
    ++core_.listeners[connection.listener].waiting;
    ++core_.listeners.waiting;
    connection.waits = true;
}

template <class Addr, class C>
void TcpHost<Addr, C>::leave_accept_queue(ConnectionType& connection) {
    accept_queue(connection.listener).remove(connections_, connections_.index_of(connection));
    --core_.listeners[connection.listener].waiting;
    --core_.listeners.waiting;
    connection.waits = false;
    std::memset(connection.state, 0, sizeof connection.state);
}

template <class Addr, class C>
bool TcpHost<Addr, C>::accept_waiting(Instant now) {
    bool any = false;
    for (std::uint16_t i = 0; i < core_.listeners.size() && core_.listeners.waiting > 0; ++i) {
        const AcceptQueue& queue = accept_queue(i);
        while (queue.oldest() != AcceptQueue::none &&
               (core_.draining || core_.listeners[i].admits())) {
            ConnectionType& connection = connections_[queue.oldest()];
            leave_accept_queue(connection);
            if (core_.draining) {
                tcp::abort(connection.tcb, core_.context); // Nothing was begun.
            } else {
                accept(connection, now);
                deliver_unread(connection, now);
            }
            settle(connection, now);
            any = true;
        }
    }
    return any;
}

} // namespace millrace::stack
