#pragma once

#include "stack/tcp_host.hpp"

/// How connections grow from one size to the next, and end.
namespace millrace::stack {

/// Makes a half-open entry of a SYN and answers it; `none` when there is no room.
template <class Addr, class C>
std::uint32_t TcpHost<Addr, C>::answer_syn(Segment& in, std::uint16_t listener, wire::SeqNum iss,
                                           Instant now) {
    auto& queue = core_.listeners[listener];
    if (queue.half_open >= queue.options.half_open_max) {
        refuse(in, queue.options.syn_queue_when_full, wire::Drop::tcp_syn_queue_full);
        return none;
    }
    if (queue.waiting > 0 && queue.accept_queue_is_full()) {
        refuse(in, queue.options.accept_queue_when_full, wire::Drop::tcp_accept_queue_full);
        return none;
    }
    const std::uint32_t slot = make_half_open(in, listener);
    if (slot == none) {
        finish(in, wire::Drop::tcp_half_open_pool_dry);
        return none;
    }
    if (!table_.insert(in.hash, Reference{Reference::Kind::half_open, slot}.bits)) {
        half_open_.release(slot);
        --queue.half_open;
        finish(in, wire::Drop::tcp_connection_pool_dry);
        return none;
    }
    ++table_changes_;
    Half& half = half_open_[slot];
    tcp::listen_syn(half.tcp, in.segment, iss, timestamp_offset(in.key), local_end(listener), now,
                    core_.context);
    core_.wheel.schedule(half.timer, now + tcp::retransmit_after(half.tcp, config_of(listener)));
    finish(in, wire::Drop::none);
    return slot;
}

template <class Addr, class C>
std::uint32_t TcpHost<Addr, C>::make_half_open(Segment& in, std::uint16_t listener) {
    const std::uint32_t slot = half_open_.allocate();
    if (slot != none) {
        half_open_[slot].published_key.publish(in.key);
        half_open_[slot].listener = listener;
        half_open_[slot].reopens = tcp::Reuse::none;
        ++core_.listeners[listener].half_open;
    }
    return slot;
}

template <class Addr, class C>
void TcpHost<Addr, C>::remove_half_open(std::uint32_t slot, std::uint64_t hash) {
    Half& half = half_open_[slot];
    if (half.reopens != tcp::Reuse::none) {
        if (const std::uint32_t waiting = find_set_aside(half.key(), hash); waiting != none) {
            time_wait_[waiting].set_aside = false;
            core_.tcp_counters.add(tcp::Counter::time_wait_returned);
        }
    }
    core_.wheel.cancel(half.timer);
    --core_.listeners[half.listener].half_open;
    table_.erase(hash, Reference{Reference::Kind::half_open, slot}.bits);
    ++table_changes_;
    half_open_.release(slot);
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
                tcp::abort(connection.tcb, now, core_.context); // Nothing was begun.
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
    tcp::abort(connection.tcb, now, core_.context);
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
std::uint32_t TcpHost<Addr, C>::make_time_wait() {
    std::uint32_t slot = time_wait_.allocate();
    if (slot != none) {
        return slot;
    }
    TimeWaitQueue<Waiting>* const queue =
        core_.settings.time_wait_when_full == TimeWaitWhenFull::oldest ? queue_of_the_oldest()
                                                                       : nullptr;
    if (queue == nullptr) {
        core_.counters.add(Counter::time_wait_refused);
        return none;
    }
    core_.counters.add(Counter::time_wait_evicted);
    remove_time_wait(queue->oldest());
    return time_wait_.allocate();
}

/// The queue with the entry that has waited longest of all; null when there is no entry.
template <class Addr, class C>
auto TcpHost<Addr, C>::queue_of_the_oldest() -> TimeWaitQueue<Waiting>* {
    const auto since = [this](const auto& queue) { return queue.oldest_since(time_wait_); };
    const auto found = std::ranges::min_element(time_wait_queues_, {}, since);
    return found == time_wait_queues_.end() || found->oldest() == Waiting::nothing ? nullptr
                                                                                   : &*found;
}

template <class Addr, class C>
void TcpHost<Addr, C>::remove_time_wait(std::uint32_t slot) {
    Waiting& waiting = time_wait_[slot];
    time_wait_queues_[waiting.queue].remove(time_wait_, slot);
    core_.time_wait_ports.remove(waiting.key().local_port);
    if (opened_by_us(waiting)) {
        core_.time_wait_opened_ports.remove(waiting.key().local_port);
    }
    table_.erase(table_.hash(waiting.key()), Reference{Reference::Kind::time_wait, slot}.bits);
    ++table_changes_;
    time_wait_.release(slot);
}

template <class Addr, class C>
void TcpHost<Addr, C>::fill_time_wait(std::uint32_t slot, const ConnectionType& connection,
                                      Instant now) {
    const ListenerOptions& options = core_.listeners[connection.listener].options;
    Waiting& waiting = time_wait_[slot];
    waiting.published_key.publish(connection.key());
    waiting.tcp = tcp::time_wait_of(connection.tcb, options.time_wait_policy);
    waiting.listener = connection.listener;
    waiting.queue = options.time_wait_queue;
    waiting.set_aside = false;
    time_wait_queues_[waiting.queue].push(time_wait_, slot, now);
    core_.time_wait_ports.add(waiting.key().local_port);
    if (opened_by_us(waiting)) {
        core_.time_wait_opened_ports.add(waiting.key().local_port);
    }
    core_.tcp_counters.add(tcp::Counter::time_waits);
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
            tcp::abort(connection.tcb, now, core_.context);
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

// What other threads may ask

template <class Addr, class C>
std::optional<Summary<Addr>> TcpHost<Addr, C>::summary_of(Reference reference) const {
    const auto bare = [](const std::optional<Key>& key, tcp::State state) {
        return key ? std::optional{Summary<Addr>{.key = *key, .state = state}} : std::nullopt;
    };
    switch (reference.kind()) {
    case Reference::Kind::connection:
        return connections_[reference.slot()].summary.try_copy();
    case Reference::Kind::half_open:
        return bare(half_open_[reference.slot()].published_key.try_copy(),
                    tcp::State::syn_received);
    case Reference::Kind::time_wait:
        break;
    }
    return bare(time_wait_[reference.slot()].published_key.try_copy(), tcp::State::time_wait);
}

template <class Addr, class C>
template <class Take>
std::optional<std::uint32_t> TcpHost<Addr, C>::walk(std::uint32_t first, std::uint32_t buckets,
                                                    Take&& take) const {
    const std::uint32_t next = table_.copy_each(
        first, buckets, [this](std::uint32_t bits) { return summary_of(Reference{bits}); },
        [&](std::uint32_t, const Summary<Addr>& summary) { take(summary); });
    return next == table_.bucket_count() ? std::nullopt : std::optional{next};
}

} // namespace millrace::stack
