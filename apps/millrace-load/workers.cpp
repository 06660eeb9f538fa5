#include "workers.hpp"

#include "load/client.hpp"
#include "load/http_exchange.hpp"
#include "load/talks.hpp"
#include "runtime/eal.hpp"
#include "runtime/pipeline_counters.hpp"
#include "runtime/worker_port.hpp"
#include "runtime/worker_thread.hpp"
#include "stack/worker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

namespace millrace::load {

namespace {

/// SYNs go out at 0, 1, 3, 7… seconds: so many that the wait after the last ends within the
/// time-out, though one second is the least.
std::uint8_t syn_retries(Duration timeout) {
    const auto seconds = static_cast<unsigned>(std::max<Duration::rep>(timeout / 1s, 1));
    constexpr unsigned retries_max = 6;
    return static_cast<std::uint8_t>(
        std::min(static_cast<unsigned>(std::bit_width(seconds + 1)) - 2, retries_max));
}

tcp::Config engine_config(const Options& options) {
    tcp::Config config = options.tcp;
    config.syn_retries = syn_retries(options.timeout);
    config.fin_wait_2 = options.timeout;
    for (const JobOptions& job : options.jobs()) {
        const std::uint32_t queued = 2 * job.depth * job.size_bytes;
        config.send_buffer_bytes = std::max(config.send_buffer_bytes, queued);
    }
    config.send_buffer_max_bytes = std::max(config.send_buffer_max_bytes, config.send_buffer_bytes);
    return config;
}

HttpAsk http_ask(const JobOptions& job) {
    const bool closes = job.close == CloseBy::server;
    return {.request = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", job.path, job.host,
                                   closes ? "Connection: close\r\n" : ""),
            .status = job.expect_status,
            .bytes = job.expect_bytes};
}

/// Of `whole`, what falls to part `part` of `parts`.
std::uint32_t share_of(std::uint32_t whole, std::uint32_t part, std::uint32_t parts) {
    return whole / parts + (part < whole % parts ? 1 : 0);
}

/// How many of all connections are each job's: by weight, and one for each worker at least.
std::vector<std::uint32_t> connections_of(const std::vector<JobOptions>& jobs,
                                          const Options& options) {
    double weights = 0;
    for (const JobOptions& job : jobs) {
        weights += job.weight;
    }
    std::vector<std::uint32_t> result;
    for (const JobOptions& job : jobs) {
        const double ours = options.connections * job.weight / weights;
        result.push_back(std::max(static_cast<std::uint32_t>(std::llround(ours)), options.workers));
    }
    return result;
}

template <class Addr>
class WorkersOf final : public Workers {
  public:
    explicit WorkersOf(const Options& options)
        : options_{options}, jobs_{options.jobs()}, connections_{connections_of(jobs_, options)} {}

    ~WorkersOf() override { static_cast<void>(stop()); }

    std::optional<std::string> start();

    [[nodiscard]] const std::string& banner() const override { return banner_; }
    [[nodiscard]] std::vector<JobOnWorkers> jobs() const override;
    [[nodiscard]] std::uint64_t resident_at_first() const override { return resident_at_first_; }
    void register_counters(runtime::CounterRegistry& registry) const override;
    [[nodiscard]] std::vector<std::string> stop() override;

  private:
    using Pipeline =
        stack::Worker<runtime::WorkerNic, Client<Addr, Handshake>, Client<Addr, HttpExchange>,
                      Client<Addr, Echo>, Client<Addr, StreamReceive>, Client<Addr, StreamSend>>;

    /// What one worker's thread polls.
    class Turn {
      public:
        explicit Turn(Pipeline& pipeline) : pipeline_{pipeline} {}

        std::size_t poll_once(Instant now) {
            const std::size_t work =
                pipeline_.poll_once(now) + pipeline_.core().nic.take_forwarded();
            if (now >= gauges_due_) [[unlikely]] {
                gauges_due_ = now + gauges_interval;
                pipeline_.publish_gauges();
            }
            return work;
        }
        [[nodiscard]] Instant next_deadline() const { return pipeline_.next_deadline(); }

      private:
        static constexpr Duration gauges_interval = 10ms;

        Pipeline& pipeline_;
        Instant gauges_due_{};
    };

    /// One worker, in the order in which its parts depend on one another.
    struct WorkerSet {
        std::vector<std::unique_ptr<JobShare>> shares; ///< One for each job.
        std::unique_ptr<Pipeline> pipeline;
        std::unique_ptr<Turn> turn;
        std::unique_ptr<runtime::WorkerLoop<Turn>> loop;
        std::thread thread;
    };

