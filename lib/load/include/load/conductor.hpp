#pragma once

#include "base/time.hpp"
#include "load/histogram.hpp"
#include "load/job.hpp"
#include "load/rate_search.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace millrace::load {

/// A job on all workers, as the control thread sees it.
struct JobOnWorkers {
    std::string name;
    std::vector<JobShare*> shares; ///< One for each worker.
    bool standing = true;
    std::uint64_t connections = 0; ///< Of all workers.
    double share_of_rate = 1;      ///< Of the run's rate, when there are several jobs.
};

/// What a run is to be.
struct RunPlan {
    double rate = 0;       ///< Operations a second of all jobs; 0: a closed loop.
    double rate_after = 0; ///< With more than 0: what the rate has become when the clock stops.
    Duration warm_up = 1s; ///< Before the clock runs.
    Duration duration = 10s;
    std::uint64_t operations_max = 0; ///< Of all jobs; with more than 0, the run ends with them.
    bool hold = false; ///< Nothing is done for `duration`, then one operation on each connection.
    std::uint32_t pending_max = UINT32_MAX; ///< Operations at once, of a job on one worker.
    Duration patience = 10s; ///< How long to wait for connections, and for the last operations.
    /// With more than 0: look for the highest rate at which p99 is at most this. Each rate is tried
    /// for `duration`, after `warm_up`.
    Duration search_p99{};
    double rate_max = 100e6;
};

/// The sums over a job's workers.
struct JobSums {
    std::array<std::uint64_t, counter_infos.size()> counters{};

    [[nodiscard]] std::uint64_t operator[](Counter counter) const {
        return counters[static_cast<std::size_t>(counter)];
    }
    [[nodiscard]] std::uint64_t errors() const;
    [[nodiscard]] JobSums minus(const JobSums& earlier) const;
    void add(const JobSums& other);
};

[[nodiscard]] JobSums sums_of(const JobOnWorkers& job);
[[nodiscard]] std::uint64_t total(const JobOnWorkers& job, Gauge gauge);

/// What a job has done while the clock ran.
struct Measured {
    JobSums sums;
    Histogram latencies;
};

/// One rate that a search has tried.
struct Trial {
    double rate = 0;
    double achieved = 0;
    Duration p99{};
    bool well = false;
};

/// Takes a run through its phases, step by step: connections are opened, operations begun, timed
/// from `warm_up` on, waited for, and connections closed.
class Conductor {
  public:
    enum class Phase : std::uint8_t {
        opening,
        holding,
        warming_up,
        measuring,
        finishing,
        closing,
        over
    };

    Conductor(std::vector<JobOnWorkers> jobs, const RunPlan& plan);

    /// Does what is due at `now`; to be called often (every few milliseconds).
    void step(Instant now);

    /// From now on nothing new is begun; the run ends in order.
    void stop(Instant now);

    [[nodiscard]] Phase phase() const { return phase_; }
    /// What of the present phase is over, from 0 to 1, where that is known.
    [[nodiscard]] std::optional<double> progress(Instant now) const;

    [[nodiscard]] const std::vector<JobOnWorkers>& jobs() const { return jobs_; }
    /// Of all jobs.
    [[nodiscard]] std::uint64_t total_of(Gauge gauge) const;
    /// What was measured of job `job`, as far as it has been handed over; of a search: in the trial
    /// at its best rate.
    [[nodiscard]] Measured measured_of(std::size_t job) const;
    /// Takes what the workers have not handed over, when they run no more.
    void take_rest();
    /// The latencies of all jobs since the last call.
    [[nodiscard]] Histogram take_recent();

    /// How long the clock ran.
    [[nodiscard]] Duration measured() const;
    [[nodiscard]] const std::vector<Trial>& trials() const { return trials_; }
    /// The highest rate that a search has found good.
    [[nodiscard]] double best_rate() const { return search_ ? search_->best() : 0; }
    /// What went wrong with the run as a whole, a sentence each.
    [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

  private:
    void enter(Phase phase, Instant now);
    void order_all(const Order& order);
    void open_connections(Instant now);
    void all_are_open(Instant now);
    void begin_run(Instant now);
    [[nodiscard]] Schedule schedule_of(const JobOnWorkers& job, double rate, Instant start) const;
    void order_each(const JobOnWorkers& job, Order order);
    void begin_proof(Instant now);
    void finish(Instant now);
    void run_is_finished(Instant now);
    void end_of_trial();
    void begin_closing(Instant now);
    void measure(Instant now);
    [[nodiscard]] Duration longest_interval() const;
    void gather(Instant now);
    void ask_for_latencies();
    void take_latencies();
    [[nodiscard]] bool all_have_answered() const;
    [[nodiscard]] std::uint64_t total_of(Counter counter) const;
    [[nodiscard]] bool moves(Instant now, std::uint64_t what, Duration patience);

    std::vector<JobOnWorkers> jobs_;
    RunPlan plan_;
    Phase phase_ = Phase::opening;
    bool begun_ = false;
    bool counted_ = false; ///< The run ends with a number of operations, not with its time.
    std::uint64_t runs_ordered_ = 0; ///< Of all workers and jobs.
    std::uint64_t most_open_ = 0;
    Instant phase_began_{};
    Instant from_ = Instant::min();
    Instant until_ = never;
    std::uint64_t last_seen_ = UINT64_MAX; ///< Of what is waited for,
    Instant last_moved_{};                 ///< and when it moved last.
    bool asked_ = false;                   ///< The workers, for their latencies.
    bool asked_last_ = false;              ///< After the last operation.
    Instant ask_again_{};
    std::vector<Histogram> latencies_;
    Histogram news_;
    Histogram recent_;
    std::optional<RateSearch> search_;
    std::vector<JobSums> before_trial_;
    std::vector<Measured> tried_; ///< Of each job, in the last trial,
    std::vector<Measured> best_;  ///< and in the best.
    std::vector<Trial> trials_;
    std::vector<std::string> problems_;
};

} // namespace millrace::load
