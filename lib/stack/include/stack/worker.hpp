#pragma once

#include "stack/admission.hpp"
#include "stack/core.hpp"
#include "stack/mailbox.hpp"
#include "stack/neighbours.hpp"
#include "stack/opener.hpp"
#include "stack/tcp_host.hpp"
#include "stack/udp_service.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::stack {

/// One core's pipeline over one pair of queues: everything from the receive burst to the transmit
/// burst, run to completion by one thread.
template <Nic N, Service... S>
class Worker {
  public:
    using Packet = typename N::Packet;
    using CoreType = Core<N, S...>;
    static constexpr std::size_t burst_max = 32;

    /// `mailboxes` may be null when there is one worker only.
    Worker(N& nic, const WorkerSettings& settings, Mailboxes* mailboxes, Instant now);

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Adds a listener, before or between polls; says its index.
    std::uint16_t listen(ListenerOptions options, std::variant<S...> service) {
        const std::uint16_t index = core_.listeners.add(std::move(options), std::move(service));
        if (core_.listeners[index].template opens<Opener<Worker>>()) {
            openers_.push_back(index);
        }
        return index;
    }
    void serve_udp(UdpService service) { udp_services_.push_back(std::move(service)); }

    /// One turn: takes a burst, does everything that it and the clock ask for, sends what comes of
    /// it. Says how much there was to do; 0 means that the worker may rest until `next_deadline()`.
    std::size_t poll_once(Instant now);

    /// Until when nothing will happen unless a packet comes.
    [[nodiscard]] Instant next_deadline() const;

    /// Opens a connection to `key`'s remote address and port for the service of listener `service`,
    /// whose own port may be 0. An unspecified local address and a local port of 0 are chosen (the
    /// port by RFC 6056, so that this worker is the connection's home). Not from within a service's
    /// `on` or `receive`: see `OpeningService`.
    template <class Addr>
    [[nodiscard]] Connecting<Addr> connect(const flow::FourTuple<Addr>& key, std::uint16_t service,
                                           Instant now) {
        return host<Addr>().connect(key, service, now);
    }

    /// Calls `f(Socket&)` for the connection `key` in any state but SYN-RECEIVED after a passive
    /// open and TIME-WAIT, then offers its service what is unread; false when there is none. Not
    /// from within a service's `on` or `receive`.
    template <class Addr, class F>
    bool with_socket(const flow::FourTuple<Addr>& key, Instant now, F&& f) {
        return host<Addr>().with_socket(key, now, std::forward<F>(f));
    }

    /// From now on new connections are refused, and services are asked to end those they have.
    void drain(Instant now);

    /// Ends every connection with a reset.
    void abort_all(Instant now);

    /// Nothing is left but, perhaps, entries in TIME-WAIT.
    [[nodiscard]] bool is_drained() const {
        return tcp4_.connections() + tcp4_.half_open() + tcp6_.connections() + tcp6_.half_open() ==
               0;
    }

    /// Lets go of all that is kept between polls but belongs to no connection, for a leak check.
    void release_everything(Instant now);

    /// Lets other threads see how much of everything is in use now.
    void publish_gauges();
    [[nodiscard]] const Gauges& gauges() const { return gauges_; }