    [[nodiscard]] std::optional<std::string> open_port();
    [[nodiscard]] stack::WorkerSettings settings_of(std::uint32_t worker) const;
    void make_worker(std::uint32_t worker, Instant now);
    void add_job(std::size_t job, WorkerSet& set, std::uint32_t worker);
    void start_thread(std::uint32_t worker);

    Options options_;
    std::vector<JobOptions> jobs_;
    std::vector<std::uint32_t> connections_; ///< Of each job, on all workers.
    runtime::Secrets secrets_ = runtime::Secrets::draw();
    std::unique_ptr<runtime::Eal> eal_;
    runtime::WorkerPort port_;
    std::uint64_t resident_at_first_ = 0;
    std::string banner_;
    std::vector<std::unique_ptr<WorkerSet>> workers_;
};

template <class Addr>
std::optional<std::string> WorkersOf<Addr>::start() {
    runtime::EalOptions eal = options_.eal;
    eal.pci = runtime::is_pci(options_.port.device);
    auto started = runtime::Eal::start(eal);
    if (!started) {
        return started.error().message;
    }
    eal_ = std::move(started.value());
    for (const std::string& note : eal_->notes()) {
        banner_ += note + '\n';
    }
    for (const unsigned core : options_.cores) {
        if (!runtime::core_available(core)) {
            return fmt::format("--cores: core {} is not available; name some that this process may "
                               "run on, or leave the option out",
                               core);
        }
    }
    if (auto problem = open_port()) {
        return problem;
    }
    resident_at_first_ = resident_bytes();
    const Instant now = runtime::SteadyClock::now();
    for (std::uint32_t worker = 0; worker < options_.workers; ++worker) {
        make_worker(worker, now);
    }
    for (std::uint32_t worker = 0; worker < options_.workers; ++worker) {
        start_thread(worker);
    }
    return std::nullopt;
}

template <class Addr>
std::optional<std::string> WorkersOf<Addr>::open_port() {
    const nic::PoolConfig pool{.name = "load", .packets = options_.packets};
    if (const auto made = port_.make_pools(pool, options_.workers); !made) {
        return made.error().message + "; raise --memory-mb, or lower --packets or --workers";
    }
    if (const auto opened = port_.open(options_.port, secrets_); !opened) {
        return opened.error().message + "; see drivers-cfg/README.md for each driver's devices";
    }
    banner_ += port_.port->report().to_string();
    return std::nullopt;
}

template <class Addr>
stack::WorkerSettings WorkersOf<Addr>::settings_of(std::uint32_t worker) const {
    std::uint32_t connections = 0;
    std::uint32_t operations = 0;
    for (std::size_t job = 0; job < jobs_.size(); ++job) {
        const std::uint32_t ours = share_of(connections_[job], worker, options_.workers);
        connections += ours;
        operations += ours * jobs_[job].depth;
    }
    stack::WorkerSettings settings;
    settings.interface =
        runtime::interface_of(port_.port->report(), options_.addresses, options_.gateways);
    settings.tcp = {engine_config(options_)};
    settings.sequence_key = runtime::sequence_key_of_this_boot();
    settings.hash_key = secrets_.hash_key;
    settings.worker = worker;
    settings.workers = options_.workers;
    settings.home = options_.workers > 1 ? port_.home.get() : nullptr;
    settings.ephemeral_ports = options_.ports;
    settings.connections_max = connections;
    settings.orphans_max = connections;
    settings.half_open_max = 64; // Nobody listens here.
    settings.time_wait_max = options_.time_wait_max;
    settings.time_wait_durations = {options_.time_wait};
    settings.flights.flights = connections;
    settings.flights.records = std::max(settings.flights.records, operations);
    settings.buffers.nodes = std::max(settings.buffers.nodes, 2 * operations);
    settings.buffers.packets = options_.packets / 2;
    return settings;
}

template <class Addr>
void WorkersOf<Addr>::make_worker(std::uint32_t worker, Instant now) {
    auto set = std::make_unique<WorkerSet>();
    set->pipeline = std::make_unique<Pipeline>(*port_.nics[worker], settings_of(worker),
                                               port_.mailboxes.get(), now);
    for (std::size_t job = 0; job < jobs_.size(); ++job) {
        add_job(job, *set, worker);
    }
    set->turn = std::make_unique<Turn>(*set->pipeline);
    set->loop = std::make_unique<runtime::WorkerLoop<Turn>>(
        *set->turn, runtime::IdlePolicy{options_.idle, 1ms});
    workers_.push_back(std::move(set));
}

template <class Addr>
void WorkersOf<Addr>::add_job(std::size_t number, WorkerSet& set, std::uint32_t worker) {
    const JobOptions& wanted = jobs_[number];
    JobShare& share = *set.shares.emplace_back(std::make_unique<JobShare>());
    Job<Addr> job;
    for (const runtime::IpPrefix& prefix : options_.addresses) {
        if (const auto* const own = std::get_if<wire::Prefix<Addr>>(&prefix)) {
            job.sources.push_back(own->address);
        }
    }
    job.target = std::get<Addr>(options_.target.address);
    job.port = wanted.port;
    job.standing = stands(wanted.mode);
    job.held = wanted.mode == Mode::hold;
    job.connections = share_of(connections_[number], worker, options_.workers);
    job.depth = wanted.depth;
    job.close = *wanted.close;
    job.timeout = options_.timeout;
    job.worker = worker;
    job.workers = options_.workers;
    const auto listen = [&](auto talk) {
        set.pipeline->listen({.port = 0, .time_wait_policy = options_.time_wait_policy},
                             Client<Addr, decltype(talk)>{std::move(job), std::move(talk), share});
    };
    switch (wanted.mode) {
    case Mode::handshake:
        listen(Handshake{});
        return;
    case Mode::connect_request_close:
    case Mode::keep_alive:
        listen(HttpExchange{http_ask(wanted)});
        return;
    case Mode::echo:
    case Mode::hold:
        listen(Echo{wanted.size_bytes});
        return;
    case Mode::stream:
        if (wanted.direction == Direction::send) {
            listen(StreamSend{wanted.size_bytes});
        } else {
            listen(StreamReceive{wanted.size_bytes, wanted.check});
        }
        return;
    case Mode::mix: // Consists of the others.
        return;
    }
}

template <class Addr>
void WorkersOf<Addr>::start_thread(std::uint32_t worker) {
    runtime::ThreadPlace place;
    place.name = fmt::format("load-{}", worker);
    if (!options_.cores.empty()) {
        place.core = options_.cores[worker];
    }
    place.on_start = [] { static_cast<void>(runtime::register_worker_thread()); };
    place.on_end = [] { runtime::unregister_worker_thread(); };
    workers_[worker]->thread = runtime::start_thread(
        std::move(place), [loop = workers_[worker]->loop.get()] { loop->run(); });
}

template <class Addr>
std::vector<JobOnWorkers> WorkersOf<Addr>::jobs() const {
    double weights = 0;
    for (const JobOptions& job : jobs_) {
        weights += job.weight;
    }
    std::vector<JobOnWorkers> result;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        JobOnWorkers job;
        job.name = name(jobs_[i].mode);
        job.standing = stands(jobs_[i].mode);
        job.connections = connections_[i];
        job.share_of_rate = jobs_[i].weight / weights;
        for (const auto& worker : workers_) {
            job.shares.push_back(worker->shares[i].get());
        }
        result.push_back(std::move(job));
    }
    return result;
}

