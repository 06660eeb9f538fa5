#pragma once

#include "stack/worker.hpp"

/// Fragments of datagrams, on their way to being whole.
namespace millrace::stack {

/// Fragments of one datagram gather at one worker, whatever queues they came by; when it is whole
/// it goes the way of any other packet.
template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::take_fragment(Packet packet, const wire::EthernetFrame& frame,
                                    const IpPacket& ip, bool steered, Instant now) {
    auto& gathering = fragments<std::remove_cv_t<decltype(ip.source)>>();
    if (core_.settings.home != nullptr && !steered &&
        steer_to(packet, gathering.tag_of(ip) % core_.settings.workers)) {
        return;
    }
    core_.counters.add(Counter::fragments_received);
    const auto taken = gathering.take(frame, ip, now);
    if (taken.drop != wire::Drop::none) {
        core_.drop(packet, taken.drop);
        return;
    }
    core_.nic.release(packet);
    if (taken.whole == gathering.none) {
        return;
    }
    const Packet whole = core_.transmitter.build(gathering.whole_frame(taken.whole));
    gathering.release(taken.whole);
    if (whole) {
        core_.counters.add(Counter::datagrams_reassembled);
        parse_frame(whole, false, now);
    }
}

/// The sender is told when the datagram's beginning is there to be quoted.
template <Nic N, Service... S>
template <class Addr>
void Worker<N, S...>::expire_fragments(Instant now) {
    auto& gathering = fragments<Addr>();
    for (std::uint32_t index = gathering.expired(now); index != gathering.none;
         index = gathering.expired(now)) {
        const std::span<const std::byte> first = gathering.first_frame(index);
        const bool refused = gathering.was_refused(index);
        const Packet packet = refused || first.empty() ? Packet{} : core_.transmitter.build(first);
        gathering.release(index);
        if (!packet) {
            core_.drops.add(wire::Drop::fragment_timeout, refused ? 0 : 1);
            continue;
        }
        typename Fragments<Addr>::IpPacket ip;
        const auto bytes = packet.bytes().subspan(wire::ethernet_header_bytes);
        if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
            static_cast<void>(wire::parse_ipv4(bytes, ip));
        } else {
            static_cast<void>(wire::parse_ipv6(bytes, ip));
        }
        finish_control(packet, control_.reassembly_timed_out(room_for_reply(packet), ip, now));
    }
}

} // namespace millrace::stack