    [[nodiscard]] CoreType& core() { return core_; }
    [[nodiscard]] const CoreType& core() const { return core_; }
    template <class Addr>
    [[nodiscard]] auto& host() {
        if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
            return tcp4_;
        } else {
            return tcp6_;
        }
    }
    template <class Addr>
    [[nodiscard]] const auto& host() const {
        return const_cast<Worker&>(*this).host<Addr>();
    }
    [[nodiscard]] Control& control() { return control_; }

  private:
    template <class Addr>
    [[nodiscard]] Fragments<Addr>& fragments() {
        if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
            return fragments4_;
        } else {
            return fragments6_;
        }
    }

    using Host4 = TcpHost<wire::Ipv4Addr, CoreType>;
    using Host6 = TcpHost<wire::Ipv6Addr, CoreType>;

    /// Timers that may fire in one turn: a crowd that is due at once must not stop the packets.
    static constexpr std::uint32_t timers_per_turn = 256;

    [[nodiscard]] static ControlOptions control_options(const WorkerSettings& settings);

    // Receiving
    std::size_t receive(Instant now);
    std::size_t receive_messages(Instant now);
    void parse(Packet packet, bool steered, Instant now);
    void parse_frame(Packet packet, bool steered, Instant now);
    void parse_ipv4(Packet packet, const wire::EthernetFrame& frame, bool steered, Instant now);
    void parse_ipv6(Packet packet, const wire::EthernetFrame& frame, bool steered, Instant now);
    template <class IpPacket>
    void dispatch(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip, bool steered,
                  Instant now);
    template <class IpPacket>
    void parse_tcp(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                   bool steered);
    template <class IpPacket>
    void take_fragment(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                       bool steered, Instant now);
    template <class Addr>
    void expire_fragments(Instant now);
    template <class IpPacket>
    void parse_icmp(Packet packet, const IpPacket& ip, bool steered, Instant now);
    template <class IpPacket>
    void parse_udp(Packet packet, const IpPacket& ip, Instant now);
    template <class IpPacket>
    [[nodiscard]] bool checksum_is_right(Packet packet, const IpPacket& ip,
                                         std::span<const std::byte> covered) const;
    template <class IpPacket>
    [[nodiscard]] const UdpService* find_udp(const IpPacket& ip, std::uint16_t port) const;
    template <class IpPacket>
    void echo_udp(Packet packet, const IpPacket& ip, const wire::UdpDatagram& datagram);

    // Timers
    void advance_timers(Instant now);
    void fire(timer::Node& node, Instant now);

    void accept_waiting(Instant now);

    // Services that open connections
    void take_turns(Instant now);

    // Other workers
    template <class Addr>
    [[nodiscard]] bool steer(Packet packet, const flow::FourTuple<Addr>& key);
    [[nodiscard]] bool steer_to(Packet packet, std::uint32_t worker);
    void tell_learnt();

    // Sending
    [[nodiscard]] static std::span<std::byte> room_for_reply(Packet packet);
    void finish_control(Packet packet, Control::Result result);
    void send_control_frames(Instant now);
    template <class Addr>
    void send_resolved(Neighbours<Addr>& neighbours);
    void release_buffers();

    CoreType core_;
    Neighbours<wire::Ipv4Addr> neighbours4_;
    Neighbours<wire::Ipv6Addr> neighbours6_;
    Control control_;
    Host4 tcp4_;
    Host6 tcp6_;
    Fragments<wire::Ipv4Addr> fragments4_;
    Fragments<wire::Ipv6Addr> fragments6_;
    Mailboxes* mailboxes_;
    std::uint32_t next_mailbox_ = 0; ///< Which of them is read first.
    bool ipv6_accepts_first_ = false;
    Gauges gauges_;
    std::vector<UdpService> udp_services_;
    std::vector<std::uint16_t> openers_; ///< Listeners whose services open connections.
    Instant next_turn_ = never;          ///< When one of them wants to be asked again.
};

template <Nic N, Service... S>
std::size_t Worker<N, S...>::poll_once(Instant now) {
    std::size_t work = receive(now) + receive_messages(now);
    const auto to_home = [this](auto& in) { return this->steer(in.packet, in.key); };
    tcp4_.process(now, to_home);
    tcp6_.process(now, to_home);
    advance_timers(now);
    tcp4_.flush(now);
    tcp6_.flush(now);
    accept_waiting(now);
    take_turns(now);
    send_control_frames(now);
    work += core_.transmitter.queued();
    core_.transmitter.flush();
    release_buffers();
    return work;
}

template <Nic N, Service... S>
Worker<N, S...>::Worker(N& nic, const WorkerSettings& settings, Mailboxes* mailboxes, Instant now)
    : core_{nic, settings, now}, neighbours4_{core_.wheel,
                                              static_cast<std::uint8_t>(TimerKind::neighbour_ipv4),
                                              settings.sequence_key, settings.neighbours},
      neighbours6_{core_.wheel, static_cast<std::uint8_t>(TimerKind::neighbour_ipv6),
                   settings.sequence_key, settings.neighbours},
      control_{core_.settings.interface,
               neighbours4_,
               neighbours6_,
               core_.wheel,
               static_cast<std::uint8_t>(TimerKind::control),
               settings.sequence_key,
               control_options(settings),
               now},
      tcp4_{core_, neighbours4_, control_}, tcp6_{core_, neighbours6_, control_},
      fragments4_{settings.fragments, settings.interface.mtu, settings.sequence_key,
                  *settings.memory},
      fragments6_{settings.fragments, settings.interface.mtu, settings.sequence_key,
                  *settings.memory},
      mailboxes_{mailboxes} {}

