#pragma once

#include "stack/tcp_host.hpp"

/// The way of one segment: to its connection, to a listener, or back to its sender.
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
      ephemeral_ports_{core.settings.sequence_key, core.settings.ephemeral_ports},
      path_mtus_{core.settings.path_mtus_max, core.settings.sequence_key} {
    for (const Duration wait : core.settings.time_wait_durations) {
        time_wait_queues_.emplace_back(wait);
    }
}

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
    return Reference{table_.find(hash, [&](std::uint32_t index) {
        const Reference reference{index};
        return key_of(reference) == key && !is_set_aside(reference);
    })};
}

template <class Addr, class C>
bool TcpHost<Addr, C>::is_set_aside(Reference reference) const {
    return reference.kind() == Reference::Kind::time_wait && time_wait_[reference.slot()].set_aside;
}

/// The slot of the TIME-WAIT entry that was set aside, or `none`: its time may be over.
template <class Addr, class C>
std::uint32_t TcpHost<Addr, C>::find_set_aside(const Key& key, std::uint64_t hash) const {
    const Reference found{table_.find(hash, [&](std::uint32_t index) {
        const Reference reference{index};
        return is_set_aside(reference) && key_of(reference) == key;
    })};
    return found.is_none() ? none : found.slot();
}

template <class Addr, class C>
void TcpHost<Addr, C>::prefetch(Reference reference) const {
    if (reference.is_none() || reference.kind() != Reference::Kind::connection) {
        return;
    }
    // The key's line has just been read; what receiving and sending touch lies behind it.
    const auto* const bytes = reinterpret_cast<const std::byte*>(&connections_[reference.slot()]);
    __builtin_prefetch(bytes + 64);
    __builtin_prefetch(bytes + 128);
}

template <class Addr, class C>
template <class Steer>
void TcpHost<Addr, C>::process(Instant now, Steer&& steer) {
    table_changes_ = 0;
    for (Segment& in : std::span{burst_}.first(count_)) {
        in.reference = find(in.key, in.hash);
        prefetch(in.reference);
    }
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
void TcpHost<Addr, C>::arrives_at_listener(Segment& in, std::uint16_t listener, Instant now) {
    if (!control_.may_use(in.key.local)) {
        finish(in, wire::Drop::ip_not_our_address);
        return;
    }
    static_cast<void>(answer_syn(in, listener, initial_sequence(in.key, now), now));
}

template <class Addr, class C>
void TcpHost<Addr, C>::arrives_at_half_open(Segment& in, Instant now) {
    const std::uint32_t slot = in.reference.slot();
    Half& half = half_open_[slot];
    const tcp::HalfOpenResult result =
        tcp::segment_arrives(half.tcp, in.segment, local_end(half.listener), now, core_.context);
    switch (result.verdict) {
    case tcp::HalfOpenVerdict::stay:
        finish(in, result.drop);
        return;
    case tcp::HalfOpenVerdict::remove:
        remove_half_open(slot, in.hash);
        finish(in, result.drop);
        return;
    case tcp::HalfOpenVerdict::establish:
        establish(in, now);
        return;
    }
}

template <class Addr, class C>
void TcpHost<Addr, C>::arrives_at_time_wait(Segment& in, Instant now) {
    const std::uint32_t slot = in.reference.slot();
    Waiting& waiting = time_wait_[slot];
    const tcp::TimeWaitResult result = tcp::segment_arrives(
        waiting.tcp, in.segment, config_of(waiting.listener), now, core_.context);
    switch (result.verdict) {
    case tcp::TimeWaitVerdict::stay:
        finish(in, result.drop);
        return;
    case tcp::TimeWaitVerdict::restart: {
        auto& queue = time_wait_queues_[waiting.queue];
        queue.remove(time_wait_, slot);
        queue.push(time_wait_, slot, now);
        finish(in, result.drop);
        return;
    }
    case tcp::TimeWaitVerdict::reopen:
        reopen(in, result.reuse, now);
        return;
    case tcp::TimeWaitVerdict::remove:
        remove_time_wait(slot);
        finish(in, result.drop);
        return;
    }
}

/// A SYN for a connection in TIME-WAIT that its policy lets in. Should it be an old duplicate after
/// all, the entry is wanted again (RFC 9293 §3.6.1).
template <class Addr, class C>
void TcpHost<Addr, C>::reopen(Segment& in, tcp::Reuse reuse, Instant now) {
    Waiting& waiting = time_wait_[in.reference.slot()];
    const std::uint16_t listener = core_.listeners.find(in.key.local, in.key.local_port);
    if (listener == core_.listeners.none || core_.draining) {
        finish(in, tcp::refuse_syn(waiting.tcp, config_of(waiting.listener), now, core_.context));
        return;
    }
    const std::uint32_t half =
        answer_syn(in, listener, tcp::reopen_iss(waiting.tcp, initial_sequence(in.key, now)), now);
    if (half != none) {
        half_open_[half].reopens = reuse;
        waiting.set_aside = true;
    }
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
