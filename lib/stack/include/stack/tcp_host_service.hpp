#pragma once

#include "stack/tcp_host.hpp"

/// Between a connection and its service.
namespace millrace::stack {

template <class Addr, class C>
Socket TcpHost<Addr, C>::socket(ConnectionType& connection, Instant now) {
    const Key key = connection.key();
    const SocketOrigin origin{connections_.index_of(connection), key.local_port, key.remote_port,
                              core_.listeners[connection.listener].options.linger_zero,
                              connection.end_reason};
    return Socket{connection.tcb, core_.context, connection.state, origin, now};
}

template <class Addr, class C>
void TcpHost<Addr, C>::tell(ConnectionType& connection, SocketEvent event, Instant now) {
    if (connection.tcb.state == tcp::State::closed || connection.tcb.user_gone) {
        return;
    }
    auto& listener = core_.listeners[connection.listener];
    if (event == SocketEvent::opened) {
        connection.opened = true;
        ++listener.connections;
    }
    if (connection.opened) {
        Socket handle = socket(connection, now);
        listener.on(handle, event);
    }
}

/// The last that a service hears, once, of a connection that it was told of or has opened itself.
template <class Addr, class C>
void TcpHost<Addr, C>::tell_end(ConnectionType& connection, Instant now) {
    if (!connection.opened && !connection.active) {
        return;
    }
    const tcp::Tcb& tcb = connection.tcb;
    const bool orderly =
        tcb.state != tcp::State::closed || (tcb.fin_acknowledged && tcb.fin_received);
    if (connection.end_reason == EndReason::none && !(connection.opened && orderly)) {
        connection.end_reason = EndReason::aborted;
    }
    auto& listener = core_.listeners[connection.listener];
    const SocketEvent event = connection.opened ? SocketEvent::closed : SocketEvent::failed;
    listener.connections -= connection.opened ? 1U : 0U;
    connection.opened = connection.active = false;
    Socket handle = socket(connection, now);
    listener.on(handle, event);
}

/// Keeps why a connection ends until its service is told.
template <class Addr, class C>
void TcpHost<Addr, C>::note_end(ConnectionType& connection, std::uint8_t events) {
    if ((events & tcp::event::refused) != 0) {
        connection.end_reason = EndReason::refused;
    } else if ((events & tcp::event::reset) != 0) {
        connection.end_reason = EndReason::reset;
    } else if ((events & tcp::event::timed_out) != 0) {
        connection.end_reason = EndReason::timed_out;
    }
}

template <class Addr, class C>
template <class F>
bool TcpHost<Addr, C>::with_socket(const Key& key, Instant now, F&& f) {
    const Reference found = find(key, table_.hash(key));
    if (found.is_none() || found.kind() != Reference::Kind::connection) {
        return false;
    }
    ConnectionType& connection = connections_[found.slot()];
    if (connection.waits) {
        return false; // No service knows of it.
    }
    Socket handle = socket(connection, now);
    std::forward<F>(f)(handle);
    deliver_unread(connection, now);
    settle(connection, now);
    return true;
}

template <class Addr, class C>
void TcpHost<Addr, C>::retain(const Slice& slice, std::uint32_t references) {
    const Packet packet = Packet::from_handle(slice.handle);
    for (std::uint32_t i = 0; i < references; ++i) {
        core_.nic.retain(packet);
    }
}

/// Offers the segment's text to the service where it lies; keeps what the service leaves. The
/// packet is the connection's or nobody's afterwards.
template <class Addr, class C>
void TcpHost<Addr, C>::deliver(ConnectionType& connection, Segment& in, tcp::Arrival& arrival,
                               Instant now) {
    std::uint32_t references = 0;
    if (arrival.has_text()) {
        std::uint32_t used = 0;
        if (arrival.text.length > 0 && connection.opened && connection.tcb.unread.empty() &&
            !connection.tcb.user_gone) {
            Socket handle = socket(connection, now);
            used = core_.listeners[connection.listener].receive(handle, arrival.text);
            references += handle.packet_references();
        }
        tcp::take_text(connection.tcb, arrival, used, core_.context);
    }
    references += arrival.references;
    if (references == 0) {
        core_.nic.release(in.packet);
        return;
    }
    // The one we hold becomes the first of them.
    for (std::uint32_t i = 1; i < references; ++i) {
        core_.nic.retain(in.packet);
    }
}

template <class Addr, class C>
void TcpHost<Addr, C>::deliver_unread(ConnectionType& connection, Instant now) {
    tcp::Tcb& tcb = connection.tcb;
    if (!connection.opened) {
        return;
    }
    while (!tcb.unread.empty() && tcb.state != tcp::State::closed && !tcb.user_gone) {
        const Slice slice = tcp::unread(tcb, core_.context);
        Socket handle = socket(connection, now);
        const std::uint32_t used = core_.listeners[connection.listener].receive(handle, slice);
        if (slice.owner == OwnerKind::packet) {
            retain(slice, handle.packet_references());
        }
        tcp::consume(tcb, used, core_.context);
        if (used < slice.length) {
            break;
        }
    }
    if (tcp::has_received_fin(tcb.state) && tcb.unread.empty() && !connection.end_delivered) {
        connection.end_delivered = true;
        tell(connection, SocketEvent::end_of_stream, now);
    }
}

} // namespace millrace::stack