template <Nic N, Service... S>
ControlOptions Worker<N, S...>::control_options(const WorkerSettings& settings) {
    ControlOptions options = settings.control;
    options.speaks_for_port = settings.worker == 0;
    options.has_peers = settings.workers > 1;
    return options;
}

// --------------------------------------------------------------------------------------- receiving

template <Nic N, Service... S>
std::size_t Worker<N, S...>::receive(Instant now) {
    std::array<Packet, burst_max> burst;
    const std::size_t count = core_.nic.receive(burst);
    core_.counters.add(Counter::polls);
    core_.counters.add(Counter::rx_packets, count);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 1 < count) {
            __builtin_prefetch(burst[i + 1].bytes().data());
        }
        parse(burst[i], false, now);
    }
    return count;
}

template <Nic N, Service... S>
void Worker<N, S...>::parse(Packet packet, bool steered, Instant now) {
    core_.counters.add(Counter::rx_bytes, packet.length());
    parse_frame(packet, steered, now);
}

template <Nic N, Service... S>
void Worker<N, S...>::parse_frame(Packet packet, bool steered, Instant now) {
    if (packet.next()) {
        core_.drop(packet, wire::Drop::frame_too_long); // A frame of the MTU fits one segment.
        return;
    }
    wire::EthernetFrame frame;
    wire::Drop drop = wire::parse_ethernet(packet.bytes(), frame);
    if (drop == wire::Drop::none) {
        drop = check_frame_destination(core_.settings.interface, frame.destination);
    }
    if (drop == wire::Drop::none && frame.source == core_.settings.interface.mac) {
        drop = wire::Drop::frame_own_source;
    }
    if (drop == wire::Drop::none && frame.tagged && frame.vlan_id() != 0) {
        drop = wire::Drop::vlan_unexpected;
    }
    if (drop != wire::Drop::none) {
        core_.drop(packet, drop);
        return;
    }
    switch (frame.ethertype) {
    case wire::ethertype::ipv4:
        parse_ipv4(packet, frame, steered, now);
        return;
    case wire::ethertype::ipv6:
        parse_ipv6(packet, frame, steered, now);
        return;
    case wire::ethertype::arp:
        finish_control(packet, control_.arp_arrives(room_for_reply(packet), frame.payload, now));
        return;
    default:
        core_.drop(packet, wire::Drop::ethertype_unknown);
    }
}

template <Nic N, Service... S>
void Worker<N, S...>::parse_ipv4(Packet packet, const wire::EthernetFrame& frame, bool steered,
                                 Instant now) {
    wire::Ipv4Packet ip;
    wire::Drop drop = wire::parse_ipv4(frame.payload, ip);
    const ChecksumVerdict verdict = packet.checksums().ip;
    const bool intact = verdict == ChecksumVerdict::good ||
                        (verdict == ChecksumVerdict::unknown && !ip.header.empty() &&
                         wire::ipv4_header_is_intact(ip.header));
    if (!ip.header.empty() && !intact) {
        drop = wire::Drop::ipv4_bad_checksum; // Then nothing else it says is worth reporting.
    }
    if (drop == wire::Drop::none) {
        drop = admit(core_.settings.interface, ip);
    }
    if (drop == wire::Drop::none) {
        drop = check_cast(core_.settings.interface, frame.destination, ip);
    }
    if (drop != wire::Drop::none) [[unlikely]] {
        core_.drop(packet, drop);
        return;
    }
    dispatch(packet, frame, ip, steered, now);
}

