#include "simulation.hpp"

#include "tcp/isn.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace millrace::sim {

namespace {

constexpr std::uint16_t server_port = 7;

wire::Ipv4Addr ipv4_of(unsigned host) {
    return {198, 18, 0, static_cast<std::uint8_t>(host + 1)};
}
wire::Ipv6Addr ipv6_of(unsigned host) {
    wire::Ipv6Addr address{{0x20, 0x01, 0x0d, 0xb8}};
    address.bytes[15] = static_cast<std::uint8_t>(host + 1);
    return address;
}

template <class Addr>
Addr address_of(unsigned host) {
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        return ipv4_of(host);
    } else {
        return ipv6_of(host);
    }
}

SipKey sequence_key(std::uint64_t seed, unsigned host) {
    return {seed * 2 + host, ~seed};
}

stack::WorkerSettings settings_for(const Scenario& scenario, unsigned host) {
    stack::WorkerSettings settings;
    settings.interface.mac = {{2, 0, 0, 0, 0, static_cast<std::uint8_t>(host + 1)}};
    settings.interface.ipv4 = {{ipv4_of(host), 24}};
    settings.interface.ipv6 = {{ipv6_of(host), 64}};
    settings.interface.add_link_local();
    settings.tcp.receive_buffer_bytes = scenario.receive_buffer_bytes;
    settings.buffers.chunks = scenario.chunks;
    settings.buffers.packets = static_cast<std::uint32_t>(scenario.packets / 2);
    settings.buffers.packet_bytes = sizeof(support::PacketBuffer);
    settings.sequence_key = sequence_key(scenario.seed, host);
    settings.connections_max = 64;
    settings.half_open_max = 64;
    settings.time_wait_max = 64;
    settings.reassemblies_max = 64;
    settings.time_wait_durations = {2s};
    settings.control.ipv6_probes = 0; // Addresses are usable at once.
    return settings;
}

} // namespace

Simulation::Simulation(const Scenario& scenario)
    : scenario_{scenario}, network_{scenario.seed, scenario.impairments} {
    hosts_[0].streams = scenario.client_streams;
    for (const Stream& stream : scenario.client_streams) {
        Stream mirror = stream;
        std::swap(mirror.sends, mirror.expects);
        std::swap(mirror.send_bytes, mirror.expect_bytes);
        hosts_[1].streams.push_back(mirror);
    }
    choose_start();
    make_host(0);
    make_host(1);
}

/// Begins at the instant at which the first connection's ISS is the scenario's.
void Simulation::choose_start() {
    const tcp::SequenceSource source{sequence_key(scenario_.seed, 0)};
    const auto hash_of = [&](const auto& key) {
        return source.initial(std::as_bytes(std::span{&key, 1}), Instant{}).value();
    };
    const std::uint32_t hash = scenario_.ipv6 ? hash_of(client_key<wire::Ipv6Addr>(0))
                                              : hash_of(client_key<wire::Ipv4Addr>(0));
    now_ = Instant{std::chrono::microseconds{4} * std::int64_t{scenario_.client_iss - hash}};
}

template <class Addr>
flow::FourTuple<Addr> Simulation::client_key(std::uint16_t number) const {
    return {address_of<Addr>(0), address_of<Addr>(1),
            static_cast<std::uint16_t>(StreamService::first_port + number), server_port};
}

void Simulation::make_host(unsigned index) {
    Host& host = hosts_[index];
    TxOffloads offloads;
    offloads.multi_segment = scenario_.attach;
    offloads.ipv4_checksum = offloads.tcp_checksum = scenario_.checksum_offload;
    host.nic = std::make_unique<support::MemoryNic>(scenario_.packets, offloads);
    host.worker =
        std::make_unique<Worker>(*host.nic, settings_for(scenario_, index), nullptr, now_);
    stack::ListenerOptions options;
    options.port = index == 0 ? 0 : server_port;
    host.worker->listen(options, StreamService{host.streams});
}

template <class Addr>
void Simulation::open_connections() {
    for (std::uint16_t i = 0; i < hosts_[0].streams.size(); ++i) {
        MILLRACE_ASSERT(hosts_[0].worker->connect(client_key<Addr>(i), 0, now_));
    }
}

void Simulation::poll(unsigned index) {
    Host& host = hosts_[index];
    host.worker->poll_once(now_);
    support::Frame frame;
    while (host.nic->take_sent(frame)) {
        network_.send(index, std::move(frame), now_);
    }
}

void Simulation::advance_to_next() {
    Instant next = network_.next_arrival();
    for (const Host& host : hosts_) {
        next = std::min(next, host.worker->next_deadline());
    }
    if (next != never) {
        now_ = std::max(next, now_ + 1us);
    }
}

