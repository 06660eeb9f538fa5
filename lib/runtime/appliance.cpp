#include "runtime/appliance.hpp"

#include "appliance_state.hpp"
#include "runtime/listening.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>

namespace millrace::runtime {

namespace {

template <std::size_t count>
std::vector<CounterInfo> infos(const std::array<std::string_view, count>& names,
                               const std::array<std::string_view, count>& texts, CounterKind kind) {
    std::vector<CounterInfo> result;
    for (std::size_t i = 0; i < count; ++i) {
        result.push_back({std::string{names[i]}, std::string{texts[i]}, kind, Combine::sum});
    }
    return result;
}

std::vector<CounterInfo> drop_infos() {
    std::vector<CounterInfo> result;
    for (std::size_t i = 0; i < wire::drop_count; ++i) {
        const auto drop = static_cast<wire::Drop>(i);
        result.push_back({i == 0 ? "none" : std::string{wire::name(drop)},
                          i == 0 ? "not dropped" : std::string{wire::text(drop)},
                          CounterKind::counter, Combine::sum});
    }
    return result;
}

void register_port(CounterRegistry& registry, const PortSet& set) {
    const std::string group = "port " + set.name;
    const auto add = [&](const char* name, const char* help, std::uint64_t nic::PortStats::*value) {
        registry.add(group, {name, help, CounterKind::counter, Combine::sum},
                     [&set, value]() -> std::uint64_t {
                         return set.port == nullptr ? 0 : set.port->stats().*value;
                     });
    };
    add("rx_packets", "packets the port has received", &nic::PortStats::rx_packets);
    add("tx_packets", "packets the port has sent", &nic::PortStats::tx_packets);
    add("rx_bytes", "bytes the port has received", &nic::PortStats::rx_bytes);
    add("tx_bytes", "bytes the port has sent", &nic::PortStats::tx_bytes);
    add("imissed", "packets the port dropped because its receive queue was full",
        &nic::PortStats::imissed);
    add("ierrors", "packets the port received damaged", &nic::PortStats::ierrors);
    add("oerrors", "packets the port failed to send", &nic::PortStats::oerrors);
    add("rx_nombuf", "times there was no packet memory to receive into",
        &nic::PortStats::rx_nombuf);
    add("tx_copied", "packets sent as a copy because the port cannot send such chains",
        &nic::PortStats::tx_copied);
    add("tx_refused", "packets not sent: too long, too many pieces, or no memory to copy into",
        &nic::PortStats::tx_refused);
    add("tx_rejected", "packets not sent because the driver cannot do what they ask for",
        &nic::PortStats::tx_rejected);
}

template <class Addr>
ConnectionInfo info_of(const stack::Summary<Addr>& summary, const Config& config,
                       std::uint32_t worker) {
    ConnectionInfo info;
    info.state = summary.state;
    info.local = {summary.key.local, summary.key.local_port};
    info.remote = {summary.key.remote, summary.key.remote_port};
    info.receive_queue_bytes = summary.receive_queue_bytes;
    info.send_queue_bytes = summary.send_queue_bytes;
    info.worker = worker;
    for (const ListenConfig& listener : config.listeners) {
        const bool hears =
            listener.addresses.empty() ||
            std::ranges::find(listener.addresses, info.local.address) != listener.addresses.end();
        if (listener.protocol == Protocol::tcp && listener.port == info.local.port && hears) {
            info.service = name(listener.service);
        }
    }
    return info;
}

void check_pools(const Pipeline& pipeline, const std::string& port,
                 std::vector<std::string>& found) {
    const auto& core = pipeline.core();
    const auto check = [&](std::string_view what, std::uint32_t in_use) {
        if (in_use != 0) {
            found.push_back(fmt::format("port {}, worker {}: {} {} were not given back", port,
                                        core.settings.worker, in_use, what));
        }
    };
    check("connections", pipeline.host<wire::Ipv4Addr>().connections() +
                             pipeline.host<wire::Ipv6Addr>().connections());
    check("half-open entries", pipeline.host<wire::Ipv4Addr>().half_open() +
                                   pipeline.host<wire::Ipv6Addr>().half_open());
    check("queued slices", core.buffers.nodes().in_use());
    check("chunks", core.buffers.chunks().in_use());
    check("reassemblies", core.reassemblies.in_use());
    check("flights", core.flights.flights().in_use());
    check("sent records", core.flights.records().in_use());
}

/// Where a walk of all tables stands: the pipeline, its family, the bucket.
struct WalkPosition {
    std::uint64_t bits;

    static constexpr unsigned bucket_bits = 32;

    [[nodiscard]] std::uint32_t bucket() const { return static_cast<std::uint32_t>(bits); }
    [[nodiscard]] bool ipv6() const { return (bits >> bucket_bits & 1) != 0; }
    [[nodiscard]] std::size_t pipeline() const { return bits >> (bucket_bits + 1); }

