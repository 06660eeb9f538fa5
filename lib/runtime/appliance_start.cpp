#include "appliance_state.hpp"

#include "http/content_loader.hpp"
#include "runtime/eal_memory.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/core.h>
#include <span>
#include <utility>

/// From a configuration to running workers.
namespace millrace::runtime {

namespace {

EalOptions::Hugepages hugepages(Hugepages wanted) {
    switch (wanted) {
    case Hugepages::automatic:
        return EalOptions::Hugepages::automatic;
    case Hugepages::on:
        return EalOptions::Hugepages::on;
    case Hugepages::off:
        return EalOptions::Hugepages::off;
    }
    return EalOptions::Hugepages::automatic;
}

std::string key_of(std::string_view table, std::size_t index, std::string_view key) {
    return fmt::format("{}[{}].{}", table, index, key);
}

/// The durations of TIME_WAIT that listeners use, the common one first.
std::vector<Duration> time_wait_durations(const Config& config) {
    std::vector<Duration> all{config.tcp.time_wait.duration};
    for (const ListenConfig& listener : config.listeners) {
        const Duration duration = time_wait_of(listener, config.tcp.time_wait).duration;
        if (std::ranges::find(all, duration) == all.end()) {
            all.push_back(duration);
        }
    }
    return all;
}

service::HttpOptions http_options(const ListenConfig& config) {
    service::HttpOptions options;
    options.limits.head_bytes = config.head_bytes_max;
    options.body_bytes_max = config.body_bytes_max;
    options.echo_path = config.echo_path;
    options.head_timeout = config.head_timeout;
    options.body_timeout = config.body_timeout;
    options.idle_timeout = config.idle_timeout;
    return options;
}

} // namespace

std::optional<ConfigError> Appliance::State::start_eal() {
    EalOptions options;
    options.hugepages = hugepages(config.eal.hugepages);
    options.memory_mb = config.eal.memory_mb;
    options.arguments = config.eal.arguments;
    options.pci = std::ranges::any_of(config.ports,
                                      [](const PortConfig& port) { return is_pci(port.device); });
    auto started = Eal::start(options);
    if (!started) {
        return config.origin.error("eal", started.error().message,
                                   "see [eal] in docs/configuration.md");
    }
    eal = std::move(started.value());
    for (const std::string& note : eal->notes()) {
        banner += note + '\n';
    }
    return std::nullopt;
}

std::optional<ConfigError> Appliance::State::load_contents() {
    for (std::size_t i = 0; i < config.listeners.size(); ++i) {
        const ListenConfig& listener = config.listeners[i];
        if (listener.service != ServiceKind::http || contents.contains(listener.root)) {
            continue;
        }
        http::LoadOptions options;
        options.root = listener.root;
        options.now_unix_seconds = std::chrono::duration_cast<std::chrono::seconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count();
        options.memory = &eal_memory_resource();
        options.bytes_max = UINT64_MAX; // EAL's memory is the limit.
        const std::string key = key_of("listen", i, "root");
        try {
            auto loaded = http::load_content(options);
            if (const auto* const error = std::get_if<http::LoadError>(&loaded)) {
                return config.origin.error(key, error->path + ": " + error->problem, error->remedy);
            }
            contents.emplace(listener.root, std::move(std::get<http::ContentStore>(loaded)));
        } catch (const EalMemoryExhausted& error) {
            return config.origin.error(key, error.what(), "raise eal.memory_mb");
        }
    }
    return std::nullopt;
}

std::optional<ConfigError> Appliance::State::open_port(std::size_t index) {
    const PortConfig& wanted = config.ports[index];
    auto set = std::make_unique<PortSet>();
    set->name = wanted.name;
    nic::PoolConfig pool;
    pool.name = fmt::format("p{}w", index);
    if (const auto made = set->make_pools(pool, config.workers.count); !made) {
        return config.origin.error("eal.memory_mb", made.error().message,
                                   "raise it, or lower workers.count");
    }
    nic::PortConfig options;
    options.device = wanted.device;
    options.mtu = wanted.mtu;
    if (wanted.mac) {
        options.mac = wanted.mac->bytes;
    }
    if (wanted.queues) {
        options.rx_queues = options.tx_queues = *wanted.queues;
    }
    if (const auto opened = set->open(options, secrets); !opened) {
        return config.origin.error(
            key_of("port", index, "device"), opened.error().message,
            "see drivers-cfg/README.md for the device strings of each driver");
    }
    banner += fmt::format("port {}\n{}", wanted.name, set->port->report().to_string());
    ports.push_back(std::move(set));
    return std::nullopt;
}

std::optional<ConfigError> Appliance::State::open_ports() {
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        if (auto error = open_port(i)) {
            return error;
        }
    }
    return std::nullopt;
}

stack::WorkerSettings Appliance::State::settings_for(const PortSet& port, const PortConfig& wanted,
                                                     std::uint32_t worker) const {
    stack::WorkerSettings settings;
    settings.interface = interface_of(port.port->report(), wanted.addresses, wanted.gateways);
    settings.interface.hop_limit = wanted.ttl;
    settings.interface.dscp = wanted.dscp;
    settings.tcp = engine_configs(config);
    settings.sequence_key = secrets.sequence_key;
    settings.hash_key = secrets.hash_key;
    settings.worker = worker;
    settings.workers = config.workers.count;
    settings.home = config.workers.count > 1 ? port.home.get() : nullptr;
    settings.connections_max = config.tcp.connections_max;
    settings.flights.flights = 2 * config.tcp.connections_max; // Of either family, all at once.
    settings.half_open_max = config.tcp.half_open_max;
    settings.orphans_max = config.tcp.orphans_max;
    settings.ephemeral_ports = {config.tcp.ephemeral_port_first, config.tcp.ephemeral_port_last};
    settings.time_wait_max = config.tcp.time_wait.entries_max;
    settings.time_wait_when_full = config.tcp.time_wait.when_full;
    settings.time_wait_durations = time_wait_durations(config);
    return settings;
}

