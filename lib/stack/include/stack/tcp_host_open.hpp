#pragma once

#include "stack/tcp_host.hpp"

/// Active opens: from where, and from which port.
namespace millrace::stack {

template <class Addr, class C>
Connecting<Addr> TcpHost<Addr, C>::connect(Key key, std::uint16_t service, Instant now,
                                           const ServiceState& state) {
    if (core_.draining) {
        return {ConnectResult::draining, key};
    }
    if (!core_.transmitter.has_room(tcp::Output::capacity)) {
        return {ConnectResult::busy, key};
    }
    if (const ConnectResult result = choose_address(key); result != ConnectResult::opening) {
        return {result, key};
    }
    if (const ConnectResult result = choose_port(key, service, now);
        result != ConnectResult::opening) {
        return {result, key};
    }
    return {open(key, service, now, state), key};
}

/// Gives the connection a local address when it has none, or looks at the one it has.
template <class Addr, class C>
ConnectResult TcpHost<Addr, C>::choose_address(Key& key) const {
    const Interface& interface = core_.settings.interface;
    if (key.local.is_unspecified()) {
        const std::optional<Addr> source = source_for(interface, key.remote);
        if (!source) {
            return ConnectResult::no_address;
        }
        key.local = *source;
    }
    const bool usable = interface.owns(key.local) && control_.may_use(key.local);
    return usable ? ConnectResult::opening : ConnectResult::no_address;
}

/// Gives the connection a local port when it has none, or looks at the one it has.
template <class Addr, class C>
ConnectResult TcpHost<Addr, C>::choose_port(Key& key, std::uint16_t service, Instant now) {
    const auto is_free = [&](const Key& candidate) {
        const Reference found = find(candidate, table_.hash(candidate));
        return found.is_none() || may_take_over(found, service, now);
    };
    if (key.local_port != 0) {
        if (!is_home(key)) {
            return ConnectResult::wrong_worker;
        }
        return is_free(key) ? ConnectResult::opening : ConnectResult::address_in_use;
    }
    const std::uint16_t port = ephemeral_ports_.choose(key, [&](std::uint16_t candidate) {
        key.local_port = candidate;
        // A listener's port is its own, as in Linux.
        return core_.listeners.find(key.local, candidate) == core_.listeners.none && is_home(key) &&
               is_free(key);
    });
    key.local_port = port;
    if (port == 0) {
        core_.counters.add(Counter::ports_exhausted);
        return ConnectResult::ports_exhausted;
    }
    return ConnectResult::opening;
}

template <class Addr, class C>
bool TcpHost<Addr, C>::is_home(const Key& key) const {
    return core_.settings.home == nullptr || (*core_.settings.home)(key) == core_.settings.worker;
}

/// A port in TIME-WAIT may be opened from again after a second, when timestamps keep old duplicates
/// out of the new connection (RFC 6191 §2, for the side that opens; Linux's tcp_tw_reuse).
template <class Addr, class C>
bool TcpHost<Addr, C>::may_take_over(Reference found, std::uint16_t service, Instant now) const {
    if (found.kind() != Reference::Kind::time_wait ||
        core_.listeners[service].options.time_wait_policy != tcp::ReusePolicy::timestamps) {
        return false;
    }
    const Waiting& waiting = time_wait_[found.slot()];
    const Instant since = waiting.expires - time_wait_queues_[waiting.queue].wait();
    return waiting.tcp.timestamps && now - since >= 1s;
}

/// Sends the SYN. `key` is free, or in TIME-WAIT and may be taken over.
template <class Addr, class C>
ConnectResult TcpHost<Addr, C>::open(const Key& key, std::uint16_t service, Instant now,
                                     const ServiceState& state) {
    const std::uint64_t hash = table_.hash(key);
    if (!control_.next_hop(key.remote, now)) {
        core_.drops.add(wire::Drop::no_route);
        return ConnectResult::no_route;
    }
    const std::uint32_t slot = make_connection(key, service, now);
    if (slot == none) {
        return ConnectResult::pool_dry;
    }
    ConnectionType& connection = connections_[slot];
    const ListenerOptions& options = core_.listeners[service].options;
    tcp::ActiveOpen ours{initial_sequence(key, now), timestamp_offset(key), own_mss(), options.tcp};
    ours.path_mss = path_mss(key.remote, now);
    const Reference old = find(key, hash);
    if (!old.is_none()) {
        tcp::take_over(time_wait_[old.slot()].tcp, ours);
    }
    if (!tcp::open(connection.tcb, ours, now, core_.context)) {
        free_connection(connection);
        return ConnectResult::pool_dry;
    }
    if (!old.is_none()) {
        remove_time_wait(old.slot());
        core_.counters.add(Counter::time_wait_ports_reused);
    }
    if (!table_.insert(hash, Reference{Reference::Kind::connection, slot}.bits)) {
        core_.output.clear();
        free_connection(connection);
        core_.drops.add(wire::Drop::tcp_connection_pool_dry);
        return ConnectResult::pool_dry;
    }
    ++table_changes_;
    connection.active = true;
    std::memcpy(connection.state, state.data(), state.size());
    connection.tcb.no_delay = options.no_delay;
    settle(connection, now);
    return ConnectResult::opening;
}

} // namespace millrace::stack
