#pragma once

#include "stack/worker.hpp"

/// Sending what no connection sends, and giving back what was received.
namespace millrace::stack {

/// The frame, and behind it what an answer written over it may be longer.
template <Nic N, Service... S>
std::span<std::byte> Worker<N, S...>::room_for_reply(Packet packet) {
    static_cast<void>(packet.append(Control::reply_room));
    return packet.bytes();
}

template <Nic N, Service... S>
void Worker<N, S...>::finish_control(Packet packet, Control::Result result) {
    if (result.drop != wire::Drop::none) {
        core_.drops.add(result.drop);
    }
    if (result.kind != Control::Result::Kind::reply) {
        core_.nic.release(packet);
        return;
    }
    // The reply was written over the request, and may be longer or shorter than it.
    const Packet reply = core_.transmitter.build(packet.bytes().first(result.length));
    core_.nic.release(packet);
    if (reply) {
        core_.transmitter.send(reply);
    }
}

template <Nic N, Service... S>
void Worker<N, S...>::send_control_frames(Instant now) {
    control_.take_frames(
        [this](std::span<const std::byte> frame) {
            if (const Packet packet = core_.transmitter.build(frame)) {
                core_.transmitter.send(packet);
            }
        },
        now);
    send_resolved(neighbours4_);
    send_resolved(neighbours6_);
    tell_learnt();
}

/// Packets that waited for a neighbour's address: out, or dropped when it did not answer.
template <Nic N, Service... S>
template <class Addr>
void Worker<N, S...>::send_resolved(Neighbours<Addr>& neighbours) {
    neighbours.take_ready([&](std::uint64_t handle, std::uint32_t index) {
        const Packet packet = Packet::from_handle(handle);
        Transmitter<N>::address(packet, core_.settings.interface.mac, neighbours.mac(index));
        core_.transmitter.send(packet);
    });
    neighbours.take_failed([&](std::uint64_t handle) {
        core_.drop(Packet::from_handle(handle), wire::Drop::neighbour_unreachable);
    });
}

/// Tells the port of received packets that no queue holds any more.
template <Nic N, Service... S>
void Worker<N, S...>::release_buffers() {
    core_.buffers.take_released([this](const Slice& slice) {
        if (slice.owner == OwnerKind::packet) {
            core_.nic.release(Packet::from_handle(slice.handle));
        }
    });
}

} // namespace millrace::stack