template <class Addr>
void WorkersOf<Addr>::register_counters(runtime::CounterRegistry& registry) const {
    for (const auto& worker : workers_) {
        registry.add_block("worker", runtime::loop_counter_infos(),
                           worker->loop->meter().counters());
        runtime::register_pipeline(registry, "", *worker->pipeline);
    }
    runtime::register_port(registry, "load", port_.port);
}

template <class Addr>
std::vector<std::string> WorkersOf<Addr>::stop() {
    std::vector<std::string> leaks;
    for (const auto& worker : workers_) {
        worker->loop->stop();
    }
    for (const auto& worker : workers_) {
        if (worker->thread.joinable()) {
            worker->thread.join();
        }
    }
    if (port_.port == nullptr) {
        return leaks; // Stopped before, or never opened.
    }
    for (const auto& worker : workers_) {
        worker->pipeline->release_everything(runtime::SteadyClock::now());
        std::ranges::move(runtime::leaks_of(*worker->pipeline, "load"), std::back_inserter(leaks));
    }
    if (const std::uint32_t missing = port_.close(); missing > 0) {
        leaks.push_back(fmt::format("{} packets were not given back", missing));
    }
    return leaks;
}

template <class Addr>
std::variant<std::unique_ptr<Workers>, std::string> start_of(const Options& options) {
    auto workers = std::make_unique<WorkersOf<Addr>>(options);
    if (auto problem = workers->start()) {
        return *problem;
    }
    return workers;
}

} // namespace

std::variant<std::unique_ptr<Workers>, std::string> Workers::start(const Options& options) {
    return runtime::is_ipv6(options.target.address) ? start_of<wire::Ipv6Addr>(options)
                                                    : start_of<wire::Ipv4Addr>(options);
}

std::uint64_t resident_bytes() {
    std::ifstream statm{"/proc/self/statm"};
    std::uint64_t all_pages = 0;
    std::uint64_t resident_pages = 0;
    statm >> all_pages >> resident_pages;
    return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

} // namespace millrace::load
