#include "run.hpp"

#include "exit_code.hpp"
#include "live.hpp"
#include "load/conductor.hpp"
#include "result.hpp"
#include "runtime/log.hpp"
#include "runtime/worker_thread.hpp"
#include "workers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

namespace millrace::load {

namespace {

/// How often the control thread looks.
constexpr Duration step_interval = 2ms;

volatile std::sig_atomic_t stop_asked = 0;

void stop_on_signals() {
    for (const int number : {SIGINT, SIGTERM}) {
        std::signal(number, [](int) { stop_asked = 1; });
    }
}

RunPlan plan_of(const Options& options) {
    RunPlan plan;
    plan.rate = options.rate;
    plan.rate_after = options.ramp_to;
    plan.warm_up = options.warm_up;
    plan.duration = options.duration;
    plan.operations_max = options.operations;
    plan.hold = options.job.mode == Mode::hold;
    if (plan.hold) {
        plan.pending_max = 1024; // A million at once would be a flood, and no proof of life.
    }
    plan.patience =
        std::max(options.timeout, Duration{1500ms}); // The wait after a SYN is a second.
    plan.search_p99 = options.search_p99;
    plan.rate_max = options.search_rate_max;
    return plan;
}

/// What the workers' time went to between two moments.
class BusyClock {
  public:
    explicit BusyClock(const runtime::CounterRegistry& counters) : counters_{counters} {}

    void start() {
        began_ = read();
        ended_.clear();
    }
    void stop() {
        if (ended_.empty()) {
            ended_ = read();
        }
    }

    [[nodiscard]] std::vector<double> shares() const {
        std::vector<double> result;
        for (std::size_t i = 0; i < std::min(began_.size(), ended_.size()); ++i) {
            const auto elapsed = static_cast<double>(ended_[i].elapsed - began_[i].elapsed);
            const auto busy = static_cast<double>(ended_[i].busy - began_[i].busy);
            result.push_back(elapsed > 0 ? busy / elapsed : 0);
        }
        return result;
    }

  private:
    struct Reading {
        std::uint64_t busy = 0;
        std::uint64_t elapsed = 0;
    };

    [[nodiscard]] std::vector<Reading> read() const {
        std::vector<Reading> result;
        for (std::size_t i = 0; i < counters_.size(); ++i) {
            const runtime::CounterReading counter = counters_.read(i);
            if (*counter.group != "worker") {
                continue;
            }
            result.resize(counter.worker_values.size());
            for (std::size_t worker = 0; worker < result.size(); ++worker) {
                if (counter.info->name == "busy_ns") {
                    result[worker].busy = counter.worker_values[worker];
                } else if (counter.info->name == "elapsed_ns") {
                    result[worker].elapsed = counter.worker_values[worker];
                }
            }
        }
        return result;
    }

    const runtime::CounterRegistry& counters_;
    std::vector<Reading> began_;
    std::vector<Reading> ended_;
};

/// A run and what is watched of it.
class Watch {
  public:
    Watch(const Options& options, const Workers& workers)
        : options_{options}, conductor_{workers.jobs(), plan_of(options)},
          resident_at_first_{workers.resident_at_first()} {
        workers.register_counters(counters_);
    }

    /// Until the run is over.
    void follow() {
        Conductor::Phase phase = conductor_.phase();
        Live live{conductor_, counters_, runtime::SteadyClock::now(),
                  operations_of(options_.job.mode)};
        while (conductor_.phase() != Conductor::Phase::over) {
            const Instant now = runtime::SteadyClock::now();
            if (stop_asked != 0 && !stopped_) {
                stopped_ = true;
                conductor_.stop(now);
            }
            conductor_.step(now);
            if (conductor_.phase() != phase) {
                phase = conductor_.phase();
                entered(phase);
            }
            if (!options_.quiet) {
                live.show(conductor_, now);
            }
            std::this_thread::sleep_for(step_interval);
        }
        live.end();
    }

