#pragma once

#include "stack/tcp_host.hpp"

/// Sending: flushing what was touched, timers, the way to the neighbour.
namespace millrace::stack {

template <class Addr, class C>
void TcpHost<Addr, C>::touch(ConnectionType& connection) {
    if (connection.touched) {
        return;
    }
    const std::uint32_t index = connections_.index_of(connection);
    connection.touched = true;
    connection.next_touched = none;
    if (first_touched_ == none) {
        first_touched_ = index;
    } else {
        connections_[last_touched_].next_touched = index;
    }
    last_touched_ = index;
}

/// The node may stand too early, for a deadline that has moved later: then it fires for nothing
/// once.
template <class Addr, class C>
void TcpHost<Addr, C>::schedule(ConnectionType& connection) {
    core_.wheel.bring_forward(connection.timer, connection.tcb.next_deadline());
}

/// In the order in which they were touched. When the port is behind, the rest wait where they
/// stand: with many of them, looking at each in every turn would leave no time to do anything else.
template <class Addr, class C>
void TcpHost<Addr, C>::flush(Instant now) {
    while (first_touched_ != none) {
        ConnectionType& connection = connections_[first_touched_];
        if (!connection.gone && !core_.transmitter.has_room(tcp::Output::capacity)) {
            return;
        }
        first_touched_ = connection.next_touched;
        connection.touched = false;
        if (connection.gone) {
            connections_.release(connections_.index_of(connection));
            continue;
        }
        tcp::Tcb& tcb = connection.tcb;
        if (tcb.user_gone && !connection.orphan && !tcp::has_ended(tcb) &&
            !adopt_orphan(connection, now)) {
            continue;
        }
        bool done = false;
        while (!done && core_.transmitter.has_room(tcp::Output::capacity)) {
            done = tcp::flush(tcb, now, core_.context);
            transmit_output(connection, now);
        }
        if (tcp::has_ended(tcb)) {
            end(connection, now);
            continue;
        }
        schedule(connection);
        connection.publish(connection.key());
        if (!tcb.unread.empty() && tcb.queue.empty() && connection.opened) {
            // The service could not take it for lack of memory: no acknowledgement will wake it.
            core_.wheel.bring_forward(connection.timer, now + offer_again);
        }
        if (!done) {
            touch(connection); // The port is behind: go on when it has caught up.
        }
    }
}

template <class Addr, class C>
void TcpHost<Addr, C>::connection_timer(timer::Node& node, Instant now) {
    constexpr std::size_t offset = offsetof(ConnectionType, timer);
    auto& connection =
        *reinterpret_cast<ConnectionType*>(reinterpret_cast<std::byte*>(&node) - offset);
    if (connection.tcb.next_deadline() > now && connection.tcb.unread.empty()) {
        schedule(connection);
        return;
    }
    const std::uint8_t events = tcp::deadline_passed(connection.tcb, now, core_.context);
    note_end(connection, events);
    if (connection.tcb.retransmits > config_of(connection.listener).retries_1) {
        neighbours_.suspect(connection.neighbour, now); // R1 (RFC 9293 §3.8.3).
    }
    if ((events & tcp::event::user_deadline) != 0) {
        tell(connection, SocketEvent::deadline, now);
    }
    deliver_unread(connection, now);
    settle(connection, now);
}

template <class Addr, class C>
Instant TcpHost<Addr, C>::next_deadline() const {
    Instant nearest = never;
    for (const auto& queue : time_wait_queues_) {
        nearest = std::min(nearest, queue.next_deadline(time_wait_));
    }
    return nearest;
}

template <class Addr, class C>
Path<Addr> TcpHost<Addr, C>::path(const Key& key) const {
    const Interface& interface = core_.settings.interface;
    return {.source_mac = interface.mac,
            .destination_mac = {},
            .source = key.local,
            .destination = key.remote,
            .source_port = key.local_port,
            .destination_port = key.remote_port,
            .hop_limit = interface.hop_limit,
            .dscp = interface.dscp};
}

/// Sends what the engine has put out to a neighbour, or holds it until the neighbour is known.
template <class Addr, class C>
void TcpHost<Addr, C>::send_to_neighbour(const Key& key, std::uint32_t neighbour,
                                         const tcp::Rope* queue, Instant now) {
    Path<Addr> route = path(key);
    const bool known = neighbours_.usable(neighbour, now);
    if (known) {
        route.destination_mac = neighbours_.mac(neighbour);
    }
    std::span<const tcp::OutSegment> rest = core_.output.segments();
    while (!rest.empty()) {
        std::size_t count = core_.transmitter.large_run(rest, core_.buffers, queue);
        Packet packet;
        if (count > 1) {
            packet = core_.transmitter.build_large(route, rest.first(count), core_.buffers, *queue);
        }
        if (!packet) {
            count = 1;
            packet = core_.transmitter.build(route, rest.front(), core_.buffers, queue);
        }
        rest = rest.subspan(count);
        if (packet && known) [[likely]] {
            core_.transmitter.send(packet);
        } else if (packet && !neighbours_.hold(neighbour, packet.handle())) {
            core_.drop(packet, wire::Drop::neighbour_queue_full);
        }
    }
    core_.output.clear();
}

template <class Addr, class C>
void TcpHost<Addr, C>::transmit_output(ConnectionType& connection, Instant now) {
    if (!core_.output.empty()) {
        send_to_neighbour(connection.key(), connection.neighbour, &connection.tcb.queue, now);
    }
}

/// Sends what was put out for an entry that has no neighbour of its own.
template <class Addr, class C>
void TcpHost<Addr, C>::send_routed(const Key& key, Instant now) {
    const std::optional<Addr> next = control_.next_hop(key.remote, now);
    const std::uint32_t neighbour = next ? neighbours_.acquire(*next, now) : Neighbours<Addr>::none;
    if (neighbour == Neighbours<Addr>::none) {
        core_.drops.add(next ? wire::Drop::neighbour_pool_dry : wire::Drop::no_route);
        core_.output.clear();
        return;
    }
    send_to_neighbour(key, neighbour, nullptr, now);
    neighbours_.release(neighbour);
}

/// Sends what was put out for a segment that has no connection back to where it came from.
template <class Addr, class C>
void TcpHost<Addr, C>::answer(const Segment& in) {
    if (core_.output.empty()) {
        return;
    }
    Path<Addr> route = path(in.key);
    route.destination_mac = in.from;
    for (const tcp::OutSegment& segment : core_.output.segments()) {
        if (const Packet packet = core_.transmitter.build(route, segment, core_.buffers, nullptr)) {
            core_.transmitter.send(packet);
        }
    }
    core_.output.clear();
}

template <class Addr, class C>
wire::SeqNum TcpHost<Addr, C>::initial_sequence(const Key& key, Instant now) const {
    return core_.sequences.initial(std::as_bytes(std::span{&key, 1}), now);
}

template <class Addr, class C>
std::uint32_t TcpHost<Addr, C>::timestamp_offset(const Key& key) const {
    const std::array pair{key.local, key.remote};
    return core_.sequences.timestamp_offset(std::as_bytes(std::span{pair}));
}

} // namespace millrace::stack