template <Nic N, Service... S>
void Worker<N, S...>::parse_ipv6(Packet packet, const wire::EthernetFrame& frame, bool steered,
                                 Instant now) {
    wire::Ipv6Packet ip;
    wire::Drop drop = wire::parse_ipv6(frame.payload, ip);
    if (drop != wire::Drop::none && ip.problem.report &&
        admit(core_.settings.interface, ip) == wire::Drop::none) {
        finish_control(packet, control_.malformed(room_for_reply(packet), ip, drop, now));
        return;
    }
    if (drop == wire::Drop::none) {
        drop = admit(core_.settings.interface, ip);
    }
    if (drop == wire::Drop::none) {
        drop = check_cast(core_.settings.interface, frame.destination, ip);
    }
    if (drop != wire::Drop::none) [[unlikely]] {
        core_.drop(packet, drop);
        return;
    }
    dispatch(packet, frame, ip, steered, now);
}

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::dispatch(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                               bool steered, Instant now) {
    if (ip.is_fragment()) [[unlikely]] {
        take_fragment(packet, frame, ip, steered, now);
        return;
    }
    constexpr bool is_ipv4 = std::is_same_v<IpPacket, wire::Ipv4Packet>;
    if (ip.protocol == wire::ip_protocol::tcp) [[likely]] {
        parse_tcp(packet, frame, ip, steered);
    } else if (ip.protocol == wire::ip_protocol::udp) {
        parse_udp(packet, ip, now);
    } else if (ip.protocol == (is_ipv4 ? wire::ip_protocol::icmp : wire::ip_protocol::icmpv6)) {
        parse_icmp(packet, ip, steered, now);
    } else {
        finish_control(packet, control_.unreachable(room_for_reply(packet), ip,
                                                    wire::Drop::ip_unknown_protocol, now));
    }
}

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

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::parse_icmp(Packet packet, const IpPacket& ip, bool steered, Instant now) {
    using Addr = std::remove_cv_t<decltype(ip.source)>;
    Control::Result result;
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        result = control_.icmp_arrives(room_for_reply(packet), ip, now);
    } else {
        result = control_.icmpv6_arrives(room_for_reply(packet), ip, now);
    }
    if (const auto* const quoted = std::get_if<QuotedSegment<Addr>>(&result.about)) {
        // The worker whose connection is quoted is to hear of it.
        if (!steered && !host<Addr>().has(quoted->key) && steer(packet, quoted->key)) {
            return;
        }
        host<Addr>().error_arrives(*quoted, now);
    }
    finish_control(packet, result);
}

template <Nic N, Service... S>
template <class IpPacket>
bool Worker<N, S...>::checksum_is_right(Packet packet, const IpPacket& ip,
                                        std::span<const std::byte> covered) const {
    switch (packet.checksums().l4) {
    case ChecksumVerdict::good:
        return true;
    case ChecksumVerdict::bad:
        return false;
    case ChecksumVerdict::unknown:
        break;
    }
    const wire::ChecksumSum pseudo = wire::pseudo_header_sum(
        ip.source, ip.destination, ip.protocol, static_cast<std::uint16_t>(covered.size()));
    return wire::is_intact(pseudo + wire::sum(covered));
}

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::parse_tcp(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                                bool steered) {
    using Addr = std::remove_cv_t<decltype(ip.source)>;
    auto& tcp = host<Addr>();
    auto& in = tcp.next();
    if (!checksum_is_right(packet, ip, ip.payload)) [[unlikely]] {
        core_.drop(packet, wire::Drop::tcp_bad_checksum);
        return;
    }
    in.segment.options = {};
    if (const wire::Drop drop = wire::parse_tcp(ip.payload, in.segment); drop != wire::Drop::none)
        [[unlikely]] {
        core_.drop(packet, drop);
        return;
    }
    core_.counters.add(Counter::tcp_segments_received);
    in.segment.ecn = wire::ecn_of(ip.traffic_class);
    in.packet = packet;
    in.key = {ip.destination, ip.source, in.segment.destination_port, in.segment.source_port};
    in.from = frame.source;
    in.steered = steered;
    tcp.admit();
}

template <Nic N, Service... S>
template <class IpPacket>
const UdpService* Worker<N, S...>::find_udp(const IpPacket& ip, std::uint16_t port) const {
    const auto serves = [&](const UdpService& service) {
        if (service.port != port) {
            return false;
        }
        if (service.ipv4_addresses.empty() && service.ipv6_addresses.empty()) {
            return true;
        }
        if constexpr (std::is_same_v<IpPacket, wire::Ipv4Packet>) {
            return std::ranges::find(service.ipv4_addresses, ip.destination) !=
                   service.ipv4_addresses.end();
        } else {
            return std::ranges::find(service.ipv6_addresses, ip.destination) !=
                   service.ipv6_addresses.end();
        }
    };
    const auto found = std::ranges::find_if(udp_services_, serves);
    return found == udp_services_.end() ? nullptr : &*found;
}

