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
    /// port by RFC 6056, so that this worker is the connection's home). The service finds `state`
    /// in its `Socket::state`. Not from within a service's `on` or `receive`: see `OpeningService`.
    template <class Addr>
    [[nodiscard]] Connecting<Addr> connect(const flow::FourTuple<Addr>& key, std::uint16_t service,
                                           Instant now, const ServiceState& state = {}) {
        return host<Addr>().connect(key, service, now, state);
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
    [[nodiscard]] const Control& control() const { return control_; }

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
    void dispatch(Packet packet, const wire::EthernetFrame& frame, const IpPacket& ip,
                  wire::Drop drop, bool steered, Instant now);
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
    void send_resolved(Neighbours<Addr>& neighbours, Instant now);
    template <class Addr>
    void tell_unreachable(std::span<const std::byte> ip, Instant now);
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
    if (!core_.transmitter.idle() || tcp4_.has_touched() || tcp6_.has_touched() ||
        control_.has_frames()) {
        return Instant::min();
    }
    return std::min({core_.wheel.next_deadline(), tcp4_.next_deadline(), tcp6_.next_deadline(),
                     fragments4_.next_deadline(), fragments6_.next_deadline(), next_turn_});
}

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
    send_resolved(neighbours4_, now);
    send_resolved(neighbours6_, now);
    core_.transmitter.flush();
    release_buffers();
    core_.transmitter.release_everything();
}

} // namespace millrace::stack

#include "stack/worker_fragments.hpp" // IWYU pragma: keep
#include "stack/worker_input.hpp"     // IWYU pragma: keep
#include "stack/worker_output.hpp"    // IWYU pragma: keep
#include "stack/worker_steering.hpp"  // IWYU pragma: keep
#include "stack/worker_udp.hpp"       // IWYU pragma: keep
