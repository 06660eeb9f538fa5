#pragma once

#include "stack/tcp_host.hpp"

/// TIME-WAIT: its entries, the segments that come for them, and what becomes of a SYN.
namespace millrace::stack {

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
void TcpHost<Addr, C>::expire_time_wait(Instant now) {
    constexpr int at_most = 64;
    for (auto& queue : time_wait_queues_) {
        for (int i = 0; i < at_most && queue.next_deadline(time_wait_) <= now; ++i) {
            remove_time_wait(queue.oldest());
        }
    }
}

} // namespace millrace::stack
