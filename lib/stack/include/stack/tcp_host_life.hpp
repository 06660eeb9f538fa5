#pragma once

#include "stack/tcp_host.hpp"

/// How connections grow from one size to the next, and end.
namespace millrace::stack {

template <class Addr, class C>
TcpHost<Addr, C>::TcpHost(C& core, Neighbours<Addr>& neighbours, const Control& control)
    : core_{core}, neighbours_{neighbours}, control_{control},
      table_{core.settings.connections_max + core.settings.half_open_max +
                 core.settings.time_wait_max,
             flow::HashKey{core.settings.hash_key}, *core.settings.memory},
      connections_{core.settings.connections_max, *core.settings.memory},
      half_open_{core.settings.half_open_max, *core.settings.memory},
      time_wait_{core.settings.time_wait_max, *core.settings.memory},
      ephemeral_ports_{core.settings.hash_key, core.settings.ephemeral_ports},
      path_mtus_{core.settings.path_mtus_max, core.settings.sequence_key} {
    for (const Duration wait : core.settings.time_wait_durations) {
        time_wait_queues_.emplace_back(wait);
    }
}

/// A connection with nothing in its Tcb and no place in the table yet.
template <class Addr, class C>
std::uint32_t TcpHost<Addr, C>::make_connection(const Key& key, std::uint16_t listener,
                                                Instant now) {
    const std::optional<Addr> next = control_.next_hop(key.remote, now);
    if (!next) {
        core_.drops.add(wire::Drop::no_route);
        return none;
    }
    const std::uint32_t neighbour = neighbours_.acquire(*next, now);
    if (neighbour == Neighbours<Addr>::none) {
        core_.drops.add(wire::Drop::neighbour_pool_dry);
        return none;
    }
    const std::uint32_t slot = connections_.allocate();
    if (slot == none) {
        neighbours_.release(neighbour);
        core_.drops.add(wire::Drop::tcp_connection_pool_dry);
        return none;
    }
    ConnectionType& connection = connections_[slot];
    connection.listener = listener;
    connection.neighbour = neighbour;
    connection.touched = connection.end_delivered = connection.opened = connection.gone = false;
    connection.active = connection.orphan = false;
    connection.end_reason = EndReason::none;
    connection.waits = false;
    std::memset(connection.state, 0, sizeof connection.state);
    connection.publish(key);
    return slot;
}

template <class Addr, class C>
void TcpHost<Addr, C>::establish(Segment& in, Instant now) {
    const std::uint32_t half_slot = in.reference.slot();
    Half& half = half_open_[half_slot];
    auto& listener = core_.listeners[half.listener];
    const bool admitted = listener.waiting == 0 && listener.admits();
    if (!admitted && listener.accept_queue_is_full()) {
        const WhenQueueFull how = listener.options.accept_queue_when_full;
        if (how == WhenQueueFull::reset) {
            remove_half_open(half_slot, in.hash);
        } // else the SYN,ACK is sent again, and its ACK may find a place.
        refuse(in, how, wire::Drop::tcp_accept_queue_full);
        return;
    }
    const std::uint32_t slot = make_connection(in.key, half.listener, now);
    if (slot == none) {
        core_.nic.release(in.packet); // The peer repeats itself; counted where it went wrong.
        return;
    }
    ConnectionType& connection = connections_[slot];
    const ListenerOptions& options = listener.options;
    tcp::Handshake handshake = half.tcp.handshake();
    handshake.config = options.tcp;
    handshake.snd_mss = std::min(handshake.snd_mss, path_mss(in.key.remote, now));
    tcp::establish(connection.tcb, handshake, in.segment, now, core_.context);
    connection.tcb.no_delay = options.no_delay;
    if (half.reopens != tcp::Reuse::none) {
        core_.tcp_counters.add(half.reopens == tcp::Reuse::by_sequence
                                   ? tcp::Counter::time_wait_reused_by_sequence
                                   : tcp::Counter::time_wait_reused_by_timestamp);
        if (const std::uint32_t waiting = find_set_aside(in.key, in.hash); waiting != none) {
            remove_time_wait(waiting);
        }
    }
    core_.wheel.cancel(half.timer);
    --listener.half_open;
    half_open_.release(half_slot);
    table_.replace(in.hash, in.reference.bits, Reference{Reference::Kind::connection, slot}.bits);
    ++table_changes_;
    if (admitted) {
        accept(connection, now);
    } else {
        wait_for_service(connection);
    }
    if (connection.tcb.state == tcp::State::closed) {
        settle(connection, now);
        core_.nic.release(in.packet);
        return;
    }
    arrives_at_connection(connection, in, now);
}

/// After anything that may have changed a connection's state: sends what was put out, and lets the
/// connection go when it is CLOSED, or marks it to be flushed.
template <class Addr, class C>
void TcpHost<Addr, C>::settle(ConnectionType& connection, Instant now) {
    transmit_output(connection, now);
    if (connection.tcb.state == tcp::State::closed) {
        end(connection, now);
    } else {
        touch(connection);
    }
}

/// The end of a connection, or its beginning in TIME-WAIT.
template <class Addr, class C>
void TcpHost<Addr, C>::end(ConnectionType& connection, Instant now) {
    tell_end(connection, now);
    if (connection.orphan) {
        --core_.orphans;
    }
    if (connection.waits) {
        leave_accept_queue(connection);
    }
    const std::uint64_t hash = table_.hash(connection.key());
    const std::uint32_t from =
        Reference{Reference::Kind::connection, connections_.index_of(connection)}.bits;
    const bool waits = connection.tcb.state == tcp::State::time_wait;
    const std::uint32_t slot = waits ? make_time_wait() : none;
    if (slot != none) {
        fill_time_wait(slot, connection, now);
        table_.replace(hash, from, Reference{Reference::Kind::time_wait, slot}.bits);
    } else {
        table_.erase(hash, from);
    }
    ++table_changes_;
    free_connection(connection);
}

/// The user of a connection has left it. False when there were too many such already, and it has
/// ended.
template <class Addr, class C>
bool TcpHost<Addr, C>::adopt_orphan(ConnectionType& connection, Instant now) {
    connection.orphan = true;
    if (++core_.orphans <= core_.settings.orphans_max) {
        return true;
    }
    core_.counters.add(Counter::orphans_reset);
    tcp::abort(connection.tcb, core_.context);
    transmit_output(connection, now);
    end(connection, now);
    return false;
}

/// Gives back all that a connection holds, and its slot. It is no longer in the table.
template <class Addr, class C>
void TcpHost<Addr, C>::free_connection(ConnectionType& connection) {
    core_.wheel.cancel(connection.timer);
    tcp::release(connection.tcb, core_.context);
    neighbours_.release(connection.neighbour);
    connection.gone = connection.touched;
    if (!connection.touched) {
        connections_.release(connections_.index_of(connection));
    } // else flush() finds it in its list, and releases the slot then.
}

template <class Addr, class C>
void TcpHost<Addr, C>::drain(Instant now) {
    table_.for_each([&](std::uint32_t bits) {
        const Reference reference{bits};
        if (reference.kind() == Reference::Kind::connection) {
            ConnectionType& connection = connections_[reference.slot()];
            tell(connection, SocketEvent::drain, now);
            settle(connection, now);
        }
    });
}

template <class Addr, class C>
void TcpHost<Addr, C>::abort_all(Instant now) {
    std::vector<Reference> all;
    table_.for_each([&](std::uint32_t bits) { all.emplace_back(bits); });
    for (const Reference reference : all) {
        switch (reference.kind()) {
        case Reference::Kind::connection: {
            ConnectionType& connection = connections_[reference.slot()];
            tcp::abort(connection.tcb, core_.context);
            settle(connection, now);
            break;
        }
        case Reference::Kind::half_open:
            remove_half_open(reference.slot(), table_.hash(key_of(reference)));
            break;
        case Reference::Kind::time_wait:
            remove_time_wait(reference.slot());
            break;
        }
    }
}

} // namespace millrace::stack
