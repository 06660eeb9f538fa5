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
    settings.tcp.front().receive_buffer_bytes = scenario.receive_buffer_bytes;
    settings.tcp.front().congestion = scenario.congestion[host];
    settings.tcp.front().ecn = scenario.ecn[host];
    settings.tcp.front().pacing = scenario.pacing[host];
    settings.tcp.front().receive_buffer_max_bytes = scenario.receive_buffer_max_bytes;
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
    set_clocks();
    make_host(0);
    make_host(1);
}

bool Simulation::opens(unsigned host, std::size_t connection) const {
    const Opener opener = scenario_.openers[connection];
    return opener == Opener::both || (opener == Opener::client) == (host == 0);
}

/// The host's key for a connection. Who opens it alone has the port that numbers it.
template <class Addr>
flow::FourTuple<Addr> Simulation::key(unsigned host, std::uint16_t number) const {
    const auto numbered = static_cast<std::uint16_t>(StreamService::first_port + number);
    const unsigned with_number = scenario_.openers[number] == Opener::server ? 1 : 0;
    const bool ours = host == with_number;
    return {address_of<Addr>(host), address_of<Addr>(1 - host), ours ? numbered : server_port,
            ours ? server_port : numbered};
}

/// What the host's clock shows when it draws the scenario's ISS for the first connection.
Duration Simulation::clock_at_first_iss(unsigned host) const {
    const tcp::SequenceSource source{sequence_key(scenario_.seed, host)};
    const auto hash_of = [&](const auto& key) {
        return source.initial(std::as_bytes(std::span{&key, 1}), Instant{}).value();
    };
    const std::uint32_t hash = scenario_.ipv6 ? hash_of(key<wire::Ipv6Addr>(host, 0))
                                              : hash_of(key<wire::Ipv4Addr>(host, 0));
    return std::chrono::microseconds{4} * std::int64_t{scenario_.iss[host] - hash};
}

/// What the host's 1 ms clock shows when the timestamps that it makes of it wrap.
Duration Simulation::clock_at_timestamp_wrap(unsigned host) const {
    const tcp::SequenceSource source{sequence_key(scenario_.seed, host)};
    const auto offset_of = [&](const auto& key) {
        const std::array pair{key.local, key.remote};
        return source.timestamp_offset(std::as_bytes(std::span{pair}));
    };
    const std::uint32_t offset = scenario_.ipv6 ? offset_of(key<wire::Ipv6Addr>(host, 0))
                                                : offset_of(key<wire::Ipv4Addr>(host, 0));
    return std::chrono::milliseconds{(std::int64_t{1} << 32) - offset};
}

/// Who opens does so at once. Who answers does so after a request for its link-layer address, the
/// reply, and the SYN.
Duration Simulation::clock_at_start(unsigned host) {
    constexpr Duration iss_turn = std::chrono::microseconds{4} * (std::int64_t{1} << 32);
    constexpr Duration clock_turn = std::chrono::milliseconds{std::int64_t{1} << 32};
    if (scenario_.clocks[host] == ClockStart::by_iss) {
        const Duration until_iss = opens(host, 0) ? Duration{} : 3 * scenario_.impairments.delay;
        return clock_at_first_iss(host) + iss_turn - until_iss;
    }
    const Duration wraps_at = scenario_.clocks[host] == ClockStart::clock_wraps
                                  ? clock_turn
                                  : clock_at_timestamp_wrap(host) + clock_turn;
    hosts_[host].wraps_at = Instant{wraps_at};
    return wraps_at - scenario_.before_wrap[host];
}

void Simulation::set_clocks() {
    now_ = Instant{clock_at_start(0)};
    deadline_ = now_ + std::chrono::hours{24};
    hosts_[1].clock_offset = Instant{clock_at_start(1)} - now_;
}

void Simulation::make_host(unsigned index) {
    Host& host = hosts_[index];
    TxOffloads offloads;
    offloads.multi_segment = scenario_.attach;
    offloads.ipv4_checksum = offloads.tcp_checksum = scenario_.checksum_offload;
    offloads.tcp_segmentation = scenario_.segmentation;
    host.nic = std::make_unique<support::MemoryNic>(scenario_.packets, offloads);
    host.worker = std::make_unique<Worker>(*host.nic, settings_for(scenario_, index), nullptr,
                                           host_time(host));
    host.iss.resize(host.streams.size());
    host.answered.resize(host.streams.size());
    host.gave_up.resize(host.streams.size());
    stack::ListenerOptions options;
    options.no_delay = scenario_.no_delay[index];
    host.worker->listen(options, StreamService{host.streams});
    options.port = server_port;
    host.worker->listen(options, StreamService{host.streams});
}

