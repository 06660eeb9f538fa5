#pragma once

#include "stack/tcp_host.hpp"

/// The SYN queue: a handshake from its SYN to its last ACK.
namespace millrace::stack {

template <class Addr, class C>
void TcpHost<Addr, C>::arrives_at_listener(Segment& in, std::uint16_t listener, Instant now) {
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

template <class Addr, class C>
void TcpHost<Addr, C>::half_open_timer(timer::Node& node, Instant now) {
    constexpr std::size_t offset = offsetof(Half, timer);
    auto& half = *reinterpret_cast<Half*>(reinterpret_cast<std::byte*>(&node) - offset);
    const tcp::HalfOpenVerdict verdict =
        tcp::deadline_passed(half.tcp, local_end(half.listener), now, core_.context);
    if (verdict == tcp::HalfOpenVerdict::remove) {
        remove_half_open(half_open_.index_of(half), table_.hash(half.key()));
        return;
    }
    if (!core_.output.empty()) {
        send_routed(half.key(), now);
    }
    core_.wheel.schedule(half.timer,
                         now + tcp::retransmit_after(half.tcp, config_of(half.listener)));
}

} // namespace millrace::stack