void Appliance::State::add_listeners(Pipeline& pipeline, service::ServiceCounters& counters,
                                     const std::vector<Duration>& time_waits) {
    const std::vector<tcp::Config> engines = engine_configs(config);
    for (const ListenConfig& listener : config.listeners) {
        if (listener.protocol == Protocol::udp) {
            pipeline.serve_udp({listener.port,
                                listener.service == ServiceKind::discard ? stack::UdpAction::discard
                                                                         : stack::UdpAction::echo,
                                of_family<wire::Ipv4Addr>(listener.addresses),
                                of_family<wire::Ipv6Addr>(listener.addresses)});
            continue;
        }
        const TimeWaitConfig time_wait = time_wait_of(listener, config.tcp.time_wait);
        stack::ListenerOptions options;
        options.port = listener.port;
        options.ipv4_addresses = of_family<wire::Ipv4Addr>(listener.addresses);
        options.ipv6_addresses = of_family<wire::Ipv6Addr>(listener.addresses);
        options.no_delay = listener.no_delay;
        options.linger_zero = listener.linger_zero;
        options.tcp =
            static_cast<std::uint8_t>(std::ranges::find(engines, listener.tcp) - engines.begin());
        options.time_wait_queue = static_cast<std::uint8_t>(
            std::ranges::find(time_waits, time_wait.duration) - time_waits.begin());
        options.time_wait_policy = time_wait.policy;
        options.half_open_max = listener.syn_queue_max;
        options.syn_queue_when_full = listener.syn_queue_when_full;
        options.connections_max = listener.connections_max.value_or(UINT32_MAX);
        options.accept_queue_max = listener.accept_queue_max;
        options.accept_queue_when_full = listener.accept_queue_when_full;
        options.defer_accept = listener.defer_accept;
        switch (listener.service) {
        case ServiceKind::echo:
            pipeline.listen(std::move(options), service::Echo{&counters.echo});
            break;
        case ServiceKind::discard:
            pipeline.listen(std::move(options), service::Discard{&counters.discard});
            break;
        case ServiceKind::source:
            pipeline.listen(std::move(options), service::Source{listener.bytes,
                                                                listener.then == AfterBytes::hold
                                                                    ? service::Source::Then::hold
                                                                    : service::Source::Then::close,
                                                                &counters.source});
            break;
        case ServiceKind::http:
            pipeline.listen(std::move(options),
                            service::Http{http_options(listener), contents.at(listener.root),
                                          error_pages, wall_clock, &counters.http});
            break;
        }
    }
}

void Appliance::State::make_pipelines(std::size_t index, Instant now) {
    PortSet& set = *ports[index];
    for (std::uint16_t worker = 0; worker < config.workers.count; ++worker) {
        set.pipelines.push_back(std::make_unique<Pipeline>(
            *set.nics[worker], settings_for(set, config.ports[index], worker), set.mailboxes.get(),
            now));
        set.service_counters.push_back(std::make_unique<service::ServiceCounters>());
        add_listeners(*set.pipelines.back(), *set.service_counters.back(),
                      time_wait_durations(config));
        workers[worker]->pipelines.add(*set.pipelines.back());
    }
}

std::optional<ConfigError> Appliance::State::start_workers(Instant now) {
    for (std::uint32_t i = 0; i < config.workers.count; ++i) {
        workers.push_back(std::make_unique<WorkerSet>());
        if (!config.workers.cores.empty() && !core_available(config.workers.cores[i])) {
            return config.origin.error(
                "workers.cores", fmt::format("core {} is not available", config.workers.cores[i]),
                "name cores that this process may run on, or leave the key out");
        }
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
        make_pipelines(i, now);
    }
    for (std::uint32_t i = 0; i < config.workers.count; ++i) {
        WorkerSet& worker = *workers[i];
        worker.loop = std::make_unique<WorkerLoop<Pipelines>>(
            worker.pipelines, IdlePolicy{config.workers.idle, config.workers.idle_latency});
        ThreadPlace place;
        place.name = fmt::format("worker-{}", i);
        if (!config.workers.cores.empty()) {
            place.core = config.workers.cores[i];
        }
        place.on_start = [] { static_cast<void>(register_worker_thread()); };
        place.on_end = [] { unregister_worker_thread(); };
        worker.thread = start_thread(std::move(place), [loop = worker.loop.get()] { loop->run(); });
    }
    return std::nullopt;
}

std::variant<std::unique_ptr<Appliance>, ConfigError> Appliance::start(const Config& config) {
    auto state = std::make_unique<State>();
    state->config = config;
    std::unique_ptr<Appliance> appliance{new Appliance{std::move(state)}};
    State& made = *appliance->state_;
    appliance->update_wall_clock();
    if (auto error = made.start_eal()) {
        return *error;
    }
    if (auto error = made.load_contents()) {
        return *error;
    }
    if (auto error = made.open_ports()) {
        return *error;
    }
    if (auto error = made.start_workers(SteadyClock::now())) {
        return *error;
    }
    return appliance;
}

} // namespace millrace::runtime