template <class Addr>
void Simulation::open_connections() {
    for (unsigned index = 0; index < 2; ++index) {
        Host& host = hosts_[index];
        for (std::uint16_t i = 0; i < host.streams.size(); ++i) {
            if (opens(index, i)) {
                const auto opening = host.worker->connect(key<Addr>(index, i), 0, host_time(host));
                MILLRACE_ASSERT(opening.result == stack::ConnectResult::opening);
            }
        }
    }
}

void Simulation::note_wrap(Host& host) {
    if (host_time(host) >= host.wraps_at) {
        host.has_wrapped = !host.worker->is_drained();
        host.wraps_at = never;
    }
}

void Simulation::poll(unsigned index) {
    Host& host = hosts_[index];
    const auto& counters = host.worker->core().tcp_counters;
    const std::uint64_t before = counters[tcp::Counter::gave_up];
    note_wrap(host);
    host.worker->poll_once(host_time(host));
    if (const std::uint64_t after = counters[tcp::Counter::gave_up]; after > before) {
        find_who_gave_up(index, after - before);
    }
    support::Frame frame;
    while (host.nic->take_sent(frame)) {
        send(index, std::move(frame));
    }
}

void Simulation::send(unsigned from, support::Frame frame) {
    Host& host = hosts_[from];
    const std::optional<SegmentSeen> segment = see_segment(frame);
    if (segment && segment->connection < host.streams.size()) {
        if (segment->syn && !host.streams[segment->connection].opened) {
            host.iss[segment->connection] = segment->seq;
        }
        if (segment->syn && segment->ack) {
            host.answered[segment->connection] = true;
        }
        if (is_cut_off(from, segment->connection)) {
            return;
        }
    }
    network_.send(from, std::move(frame), now_);
}

bool Simulation::is_cut_off(unsigned from, std::size_t connection) {
    return scenario_.cut && scenario_.cut->connection == connection &&
           segments_of_cut_++ >= scenario_.cut->after_segments && scenario_.cut->from[from];
}

/// By the link's clock.
Instant Simulation::next_deadline(const Host& host) const {
    const Instant next = host.worker->next_deadline();
    return next == never || next == Instant::min() ? next : next - host.clock_offset;
}