    /// When the workers have ended.
    [[nodiscard]] Result result(const std::vector<std::string>& leaks) {
        conductor_.take_rest();
        Result result;
        result.interrupted = stopped_;
        const std::vector<JobOptions> jobs = options_.jobs();
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const JobOnWorkers& job = conductor_.jobs()[i];
            const Measured measured = conductor_.measured_of(i);
            result.jobs.push_back({job.name, operations_of(jobs[i].mode), measured.sums,
                                   sums_of(job), measured.latencies});
        }
        result.seconds = to_seconds(conductor_.measured());
        result.busy = busy_.shares();
        for (std::size_t i = 0; i < counters_.size(); ++i) {
            if (const runtime::CounterReading counter = counters_.read(i); counter.value > 0) {
                result.counters[*counter.group + '.' + counter.info->name] = counter.value;
            }
        }
        result.trials = conductor_.trials();
        result.best_rate = conductor_.best_rate();
        result.bytes_per_connection = bytes_per_connection_;
        result.problems = conductor_.problems();
        for (const JobResult& job : result.jobs) {
            // Of a mix in an open loop, one may have had nothing to do.
            const bool idle = options_.rate > 0 && result.jobs.size() > 1;
            if (job.measured[Counter::window_completed] == 0 && !idle) {
                result.problems.push_back(
                    fmt::format("{}: nothing was completed{}", job.name,
                                measured_ ? " while the clock ran" : ", as the clock never ran"));
            }
        }
        std::ranges::copy(leaks, std::back_inserter(result.problems));
        return result;
    }

  private:
    void entered(Conductor::Phase phase) {
        switch (phase) {
        case Conductor::Phase::holding:
            bytes_per_connection_ =
                (static_cast<double>(resident_bytes()) - static_cast<double>(resident_at_first_)) /
                static_cast<double>(options_.connections);
            return;
        case Conductor::Phase::measuring:
            busy_.start();
            measured_ = true;
            return;
        case Conductor::Phase::finishing:
        case Conductor::Phase::closing:
            busy_.stop();
            return;
        case Conductor::Phase::opening:
        case Conductor::Phase::warming_up:
        case Conductor::Phase::over:
            return;
        }
    }

    const Options& options_;
    Conductor conductor_;
    runtime::CounterRegistry counters_;
    BusyClock busy_{counters_};
    std::uint64_t resident_at_first_;
    double bytes_per_connection_ = 0;
    bool stopped_ = false;
    bool measured_ = false; ///< The clock has run.
};

/// To standard error; what cannot be written there is lost.
void say(const std::string& text) {
    std::fputs(text.c_str(), stderr);
}

/// A file that could not be written is to be known before the run, not after it.
void expect_writable(const std::string& path) {
    if (!path.empty() && path != "-" && !std::ofstream{path, std::ios::app}) {
        throw UsageError{fmt::format("{} cannot be written; name a file in a folder that exists "
                                     "and is yours",
                                     path)};
    }
}

/// False, and said so, when it could not be written.
bool write_file(const std::string& path, const std::string& text) {
    if (path == "-") {
        return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    }
    std::ofstream file{path};
    file << text;
    file.close();
    if (!file) {
        say(fmt::format("millrace-load: {} could not be written\n", path));
    }
    return !file.fail();
}

bool write_results(const Result& result, const Options& options) {
    bool written = true;
    if (!options.quiet) {
        written = write_file("-", table(result, options));
    }
    for (const std::string& problem : result.problems) {
        say(fmt::format("millrace-load: PROBLEM: {}\n", problem));
    }
    if (!options.json_path.empty()) {
        written = write_file(options.json_path, json(result, options)) && written;
    }
    if (!options.histogram_path.empty()) {
        written =
            write_file(options.histogram_path, result.together().latencies.percentiles_text()) &&
            written;
    }
    return written;
}

} // namespace

int run(const Options& options) {
    expect_writable(options.json_path);
    expect_writable(options.histogram_path);
    runtime::set_up_log(runtime::LogLevel::warn);
    stop_on_signals();
    auto started = Workers::start(options);
    if (const auto* const problem = std::get_if<std::string>(&started)) {
        say(fmt::format("millrace-load: {}\n", *problem));
        return exit_not_started;
    }
    Workers& workers = *std::get<std::unique_ptr<Workers>>(started);
    if (!options.quiet) {
        say(workers.banner());
    }
    Watch watch{options, workers};
    watch.follow();
    const std::vector<std::string> leaks = workers.stop();
    const Result result = watch.result(leaks);
    const bool written = write_results(result, options);
    return result.is_good() && written ? exit_done : exit_failed;
}

} // namespace millrace::load