template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::parse_udp(Packet packet, const IpPacket& ip, Instant now) {
    constexpr bool is_ipv4 = std::is_same_v<IpPacket, wire::Ipv4Packet>;
    wire::UdpDatagram datagram;
    wire::Drop drop = wire::parse_udp(ip.payload, datagram);
    if (drop == wire::Drop::none && !datagram.has_checksum() && !is_ipv4) {
        drop = wire::Drop::udp_no_checksum;
    } else if (drop == wire::Drop::none && datagram.has_checksum() &&
               !checksum_is_right(packet, ip, datagram.covered)) {
        drop = wire::Drop::udp_bad_checksum;
    } else if (drop == wire::Drop::none && datagram.source_port == 0) {
        drop = wire::Drop::udp_bad_port; // There is nobody to answer.
    }
    if (drop != wire::Drop::none) {
        core_.drop(packet, drop);
        return;
    }
    const UdpService* const service = find_udp(ip, datagram.destination_port);
    if (service == nullptr) {
        finish_control(packet, control_.unreachable(room_for_reply(packet), ip,
                                                    wire::Drop::udp_no_service, now));
        return;
    }
    core_.counters.add(Counter::udp_datagrams_received);
    // One echo service that answers another's answer would never end.
    const bool loops = find_udp(ip, datagram.source_port) != nullptr;
    const bool unicast = core_.settings.interface.owns(ip.destination);
    if (service->action == UdpAction::discard || loops || !unicast) {
        core_.nic.release(packet);
        return;
    }
    echo_udp(packet, ip, datagram);
}

/// Turns the packet round where it stands. Exchanging addresses and ports changes no checksum; the
/// way back is as long as any, whatever is left of the hops that the request had.
template <Nic N, Service... S>
template <class IpPacket>
void Worker<N, S...>::echo_udp(Packet packet, const IpPacket& ip,
                               const wire::UdpDatagram& datagram) {
    constexpr std::uint8_t hop_limit = 64;
    std::byte* const frame = packet.bytes().data();
    const auto at = [&](const std::byte* part) { return frame + (part - frame); };
    auto& ethernet = wire::header_at<wire::EthernetHeader>(frame);
    ethernet.destination = ethernet.source;
    ethernet.source = core_.settings.interface.mac;
    auto& udp = wire::header_at<wire::UdpHeader>(at(datagram.covered.data()));
    std::swap(udp.source_port, udp.destination_port);
    if constexpr (std::is_same_v<IpPacket, wire::Ipv4Packet>) {
        auto& header = wire::header_at<wire::Ipv4Header>(at(ip.header.data()));
        std::swap(header.source, header.destination);
        const auto word = [&] {
            return static_cast<std::uint16_t>(header.ttl << 8 | header.protocol);
        };
        const std::uint16_t before = word();
        header.ttl = hop_limit;
        header.checksum = wire::update_checksum(header.checksum, before, word());
    } else {
        auto& header = wire::header_at<wire::Ipv6Header>(at(ip.headers.data()));
        std::swap(header.source, header.destination);
        header.hop_limit = hop_limit;
    }
    packet.request({});
    core_.counters.add(Counter::udp_datagrams_sent);
    core_.transmitter.send(packet);
}

// ------------------------------------------------------------------------------------------ timers

template <Nic N, Service... S>
void Worker<N, S...>::advance_timers(Instant now) {
    core_.wheel.advance(
        now, [&](timer::Node& node) { fire(node, now); }, timers_per_turn);
    tcp4_.expire_time_wait(now);
    tcp6_.expire_time_wait(now);
    expire_fragments<wire::Ipv4Addr>(now);
    expire_fragments<wire::Ipv6Addr>(now);
}

template <Nic N, Service... S>
void Worker<N, S...>::fire(timer::Node& node, Instant now) {
    switch (static_cast<TimerKind>(node.kind())) {
    case TimerKind::connection_ipv4:
        tcp4_.connection_timer(node, now);
        return;
    case TimerKind::connection_ipv6:
        tcp6_.connection_timer(node, now);
        return;
    case TimerKind::half_open_ipv4:
        tcp4_.half_open_timer(node, now);
        return;
    case TimerKind::half_open_ipv6:
        tcp6_.half_open_timer(node, now);
        return;
    case TimerKind::neighbour_ipv4:
    case TimerKind::neighbour_ipv6:
    case TimerKind::control:
        control_.deadline_passed(node, now);
        return;
    }
}