void Simulation::advance_to_next() {
    Instant next = std::min(network_.next_arrival(), std::min(deadline_, abandon_at_));
    for (const Host& host : hosts_) {
        next = std::min(next, next_deadline(host));
    }
    now_ = std::max(next, now_ + 1us);
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

// --------------------------------------------------------------------------------------- giving up

/// Which connections a host has, in any state.
std::vector<bool> Simulation::connections_at(unsigned index) const {
    const Worker& worker = *hosts_[index].worker;
    std::vector<bool> found(hosts_[index].streams.size());
    const auto take = [&](const auto& summary) {
        const auto port = std::max(summary.key.local_port, summary.key.remote_port);
        found[static_cast<std::size_t>(port - StreamService::first_port)] = true;
    };
    static_cast<void>(worker.host<wire::Ipv4Addr>().walk(0, UINT32_MAX, take));
    static_cast<void>(worker.host<wire::Ipv6Addr>().walk(0, UINT32_MAX, take));
    return found;
}

/// The host's last poll has given `count` connections up: among those that have ended in it the
/// unfinished ones, or else finished ones that waited for the acknowledgement of their FIN.
void Simulation::find_who_gave_up(unsigned index, std::uint64_t count) {
    Host& host = hosts_[index];
    const std::vector<bool> alive = connections_at(index);
    std::uint64_t found = 0;
    for (const bool finished : {false, true}) {
        for (std::size_t i = 0; i < host.streams.size() && (!finished || found < count); ++i) {
            const Stream& stream = host.streams[i];
            const bool ended_now = !alive[i] && (stream.opened ? stream.closed_at == host_time(host)
                                                               : opens(index, i));
            if (ended_now && stream.complete() == finished && !gave_up(i)) {
                host.gave_up[i] = true;
                ++found;
            }
        }
    }
    if (found > count) {
        failure_ = std::to_string(found) + " connections ended unfinished where " +
                   std::to_string(count) + " gave up";
    }
    // Longer than all the retransmissions of a peer that has something to send.
    abandon_at_ = now_ + std::chrono::hours{1};
}

bool Simulation::gave_up(std::size_t connection) const {
    return std::ranges::any_of(hosts_, [connection](const Host& host) {
        return host.gave_up[connection] || host.streams[connection].unreachable;
    });
}

bool Simulation::only_peers_of_these_are_left() const {
    for (unsigned index = 0; index < 2; ++index) {
        const std::vector<bool> alive = connections_at(index);
        for (std::size_t i = 0; i < alive.size(); ++i) {
            if (alive[i] && !hosts_[1 - index].gave_up[i]) {
                return false;
            }
        }
    }
    return true;
}

/// A peer that waits for data, without keep-alive, never hears that the other end gave up.
void Simulation::end_forgotten_peers() {
    if (only_peers_of_these_are_left()) {
        for (Host& host : hosts_) {
            host.worker->abort_all(host_time(host));
        }
    }
    abandon_at_ = now_ + std::chrono::hours{1};
}

Outcome Simulation::run() {
    const Instant began = now_;
    if (scenario_.ipv6) {
        open_connections<wire::Ipv6Addr>();
    } else {
        open_connections<wire::Ipv4Addr>();
    }
    poll(0);
    poll(1);
    while (!all_ended() && now_ < deadline_) {
        step();
        if (now_ >= abandon_at_) {
            end_forgotten_peers();
        }
    }
    Outcome outcome;
    outcome.took = now_ - began;
    outcome.failure = failure_;
    if (outcome.failure.empty()) {
        outcome.failure = all_ended() ? check_streams() : "a connection has not ended in a day";
    }
    if (outcome.failure.empty()) {
        outcome.failure = check_byte_counters();
    }
    for (Host& host : hosts_) {
        host.worker->release_everything(host_time(host));
    }
    if (outcome.failure.empty()) {
        outcome.failure = check_pools();
    }
    count_events(outcome);
    if (outcome.failure.empty()) {
        outcome.failure = check_timers();
    }
    outcome.passed = outcome.failure.empty();
    return outcome;
}

// ------------------------------------------------------------------------------ what has come of
// it

std::string Simulation::check_streams() const {
    for (unsigned side = 0; side < 2; ++side) {
        for (std::size_t i = 0; i < hosts_[side].streams.size(); ++i) {
            const Stream& stream = hosts_[side].streams[i];
            const std::string name =
                (side == 0 ? "client's stream " : "server's stream ") + std::to_string(i);
            if (stream.wrong) {
                return name + " is wrong before byte " + std::to_string(stream.received);
            }
            if (!stream.complete() && !gave_up(i)) {
                return name + " has received " + std::to_string(stream.received) + " of " +
                       std::to_string(stream.expect_bytes) + " bytes and sent " +
                       std::to_string(stream.sent) + " of " + std::to_string(stream.send_bytes);
            }
        }
    }
    return {};
}

/// The engines have counted the bytes that the streams have carried. Of a connection that was given
/// up some have arrived, and where the last acknowledgements got lost some that have are not known
/// to.
std::string Simulation::check_byte_counters() const {
    for (unsigned side = 0; side < 2; ++side) {
        const Host& host = hosts_[side];
        const auto& counters = host.worker->core().tcp_counters;
        const std::uint64_t received = counters[tcp::Counter::bytes_received];
        const std::uint64_t acked = counters[tcp::Counter::bytes_acked];
        std::uint64_t taken = 0;
        std::uint64_t sent = 0;
        bool all_taken = true;
        bool all_acked = true;
        for (std::size_t i = 0; i < host.streams.size(); ++i) {
            const bool known = !gave_up(i) && !host.streams[i].reset;
            taken += host.streams[i].received;
            sent += known ? host.streams[i].send_bytes : 0;
            all_taken = all_taken && !gave_up(i);
            all_acked = all_acked && known;
        }
        const bool right = all_taken ? received == taken : received >= taken;
        const bool acked_right = all_acked ? acked == sent : acked >= sent;
        const auto& peer = hosts_[1 - side].worker->core().tcp_counters;
        if (!right || !acked_right || acked > peer[tcp::Counter::bytes_received]) {
            return std::string{side == 0 ? "client" : "server"} + " has counted " +
                   std::to_string(received) + " bytes received where its streams have taken " +
                   std::to_string(taken) + ", and " + std::to_string(acked) +
                   " bytes acknowledged where they have sent " + std::to_string(sent);
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
                core.reassemblies.in_use() + core.flights.flights().in_use() +
                core.flights.records().in_use() !=
            0) {
            return side + "nodes, chunks or reassemblies are missing";
        }
    }
    return {};
}

/// Empties the wheels. No connection has a timer any more; the peer's entries in the neighbour
/// caches and the control protocols have at most one each. Nothing is polled after this.
std::string Simulation::check_timers() {
    for (Host& host : hosts_) {
        std::array<unsigned, static_cast<std::size_t>(stack::TimerKind::control) + 1> left{};
        host.worker->core().wheel.advance(never,
                                          [&](const timer::Node& node) { ++left[node.kind()]; });
        for (std::size_t kind = 0; kind < left.size(); ++kind) {
            const bool of_connections =
                kind < static_cast<std::size_t>(stack::TimerKind::neighbour_ipv4);
            if (left[kind] > (of_connections ? 0U : 1U)) {
                return (&host == &hosts_[0] ? "client: " : "server: ") +
                       std::to_string(left[kind]) + " timers of kind " + std::to_string(kind) +
                       " are left";
            }
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
        outcome.events["large_packets_cut"] += core.counters[stack::Counter::large_packets_sent];
        outcome.events["payload_attached"] +=
            core.counters[stack::Counter::payload_bytes_attached] > 0 ? 1U : 0U;
    }
    const LinkCounters& link = network_.counters();
    outcome.events["link.lost"] += link.lost;
    outcome.events["link.duplicated"] += link.duplicated;
    outcome.events["link.reordered"] += link.reordered;
    outcome.events["link.marked"] += link.marked;
    outcome.events["link.corrupted"] += link.corrupted;
    outcome.events["link.too_long"] += link.too_long;
    outcome.events[scenario_.ipv6 ? "ipv6" : "ipv4"] = 1;
    count_streams(outcome);
}

void Simulation::count_streams(Outcome& outcome) const {
    const auto count = [&](const char* event, bool met) { outcome.events[event] += met ? 1U : 0U; };
    for (std::size_t i = 0; i < hosts_[0].streams.size(); ++i) {
        const std::array wraps{has_wrapped(0, i), has_wrapped(1, i)};
        count("sequence_wrap_to_client", wraps[0]);
        count("sequence_wrap_to_server", wraps[1]);
        count("sequence_wrap_both_ways", wraps[0] && wraps[1]);
        for (const Host& host : hosts_) {
            const Stream& stream = host.streams[i];
            count("stream_of_1_byte", stream.complete() && stream.received == 1);
            count("stream_of_8_megabytes", stream.complete() && stream.received >= 8'000'000);
        }
        count("opened_by_server", scenario_.openers[i] == Opener::server && !gave_up(i));
        count("simultaneous_open", hosts_[0].answered[i] && hosts_[1].answered[i] && !gave_up(i));
        if (gave_up(i)) {
            ++outcome.gave_up;
            outcome.gave_up_uncut += scenario_.cut && scenario_.cut->connection == i ? 0U : 1U;
        }
    }
    count("gave_up", outcome.gave_up > 0);
    for (unsigned index = 0; index < 2; ++index) {
        const ClockStart start = scenario_.clocks[index];
        const bool wrapped = hosts_[index].has_wrapped;
        count("clock_wrap", wrapped && start == ClockStart::clock_wraps);
        count("timestamp_wrap", wrapped && start == ClockStart::timestamps_wrap);
        count("newreno", scenario_.congestion[index] == tcp::CongestionAlgorithm::new_reno);
        count("cubic", scenario_.congestion[index] == tcp::CongestionAlgorithm::cubic);
        count("nagle", !scenario_.no_delay[index]);
    }
}

/// The byte with sequence number 0 has come.
bool Simulation::has_wrapped(unsigned receiver, std::size_t connection) const {
    const wire::SeqNum first_byte = hosts_[1 - receiver].iss[connection] + 1;
    return hosts_[receiver].streams[connection].received > 0U - first_byte.value();
}

} // namespace millrace::sim
