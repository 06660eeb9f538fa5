#pragma once

#include "stack/worker.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"

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
    control_.take_frames([this] { return core_.transmitter.has_room(1); },
                         [this](std::span<const std::byte> frame) {
                             if (const Packet packet = core_.transmitter.build(frame)) {
                                 core_.transmitter.send(packet);
                             }
                         },
                         now);
    send_resolved(neighbours4_, now);
    send_resolved(neighbours6_, now);
    tell_learnt();
}

/// Packets that waited for a neighbour's address: out, or dropped when it did not answer.
template <Nic N, Service... S>
template <class Addr>
void Worker<N, S...>::send_resolved(Neighbours<Addr>& neighbours, Instant now) {
    neighbours.take_ready([&](std::uint64_t handle, std::uint32_t index) {
        const Packet packet = Packet::from_handle(handle);
        Transmitter<N>::address(packet, core_.settings.interface.mac, neighbours.mac(index));
        core_.transmitter.send(packet);
    });
    neighbours.take_failed([&](std::uint64_t handle) {
        const Packet packet = Packet::from_handle(handle);
        tell_unreachable<Addr>(packet.bytes().subspan(wire::ethernet_header_bytes), now);
        core_.drop(packet, wire::Drop::neighbour_unreachable);
    });
}

/// `ip` is a packet of ours for which there is no neighbour: what a router's ICMP error would have
/// quoted, had there been a router.
template <Nic N, Service... S>
template <class Addr>
void Worker<N, S...>::tell_unreachable(std::span<const std::byte> ip, Instant now) {
    const auto tell = [&](const auto& quote) {
        if (quote.transport.protocol == wire::ip_protocol::tcp) {
            host<Addr>().neighbour_failed(quoted_segment(quote, Complaint::unreachable, 0), now);
        }
    };
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        if (wire::IcmpQuote quote; wire::parse_icmp_quote(ip, quote) == wire::Drop::none) {
            tell(quote);
        }
    } else {
        if (wire::Icmpv6Quote quote; wire::parse_icmpv6_quote(ip, quote) == wire::Drop::none) {
            tell(quote);
        }
    }
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
