#pragma once

#include "stack/tcp_host.hpp"

/// The way of one segment: to its connection, to a listener, or back to its sender.
namespace millrace::stack {

template <class Addr, class C>
auto TcpHost<Addr, C>::key_of(Reference reference) const -> Key {
    switch (reference.kind()) {
    case Reference::Kind::connection:
        return connections_[reference.slot()].key();
    case Reference::Kind::half_open:
        return half_open_[reference.slot()].key();
    case Reference::Kind::time_wait:
        break;
    }
    return time_wait_[reference.slot()].key();
}

template <class Addr, class C>
Reference TcpHost<Addr, C>::find(const Key& key, std::uint64_t hash) const {
    return Reference{
        table_.find(hash, [&](std::uint32_t index) { return is_of(Reference{index}, key); })};
}

/// Whether a segment with this key is the entry's.
template <class Addr, class C>
bool TcpHost<Addr, C>::is_of(Reference reference, const Key& key) const {
    return key_of(reference) == key && !is_set_aside(reference);
}

template <class Addr, class C>
void TcpHost<Addr, C>::prefetch(Reference reference) const {
    const std::uint32_t slot = reference.slot();
    switch (reference.kind()) {
    case Reference::Kind::connection: {
        // The key's line, and behind it what receiving and sending touch.
        const auto* const bytes = reinterpret_cast<const std::byte*>(&connections_[slot]);
        __builtin_prefetch(bytes);
        __builtin_prefetch(bytes + 64);
        __builtin_prefetch(bytes + 128);
        return;
    }
    case Reference::Kind::half_open:
        __builtin_prefetch(&half_open_[slot]);
        return;
    case Reference::Kind::time_wait:
        __builtin_prefetch(&time_wait_[slot]);
        return;
    }
}

/// Looks all segments of the burst up together, so that their cache misses overlap.
template <class Addr, class C>
void TcpHost<Addr, C>::find_burst() {
    static_assert(burst_max <= flow::Table<Key>::burst_most);
    std::array<std::uint64_t, burst_max> hashes;
    std::array<std::uint32_t, burst_max> found;
    for (std::size_t i = 0; i < count_; ++i) {
        hashes[i] = burst_[i].hash;
    }
    table_.find_all(
        std::span{hashes}.first(count_), found,
        [this](std::uint32_t index) { prefetch(Reference{index}); },
        [this](std::size_t i, std::uint32_t index) {
            return is_of(Reference{index}, burst_[i].key);
        });
    for (std::size_t i = 0; i < count_; ++i) {
        burst_[i].reference = Reference{found[i]};
    }
}

template <class Addr, class C>
template <class Steer>
void TcpHost<Addr, C>::process(Instant now, Steer&& steer) {
    table_changes_ = 0;
    find_burst();
    for (Segment& in : std::span{burst_}.first(count_)) {
        if (table_changes_ != 0) {
            in.reference = find(in.key, in.hash);
        }
        dispatch(in, now, steer);
    }
    count_ = 0;
}

template <class Addr, class C>
template <class Steer>
void TcpHost<Addr, C>::dispatch(Segment& in, Instant now, Steer&& steer) {
    if (in.reference.is_none()) {
        if (in.steered || !steer(in)) {
            arrives_without_connection(in, now);
        }
        return;
    }
    switch (in.reference.kind()) {
    case Reference::Kind::connection:
        arrives_at_connection(connections_[in.reference.slot()], in, now);
        return;
    case Reference::Kind::half_open:
        arrives_at_half_open(in, now);
        return;
    case Reference::Kind::time_wait:
        arrives_at_time_wait(in, now);
        return;
    }
}

/// The end of a segment of which nothing is kept.
template <class Addr, class C>
void TcpHost<Addr, C>::finish(Segment& in, wire::Drop reason) {
    answer(in);
    if (reason != wire::Drop::none) {
        core_.drops.add(reason);
    }
    core_.nic.release(in.packet);
}

/// The end of a segment for which a listener's queue has no place.
template <class Addr, class C>
void TcpHost<Addr, C>::refuse(Segment& in, WhenQueueFull how, wire::Drop reason) {
    if (how == WhenQueueFull::reset) {
        tcp::answer_without_connection(in.segment, core_.context);
    }
    finish(in, reason);
}

template <class Addr, class C>
void TcpHost<Addr, C>::arrives_without_connection(Segment& in, Instant now) {
    namespace flag = wire::tcp_flag;
    const wire::TcpSegment& segment = in.segment;
    if (segment.has(flag::rst)) {
        finish(in, wire::Drop::tcp_no_connection_rst);
        return;
    }
    if (!control_.may_use(in.key.local)) { // It may be another's, who is to answer (RFC 4862 §5.4).
        finish(in, wire::Drop::ip_not_our_address);
        return;
    }
    const std::uint16_t listener = core_.listeners.find(in.key.local, in.key.local_port);
    if (listener == core_.listeners.none || core_.draining || segment.has(flag::ack)) {
        tcp::answer_without_connection(segment, core_.context);
        finish(in, core_.draining ? wire::Drop::tcp_draining : wire::Drop::tcp_no_listener);
        return;
    }
    if (!segment.has(flag::syn)) {
        finish(in, wire::Drop::tcp_listen_no_syn);
        return;
    }
    arrives_at_listener(in, listener, now);
}

template <class Addr, class C>
void TcpHost<Addr, C>::arrives_at_connection(ConnectionType& connection, Segment& in, Instant now) {
    const Slice text{in.segment.payload.data(),
                     static_cast<std::uint32_t>(in.segment.payload.size()), OwnerKind::packet,
                     in.packet.handle()};
    tcp::Arrival arrival =
        tcp::segment_arrives(connection.tcb, in.segment, text, now, core_.context);
    note_end(connection, arrival.events);
    if ((arrival.events & tcp::event::established) != 0) {
        tell(connection, SocketEvent::opened, now);
    }
    deliver(connection, in, arrival, now);
    if ((arrival.events & tcp::event::acknowledged) != 0) {
        neighbours_.confirm(connection.neighbour, now); // It gets our packets.
        tell(connection, SocketEvent::writable, now);
    }
    deliver_unread(connection, now);
    if (arrival.drop != wire::Drop::none) {
        core_.drops.add(arrival.drop);
    }
    settle(connection, now);
}

} // namespace millrace::stack
