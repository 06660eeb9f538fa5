#pragma once

#include "base/pool.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "flow/home.hpp"
#include "stack/control.hpp"
#include "stack/counters.hpp"
#include "stack/ephemeral_ports.hpp"
#include "stack/fragments.hpp"
#include "stack/interface.hpp"
#include "stack/listener.hpp"
#include "stack/nic_concept.hpp"
#include "stack/time_wait_queue.hpp"
#include "stack/transmitter.hpp"
#include "tcp/engine.hpp"
#include "tcp/isn.hpp"
#include "timer/wheel.hpp"

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace millrace::stack {

/// What one worker is made with. Capacities are the worker's own; nothing grows later.
struct WorkerSettings {
    Interface interface;
    /// What a listener may choose for its connections: it names one of these, at most `tcp_max`.
    std::vector<tcp::Config> tcp{tcp::Config{}};
    static constexpr std::size_t tcp_max = 256;
    tcp::Buffers::Limits buffers;
    SipKey sequence_key{};    ///< Drawn at boot; the same for all workers.
    SipKey hash_key{};        ///< Likewise; of the connection table, and of our ports' order.
    std::uint32_t worker = 0; ///< Of `workers`, counted from 0.
    std::uint32_t workers = 1;
    const flow::Home* home = nullptr; ///< Which worker a connection belongs to; null: this one.
    PortRange ephemeral_ports;        ///< Of connections that we open.
    std::uint32_t connections_max = 65536; ///< Of each family.
    std::uint32_t half_open_max = 8192;
    std::uint32_t orphans_max = 65536; ///< Connections whose user is gone; what is more is reset.
    std::uint32_t time_wait_max = 65536;
    TimeWaitWhenFull time_wait_when_full = TimeWaitWhenFull::oldest;
    std::uint32_t path_mtus_max = 1024; ///< Destinations of each family with an MTU of their own.
    std::uint32_t reassemblies_max = 8192; ///< Connections with a gap in what they received.
    tcp::Flights::Limits
        flights; ///< Connections with data in flight, and records of what was sent.
    /// How long the connections of a listener stay in TIME-WAIT: it names one of these, at most 8.
    std::vector<Duration> time_wait_durations{60s};
    ControlOptions control; ///< Who speaks for the port is decided by `worker`.
    NeighbourLimits neighbours;
    FragmentLimits fragments; ///< Of each family.
    std::pmr::memory_resource* memory = std::pmr::get_default_resource();
};

/// What all of one worker's protocols share.
template <Nic N, Service... S>
struct Core {
    using NicType = N;
    using Packet = typename N::Packet;

    Core(N& port, const WorkerSettings& wanted, Instant now)
        : nic{port}, settings{wanted}, wheel{now}, buffers{buffers_of(settings), *settings.memory},
          reassemblies{settings.reassemblies_max, *settings.memory}, flights{settings.flights,
                                                                             *settings.memory},
          sequences{settings.sequence_key}, transmitter{nic, counters, drops},
          time_wait_ports{*settings.memory}, time_wait_opened_ports{*settings.memory} {}

    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    N& nic;
    const WorkerSettings settings;
    timer::Wheel wheel;
    tcp::Buffers buffers;
    Pool<tcp::Reassembly> reassemblies;
    tcp::Flights flights;
    tcp::SequenceSource sequences;
    Counters counters;
    Drops drops;
    tcp::Counters tcp_counters;
    tcp::Output output;
    Transmitter<N> transmitter;
    Listeners<S...> listeners;
    PortUse time_wait_ports;        ///< Ports of ours that entries in TIME-WAIT hold.
    PortUse time_wait_opened_ports; ///< Those of connections that we opened: none else can be had.
    tcp::Context context{settings.tcp, buffers, reassemblies, flights, tcp_counters, output};
    std::uint32_t orphans = 0; ///< Connections of either family whose user is gone.
    bool draining = false;

    /// The packets of one queue may all end at one worker, or at each of them: together they may
    /// hold no more than one worker could.
    static tcp::Buffers::Limits buffers_of(const WorkerSettings& settings) {
        tcp::Buffers::Limits limits = settings.buffers;
        limits.packets /= settings.workers;
        return limits;
    }

    void drop(Packet packet, wire::Drop reason) {
        drops.add(reason);
        nic.release(packet);
    }
};

} // namespace millrace::stack