    [[nodiscard]] std::uint64_t at_bucket(std::uint32_t bucket) const {
        return (bits >> bucket_bits << bucket_bits) | bucket;
    }
    [[nodiscard]] std::uint64_t next_table() const {
        return ((bits >> bucket_bits) + 1) << bucket_bits;
    }
};

} // namespace

Appliance::Appliance(std::unique_ptr<State> state) : state_{std::move(state)} {}

Appliance::~Appliance() {
    static_cast<void>(stop());
}

const std::string& Appliance::banner() const {
    return state_->banner;
}

void Appliance::register_counters(CounterRegistry& registry) const {
    const auto stack_infos =
        infos(stack::counter_names, stack::counter_texts, CounterKind::counter);
    const auto gauge_infos = infos(stack::gauge_names, stack::gauge_texts, CounterKind::gauge);
    const auto tcp_infos = infos(tcp::counter_names, tcp::counter_texts, CounterKind::counter);
    const auto control_infos =
        infos(stack::control_counter_names, stack::control_counter_texts, CounterKind::counter);
    for (const auto& worker : state_->workers) {
        registry.add_block("worker", loop_counter_infos(), worker->loop->meter().counters());
    }
    for (const auto& set : state_->ports) {
        // With several ports the groups carry the port's name.
        const std::string of = state_->ports.size() > 1 ? " " + set->name : "";
        for (const auto& pipeline : set->pipelines) {
            registry.add_block("use" + of, gauge_infos, pipeline->gauges());
            registry.add_block("stack" + of, stack_infos, pipeline->core().counters);
            registry.add_block("tcp" + of, tcp_infos, pipeline->core().tcp_counters);
            registry.add_block("control" + of, control_infos, pipeline->control().counters());
            registry.add_block("drop" + of, drop_infos(), pipeline->core().drops);
        }
        register_port(registry, *set);
    }
}

std::optional<std::uint64_t> Appliance::visit(std::uint64_t cursor, std::size_t slots_max,
                                              const Visitor& visitor) {
    if (cursor == 0 && !state_->draining) {
        std::ranges::for_each(listening(state_->config), visitor);
    }
    const WalkPosition position{cursor};
    const std::size_t workers = state_->config.workers.count;
    if (position.pipeline() >= state_->ports.size() * workers) {
        return std::nullopt;
    }
    const auto worker = static_cast<std::uint32_t>(position.pipeline() % workers);
    const PortSet& set = *state_->ports[position.pipeline() / workers];
    if (set.pipelines.empty()) {
        return std::nullopt; // Stopped.
    }
    const Pipeline& pipeline = *set.pipelines[worker];
    const auto buckets = static_cast<std::uint32_t>(
        std::max<std::size_t>(slots_max / flow::detail::Bucket::slots, 1));
    const auto take = [&](const auto& summary) {
        visitor(info_of(summary, state_->config, worker));
    };
    const std::optional<std::uint32_t> next =
        position.ipv6() ? pipeline.host<wire::Ipv6Addr>().walk(position.bucket(), buckets, take)
                        : pipeline.host<wire::Ipv4Addr>().walk(position.bucket(), buckets, take);
    return next ? position.at_bucket(*next) : position.next_table();
}

void Appliance::stop_listening() {
    state_->draining = true;
    for (const auto& worker : state_->workers) {
        worker->pipelines.order(Pipelines::Order::drain);
    }
}

std::size_t Appliance::connections() const {
    std::size_t total = 0;
    for (const auto& worker : state_->workers) {
        total += worker->pipelines.has_order() ? 1U : 0U; // What it leaves is not known yet.
    }
    for (const auto& set : state_->ports) {
        for (const auto& pipeline : set->pipelines) {
            total += pipeline->gauges()[stack::Gauge::connections] +
                     pipeline->gauges()[stack::Gauge::half_open];
        }
    }
    return total;
}

void Appliance::update_wall_clock() {
    const auto wall =
        std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch());
    state_->wall_clock.store((wall - SteadyClock::now().time_since_epoch()).count(),
                             std::memory_order_relaxed);
}

void Appliance::State::stop_workers() {
    for (const auto& worker : workers) {
        if (worker->loop != nullptr) {
            worker->loop->stop();
        }
    }
    for (const auto& worker : workers) {
        if (worker->thread.joinable()) {
            worker->thread.join();
        }
    }
}

Appliance::Leaks Appliance::stop() {
    Leaks leaks;
    state_->stop_workers();
    for (const auto& set : state_->ports) {
        if (set->port == nullptr) {
            continue; // Stopped before.
        }
        for (const auto& pipeline : set->pipelines) {
            pipeline->release_everything(SteadyClock::now());
            check_pools(*pipeline, set->name, leaks.found);
        }
        for (const auto& nic : set->nics) {
            nic->clear();
        }
        const std::uint32_t kept = set->port->packets_kept();
        set->port->stop();
        set->port.reset();
        std::uint32_t missing = 0;
        for (const auto& pool : set->pools) {
            missing += pool->in_use();
        }
        if (missing > kept) {
            leaks.found.push_back(
                fmt::format("port {}: {} packets were not given back", set->name, missing - kept));
        }
    }
    return leaks;
}

} // namespace millrace::runtime