void Simulation::step() {
    advance_to_next();
    while (auto arrival = network_.take(now_)) {
        static_cast<void>(hosts_[arrival->to].nic->deliver(arrival->frame));
    }
    poll(0);
    poll(1);
}

bool Simulation::all_ended() const {
    return std::ranges::all_of(hosts_, [](const Host& host) {
        return host.worker->is_drained() &&
               host.worker->template host<wire::Ipv4Addr>().time_wait() == 0 &&
               host.worker->template host<wire::Ipv6Addr>().time_wait() == 0;
    });
}

bool Simulation::any_gave_up() const {
    return std::ranges::any_of(hosts_, [](const Host& host) {
        return host.worker->core().tcp_counters[tcp::Counter::gave_up] > 0;
    });
}

Outcome Simulation::run() {
    const Instant deadline = now_ + std::chrono::hours{24};
    if (scenario_.ipv6) {
        open_connections<wire::Ipv6Addr>();
    } else {
        open_connections<wire::Ipv4Addr>();
    }
    poll(0);
    while (!all_ended() && now_ < deadline) {
        step();
        if (any_gave_up()) {
            // Without keep-alive the other end may never hear of it: end it too.
            for (Host& host : hosts_) {
                host.worker->abort_all(now_);
            }
        }
    }
    Outcome outcome;
    outcome.failure = all_ended() ? check_streams() : "a connection has not ended in a day";
    for (Host& host : hosts_) {
        host.worker->release_everything(now_);
    }
    if (outcome.failure.empty()) {
        outcome.failure = check_pools();
    }
    outcome.passed = outcome.failure.empty();
    count_events(outcome);
    return outcome;
}

std::string Simulation::check_streams() const {
    for (unsigned side = 0; side < 2; ++side) {
        for (std::size_t i = 0; i < hosts_[side].streams.size(); ++i) {
            const Stream& stream = hosts_[side].streams[i];
            const std::string name =
                (side == 0 ? "client's stream " : "server's stream ") + std::to_string(i);
            if (stream.wrong) {
                return name + " is wrong before byte " + std::to_string(stream.received);
            }
            if (!stream.complete() && !any_gave_up()) {
                return name + " has received " + std::to_string(stream.received) + " of " +
                       std::to_string(stream.expect_bytes) + " bytes and sent " +
                       std::to_string(stream.sent) + " of " + std::to_string(stream.send_bytes);
            }
        }
    }
    return {};
}

std::string Simulation::check_pools() const {
    for (const Host& host : hosts_) {
        const auto& core = host.worker->core();
        const std::string side = &host == &hosts_[0] ? "client: " : "server: ";
        if (host.nic->packets_in_use() != 0) {
            return side + std::to_string(host.nic->packets_in_use()) + " packets are missing";
        }
        if (core.buffers.nodes().in_use() + core.buffers.chunks().in_use() +
                core.reassemblies.in_use() !=
            0) {
            return side + "nodes, chunks or reassemblies are missing";
        }
        if (core.wheel.size() > 0 && host.worker->is_drained() &&
            host.worker->template host<wire::Ipv4Addr>().connections() != 0) {
            return side + "a timer is left";
        }
    }
    return {};
}

void Simulation::count_events(Outcome& outcome) const {
    for (const Host& host : hosts_) {
        const auto& core = host.worker->core();
        for (std::size_t i = 0; i < tcp::counter_names.size(); ++i) {
            outcome.events["tcp." + std::string{tcp::counter_names[i]}] +=
                core.tcp_counters[static_cast<tcp::Counter>(i)];
        }
        for (std::size_t i = 1; i < wire::drop_count; ++i) {
            const auto drop = static_cast<wire::Drop>(i);
            outcome.events["drop." + std::string{wire::name(drop)}] += core.drops[drop];
        }
        for (const Stream& stream : host.streams) {
            const bool wraps = stream.sends == hosts_[0].streams.front().sends &&
                               stream.sent > 0U - scenario_.client_iss;
            outcome.events["sequence_wrap"] += wraps ? 1U : 0U;
        }
        outcome.events["payload_attached"] +=
            core.counters[stack::Counter::payload_bytes_attached] > 0 ? 1U : 0U;
    }
    const LinkCounters& link = network_.counters();
    outcome.events["link.lost"] += link.lost;
    outcome.events["link.duplicated"] += link.duplicated;
    outcome.events["link.reordered"] += link.reordered;
    outcome.events["link.corrupted"] += link.corrupted;
}

} // namespace millrace::sim
