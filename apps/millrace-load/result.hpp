#pragma once

#include "load/conductor.hpp"
#include "options.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::load {

/// What one job has come to.
struct JobResult {
    std::string name;
    std::string_view operations; ///< What they are called.
    JobSums measured;            ///< As far as the result is about it: of a search, its best trial.
    JobSums totals;              ///< Of the whole run.
    Histogram latencies;         ///< Of what was due while the clock ran.
};

/// What a run has come to.
struct Result {
    std::vector<JobResult> jobs;
    double seconds = 0;       ///< That the clock ran.
    std::vector<double> busy; ///< Of each worker, the share of that time that found work, 0 to 1.
    std::map<std::string, std::uint64_t> counters; ///< Of the stack, those above 0.
    std::vector<Trial> trials;
    double best_rate = 0;
    double bytes_per_connection = 0; ///< Of this program's memory, with hold.
    bool interrupted = false;        ///< By a signal.
    std::vector<std::string> problems;

    /// Of all jobs together.
    [[nodiscard]] JobResult together() const;
    /// The workers were so busy, or so short of memory, that it may be them who were measured.
    [[nodiscard]] bool client_limited() const;
    /// Nothing went wrong, and the rate that was asked for was kept.
    [[nodiscard]] bool is_good() const;
};

/// For people.
[[nodiscard]] std::string table(const Result& result, const Options& options);

/// For programs: one object of JSON.
[[nodiscard]] std::string json(const Result& result, const Options& options);

} // namespace millrace::load
