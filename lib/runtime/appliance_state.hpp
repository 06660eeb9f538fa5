#pragma once

#include "http/content_store.hpp"
#include "http/error_pages.hpp"
#include "runtime/appliance.hpp"
#include "runtime/config.hpp"
#include "runtime/eal.hpp"
#include "runtime/pipelines.hpp"
#include "runtime/secrets.hpp"
#include "runtime/worker_port.hpp"
#include "runtime/worker_thread.hpp"
#include "service/counters.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace millrace::runtime {

/// One port with a pipeline for every worker.
struct PortSet : WorkerPort {
    std::string name;
    std::vector<std::unique_ptr<service::ServiceCounters>> service_counters; ///< Of each worker.
    std::vector<std::unique_ptr<Pipeline>> pipelines;
};

/// One worker: what it polls, and its thread.
struct WorkerSet {
    Pipelines pipelines;
    std::unique_ptr<WorkerLoop<Pipelines>> loop;
    std::thread thread;
};

struct Appliance::State {
    Config config;
    Secrets secrets = Secrets::draw();
    std::unique_ptr<Eal> eal;
    service::WallClockOffset wall_clock{0};
    http::ErrorPages error_pages;
    std::map<std::string, http::ContentStore> contents; ///< By document root.
    std::vector<std::unique_ptr<PortSet>> ports;
    std::vector<std::unique_ptr<WorkerSet>> workers;
    std::string banner;
    bool draining = false; ///< Nobody listens any more.

    std::optional<ConfigError> start_eal();
    std::optional<ConfigError> load_contents();
    std::optional<ConfigError> open_ports();
    std::optional<ConfigError> open_port(std::size_t index);
    void make_pipelines(std::size_t index, Instant now);
    void add_listeners(Pipeline& pipeline, service::ServiceCounters& counters,
                       const std::vector<Duration>& time_waits);
    std::optional<ConfigError> start_workers(Instant now);
    void stop_workers();
    [[nodiscard]] stack::WorkerSettings settings_for(const PortSet& port, const PortConfig& config,
                                                     std::uint32_t worker) const;
};

} // namespace millrace::runtime
