#pragma once

#include "stack/worker.hpp"

/// What workers hand and tell to each other.
namespace millrace::stack {

/// Gives a packet about a connection that is not here to the worker where it has, or would
/// have, one. True when the packet is no longer ours.
template <Nic N, Service... S>
template <class Addr>
bool Worker<N, S...>::steer(Packet packet, const flow::FourTuple<Addr>& key) {
    if (core_.settings.home == nullptr) {
        return false;
    }
    return steer_to(packet, (*core_.settings.home)(key));
}

template <Nic N, Service... S>
bool Worker<N, S...>::steer_to(Packet packet, std::uint32_t worker) {
    if (worker == core_.settings.worker) {
        return false;
    }
    if (mailboxes_->ring(core_.settings.worker, worker).push(packet.handle())) {
        core_.counters.add(Counter::handed_over);
    } else {
        core_.drop(packet, wire::Drop::steer_ring_full);
    }
    return true;
}

template <Nic N, Service... S>
std::size_t Worker<N, S...>::receive_messages(Instant now) {
    if (mailboxes_ == nullptr) {
        return 0;
    }
    std::size_t total = 0;
    std::array<Message, burst_max / 2> messages;
    const std::uint32_t workers = core_.settings.workers;
    const std::uint32_t first = next_mailbox_++ % workers; // Else the last might starve.
    for (std::uint32_t i = 0; i < workers && total < burst_max; ++i) {
        const std::uint32_t from = (first + i) % workers;
        if (from == core_.settings.worker) {
            continue;
        }
        const std::size_t room = std::min(messages.size(), burst_max - total);
        const std::size_t count =
            mailboxes_->ring(from, core_.settings.worker).pop(std::span{messages}.first(room));
        for (const Message& message : std::span{messages}.first(count)) {
            if (const auto* const handle = std::get_if<std::uint64_t>(&message)) {
                core_.counters.add(Counter::taken_over);
                parse(Packet::from_handle(*handle), true, now);
            } else {
                control_.learn_from_peer(std::get<Learnt>(message), now);
            }
        }
        total += count;
    }
    return total;
}

template <Nic N, Service... S>
void Worker<N, S...>::tell_learnt() {
    control_.take_learnt([this](const Learnt& learnt) {
        for (std::uint32_t to = 0; to < core_.settings.workers; ++to) {
            // A full ring loses nothing: that worker asks for itself when it needs to know.
            if (to != core_.settings.worker) {
                static_cast<void>(mailboxes_->ring(core_.settings.worker, to).push(learnt));
            }
        }
    });
}

} // namespace millrace::stack
