#include "result.hpp"

#include "runtime/version.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace millrace::load {

namespace {

using nlohmann::ordered_json;

constexpr std::array<std::pair<const char*, double>, 6> percentiles{{
    {"p50", 50},
    {"p90", 90},
    {"p95", 95},
    {"p99", 99},
    {"p99.9", 99.9},
    {"p99.99", 99.99},
}};

/// What is counted when this side has no room for what comes or goes.
constexpr std::array shortages{
    "port load.imissed", "port load.rx_nombuf",          "drop.packet_pool_dry",
    "drop.tx_ring_full", "drop.tcp_out_of_order_budget", "drop.tcp_receive_budget"};

/// A latency in the unit that suits it.
std::string readable(Duration latency) {
    const auto ns = static_cast<double>(latency.count());
    return ns < 1e3   ? fmt::format("{:.0f} ns", ns)
           : ns < 1e6 ? fmt::format("{:.1f} us", ns / 1e3)
           : ns < 1e9 ? fmt::format("{:.2f} ms", ns / 1e6)
                      : fmt::format("{:.2f} s", ns / 1e9);
}

double per_second(std::uint64_t count, double seconds) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

const char* loop_of(const Options& options) {
    return options.rate > 0 ? "open" : "closed";
}

ordered_json latencies_json(const Histogram& latencies) {
    ordered_json object;
    object["count"] = latencies.count();
    object["min"] = latencies.min().count();
    object["mean"] = latencies.mean_ns();
    for (const auto& [name, percent] : percentiles) {
        std::string key{name};
        std::ranges::replace(key, '.', '_');
        object[key] = latencies.percentile(percent).count();
    }
    object["max"] = latencies.max().count();
    return object;
}

ordered_json errors_json(const JobSums& sums) {
    ordered_json object = ordered_json::object();
    for (std::size_t i = 0; i < counter_infos.size(); ++i) {
        if (counter_infos[i].is_error && sums.counters[i] > 0) {
            object[std::string{counter_infos[i].name}] = sums.counters[i];
        }
    }
    return object;
}

/// What is said of a job, and of all of them together.
ordered_json work_json(const JobResult& job, double seconds) {
    const JobSums& sums = job.measured;
    const JobSums& totals = job.totals;
    ordered_json object;
    object["operations"] = sums[Counter::window_completed];
    object["per_second"] = per_second(sums[Counter::window_completed], seconds);
    object["bytes_sent_per_second"] = per_second(sums[Counter::window_bytes_sent], seconds);
    object["bytes_received_per_second"] = per_second(sums[Counter::window_bytes_received], seconds);
    object["latency_ns"] = latencies_json(job.latencies);
    object["errors"] = errors_json(sums);
    object["errors_total"] = sums.errors();
    object["unstarted"] = sums[Counter::unstarted];
    object["totals"] = {{"connections_opened", totals[Counter::connections_opened]},
                        {"connections_closed", totals[Counter::connections_closed]},
                        {"reopened", totals[Counter::reopened]},
                        {"operations_begun", totals[Counter::operations_begun]},
                        {"operations_completed", totals[Counter::operations_completed]},
                        {"bytes_sent", totals[Counter::bytes_sent]},
                        {"bytes_received", totals[Counter::bytes_received]}};
    return object;
}

void print_work(std::string& text, const JobResult& job, double seconds) {
    const JobSums& sums = job.measured;
    const Histogram& latencies = job.latencies;
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "  {:<22}{:.1f} /s ({} in {:.2f} s)\n", job.operations,
                   per_second(sums[Counter::window_completed], seconds),
                   sums[Counter::window_completed], seconds);
    fmt::format_to(out, "  {:<22}{:.2f} MB/s sent, {:.2f} MB/s received\n", "payload",
                   per_second(sums[Counter::window_bytes_sent], seconds) / 1e6,
                   per_second(sums[Counter::window_bytes_received], seconds) / 1e6);
    if (latencies.count() > 0) {
        fmt::format_to(out, "  {:<22}", "latency");
        for (const auto& [name, percent] : percentiles) {
            fmt::format_to(out, "{} {}  ", name, readable(latencies.percentile(percent)));
        }
        fmt::format_to(out, "max {}\n", readable(latencies.max()));
    }
    fmt::format_to(out,
                   "  {:<22}{} connections opened, {} operations begun, {} completed, {} bytes "
                   "sent, {} bytes received\n",
                   "in all", job.totals[Counter::connections_opened],
                   job.totals[Counter::operations_begun], job.totals[Counter::operations_completed],
                   job.totals[Counter::bytes_sent], job.totals[Counter::bytes_received]);
    for (std::size_t i = 0; i < counter_infos.size(); ++i) {
        const auto counter = static_cast<Counter>(i);
        const bool told = counter_infos[i].is_error || counter == Counter::unstarted ||
                          counter == Counter::reopened;
        if (told && sums.counters[i] > 0) {
            fmt::format_to(out, "  {:<22}{}: {}\n", counter_infos[i].name, sums.counters[i],
                           counter_infos[i].text);
        }
    }
}