/// Each family knows who has waited longest in it; for the first place the two take turns.
template <Nic N, Service... S>
void Worker<N, S...>::accept_waiting(Instant now) {
    if (core_.listeners.waiting == 0) [[likely]] {
        return;
    }
    const bool first = ipv6_accepts_first_ ? tcp6_.accept_waiting(now) : tcp4_.accept_waiting(now);
    if (ipv6_accepts_first_) {
        tcp4_.accept_waiting(now);
    } else {
        tcp6_.accept_waiting(now);
    }
    ipv6_accepts_first_ ^= first;
}

template <Nic N, Service... S>
Instant Worker<N, S...>::next_deadline() const {
    if (!core_.transmitter.idle() || tcp4_.has_touched() || tcp6_.has_touched()) {
        return Instant::min();
    }
    return std::min({core_.wheel.next_deadline(), tcp4_.next_deadline(), tcp6_.next_deadline(),
                     fragments4_.next_deadline(), fragments6_.next_deadline(), next_turn_});
}

// ------------------------------------------------------------- services that open connections

template <Nic N, Service... S>
void Worker<N, S...>::take_turns(Instant now) {
    if (openers_.empty()) [[likely]] {
        return;
    }
    next_turn_ = never;
    for (const std::uint16_t service : openers_) {
        Opener<Worker> opener{*this, service, now};
        next_turn_ = std::min(next_turn_, core_.listeners[service].on_turn(opener));
    }
    tcp4_.flush(now);
    tcp6_.flush(now);
}

// ----------------------------------------------------------------------------------- other workers

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

// ----------------------------------------------------------------------------------------- sending

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

template <Nic N, Service... S>
void Worker<N, S...>::publish_gauges() {
    gauges_.set(Gauge::connections, tcp4_.connections() + tcp6_.connections());
    gauges_.set(Gauge::half_open, tcp4_.half_open() + tcp6_.half_open());
    gauges_.set(Gauge::accept_queue, core_.listeners.waiting);
    gauges_.set(Gauge::time_wait, tcp4_.time_wait() + tcp6_.time_wait());
    gauges_.set(Gauge::time_wait_bytes, tcp4_.time_wait_bytes() + tcp6_.time_wait_bytes());
    gauges_.set(Gauge::time_wait_ports, core_.time_wait_ports.distinct());
    gauges_.set(Gauge::time_wait_opened_ports, core_.time_wait_opened_ports.distinct());
    gauges_.set(Gauge::orphans, core_.orphans);
    gauges_.set(Gauge::neighbours, neighbours4_.size() + neighbours6_.size());
    gauges_.set(Gauge::fragmented_datagrams, fragments4_.size() + fragments6_.size());
    gauges_.set(Gauge::path_mtus, tcp4_.path_mtus().size() + tcp6_.path_mtus().size());
    gauges_.set(Gauge::slices_queued, core_.buffers.nodes().in_use());
    gauges_.set(Gauge::chunks_in_use, core_.buffers.chunks().in_use());
    gauges_.set(Gauge::reassemblies_in_use, core_.reassemblies.in_use());
    gauges_.set(Gauge::flights_in_use, core_.flights.flights().in_use());
    gauges_.set(Gauge::sent_records_in_use, core_.flights.records().in_use());
    gauges_.set(Gauge::timers, core_.wheel.size());
}

// ---------------------------------------------------------------------------------------- stopping

template <Nic N, Service... S>
void Worker<N, S...>::drain(Instant now) {
    core_.draining = true;
    tcp4_.drain(now);
    tcp6_.drain(now);
}

template <Nic N, Service... S>
void Worker<N, S...>::abort_all(Instant now) {
    core_.draining = true;
    tcp4_.abort_all(now);
    tcp6_.abort_all(now);
    poll_once(now);
}

template <Nic N, Service... S>
void Worker<N, S...>::release_everything(Instant now) {
    abort_all(now);
    neighbours4_.abandon_held();
    neighbours6_.abandon_held();
    send_resolved(neighbours4_);
    send_resolved(neighbours6_);
    core_.transmitter.flush();
    release_buffers();
    core_.transmitter.release_everything();
}

} // namespace millrace::stack
