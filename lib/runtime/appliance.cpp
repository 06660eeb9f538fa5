#include "runtime/appliance.hpp"

#include "appliance_state.hpp"
#include "runtime/listening.hpp"
#include "runtime/pipeline_counters.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>

namespace millrace::runtime {

namespace {

/// The counters of those services that connections are for.
void register_services(CounterRegistry& registry, const PortSet& set, const std::string& of,
                       const Config& config) {
    const auto stream_infos = counter_infos(service::stream_counter_names,
                                            service::stream_counter_texts, CounterKind::counter);
    const auto http_infos = counter_infos(service::http_counter_names, service::http_counter_texts,
                                          CounterKind::counter);
    const auto is_used = [&](ServiceKind kind) {
        return std::ranges::any_of(config.listeners, [&](const ListenConfig& listener) {
            return listener.service == kind && listener.protocol == Protocol::tcp;
        });
    };
    for (const auto& counters : set.service_counters) {
        const auto add = [&](ServiceKind kind, const auto& its_infos, const auto& block) {
            if (is_used(kind)) {
                registry.add_block(std::string{name(kind)} + of, its_infos, block);
            }
        };
        add(ServiceKind::http, http_infos, counters->http);
        add(ServiceKind::echo, stream_infos, counters->echo);
        add(ServiceKind::discard, stream_infos, counters->discard);
        add(ServiceKind::source, stream_infos, counters->source);
    }
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
    for (const auto& worker : state_->workers) {
        registry.add_block("worker", loop_counter_infos(), worker->loop->meter().counters());
    }
    for (const auto& set : state_->ports) {
        // With several ports the groups carry the port's name.
        const std::string of = state_->ports.size() > 1 ? " " + set->name : "";
        for (const auto& pipeline : set->pipelines) {
            register_pipeline(registry, of, *pipeline);
        }
        register_services(registry, *set, of, state_->config);
        register_port(registry, set->name, set->port);
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
            std::ranges::move(leaks_of(*pipeline, set->name), std::back_inserter(leaks.found));
        }
        if (const std::uint32_t missing = set->close(); missing > 0) {
            leaks.found.push_back(
                fmt::format("port {}: {} packets were not given back", set->name, missing));
        }
    }
    return leaks;
}

} // namespace millrace::runtime