void print_trials(std::string& text, const Result& result, const Options& options) {
    const auto out = std::back_inserter(text);
    for (const Trial& trial : result.trials) {
        fmt::format_to(out, "  {:>12.0f} /s wanted {:>12.0f} /s done   p99 {:<10} {}\n", trial.rate,
                       trial.achieved, readable(trial.p99), trial.well ? "good" : "too much");
    }
    fmt::format_to(out, "  the highest rate with p99 of at most {}: {:.0f} /s\n",
                   readable(options.search_p99), result.best_rate);
}

std::string headline(const Options& options) {
    const std::string loop =
        options.search_p99 > Duration{} ? "a search in open loops"
        : options.rate > 0 && options.ramp_to > 0
            ? fmt::format("an open loop of {} to {} operations a second", options.rate,
                          options.ramp_to)
        : options.rate > 0 ? fmt::format("an open loop of {} operations a second", options.rate)
                           : "a closed loop (a slow server is asked less; see --rate)";
    return fmt::format("{} to {}, {} connections, {} worker{}: {}\n", name(options.job.mode),
                       runtime::to_string(options.target), options.connections, options.workers,
                       options.workers == 1 ? "" : "s", loop);
}

} // namespace

JobResult Result::together() const {
    JobResult all{.name = "together", .operations = "operations"};
    for (const JobResult& job : jobs) {
        all.measured.add(job.measured);
        all.totals.add(job.totals);
        all.latencies.add(job.latencies);
    }
    return all;
}

bool Result::client_limited() const {
    constexpr double limit = 0.95;
    const bool is_busy = std::ranges::any_of(busy, [](double share) { return share > limit; });
    return is_busy || std::ranges::any_of(shortages, [this](const char* counter) {
               return counters.contains(counter);
           });
}

bool Result::is_good() const {
    const JobSums all = together().measured;
    // A search goes beyond what can be done on purpose.
    const bool searched = !trials.empty();
    return problems.empty() &&
           (searched ? best_rate > 0 : all.errors() == 0 && all[Counter::unstarted] == 0);
}

std::string table(const Result& result, const Options& options) {
    std::string text = headline(options);
    if (!result.trials.empty()) {
        print_trials(text, result, options);
    } else if (result.jobs.size() == 1) {
        print_work(text, result.jobs.front(), result.seconds);
    } else {
        for (const JobResult& job : result.jobs) {
            text += fmt::format(" {}\n", job.name);
            print_work(text, job, result.seconds);
        }
        text += " together\n";
        print_work(text, result.together(), result.seconds);
    }
    const auto out = std::back_inserter(text);
    for (std::size_t i = 0; i < result.busy.size(); ++i) {
        fmt::format_to(out, "  worker {:<15}{:.0f} % busy\n", i, 100 * result.busy[i]);
    }
    if (result.client_limited()) {
        text += "  client-limited: the server may have been able to do more\n";
    }
    if (result.bytes_per_connection > 0) {
        fmt::format_to(out, "  memory here           {:.0f} bytes for each connection\n",
                       result.bytes_per_connection);
    }
    std::vector<const char*> told{"tcp.retransmitted_segments"};
    std::ranges::copy(shortages, std::back_inserter(told));
    for (const char* const counter : told) {
        if (const auto found = result.counters.find(counter); found != result.counters.end()) {
            fmt::format_to(out, "  {:<30}{}\n", counter, found->second);
        }
    }
    if (result.interrupted) {
        text += "  interrupted: this is what there was until then\n";
    }
    return text;
}

std::string json(const Result& result, const Options& options) {
    ordered_json object;
    object["program"] = fmt::format("millrace-load {}", runtime::version());
    object["mode"] = name(options.job.mode);
    object["loop"] = loop_of(options);
    object["target"] = runtime::to_string(options.target);
    object["workers"] = options.workers;
    object["connections"] = options.connections;
    object["rate_wanted"] = options.rate;
    object["seconds"] = result.seconds;
    object["time_wait"] = {{"policy", name(options.time_wait_policy)},
                           {"seconds", to_seconds(options.time_wait)}};
    object.update(work_json(result.together(), result.seconds));
    if (result.jobs.size() > 1) {
        for (const JobResult& job : result.jobs) {
            ordered_json part{{"mode", job.name}};
            part.update(work_json(job, result.seconds));
            object["jobs"].push_back(part);
        }
    }
    for (const double share : result.busy) {
        object["busy_permille"].push_back(static_cast<int>(1000 * share));
    }
    object["interrupted"] = result.interrupted;
    object["client_limited"] = result.client_limited();
    if (!result.trials.empty()) {
        object["search"] = {{"p99_ns", options.search_p99.count()},
                            {"best_rate", result.best_rate},
                            {"trials", ordered_json::array()}};
        for (const Trial& trial : result.trials) {
            object["search"]["trials"].push_back({{"rate", trial.rate},
                                                  {"achieved", trial.achieved},
                                                  {"p99_ns", trial.p99.count()},
                                                  {"well", trial.well}});
        }
    }
    if (result.bytes_per_connection > 0) {
        object["bytes_per_connection"] = result.bytes_per_connection;
    }
    object["counters"] = result.counters;
    object["problems"] = result.problems;
    return object.dump(2) + '\n';
}

} // namespace millrace::load
