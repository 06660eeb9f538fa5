#include "load/conductor.hpp"

#include "base/assert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::load {

namespace {

/// Between the order to begin and the first operation, so that every worker hears it in time.
constexpr Duration lead = 10ms;

/// How long closing connections are waited for when none ends.
constexpr Duration closing_patience = 1s;

/// Between two questions for the workers' latencies.
constexpr Duration gather_interval = 250ms;

} // namespace

std::uint64_t JobSums::errors() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counters.size(); ++i) {
        sum += counter_infos[i].is_error ? counters[i] : 0;
    }
    return sum;
}

JobSums JobSums::minus(const JobSums& earlier) const {
    JobSums result = *this;
    for (std::size_t i = 0; i < counters.size(); ++i) {
        result.counters[i] -= earlier.counters[i];
    }
    return result;
}

void JobSums::add(const JobSums& other) {
    for (std::size_t i = 0; i < counters.size(); ++i) {
        counters[i] += other.counters[i];
    }
}

JobSums sums_of(const JobOnWorkers& job) {
    JobSums sums;
    for (const JobShare* const share : job.shares) {
        for (std::size_t i = 0; i < sums.counters.size(); ++i) {
            sums.counters[i] += share->counters[static_cast<Counter>(i)];
        }
    }
    return sums;
}

std::uint64_t total(const JobOnWorkers& job, Gauge gauge) {
    std::uint64_t sum = 0;
    for (const JobShare* const share : job.shares) {
        sum += share->gauges[gauge];
    }
    return sum;
}

Conductor::Conductor(std::vector<JobOnWorkers> jobs, const RunPlan& plan)
    : jobs_{std::move(jobs)}, plan_{plan}, latencies_(jobs_.size()), tried_(jobs_.size()) {
    if (plan_.search_p99 > Duration{}) {
        search_.emplace(plan_.rate, plan_.rate_max);
    }
}

void Conductor::enter(Phase phase, Instant now) {
    phase_ = phase;
    phase_began_ = last_moved_ = now;
    last_seen_ = UINT64_MAX;
    asked_last_ = false;
}

void Conductor::order_all(const Order& order) {
    for (const JobOnWorkers& job : jobs_) {
        for (JobShare* const share : job.shares) {
            MILLRACE_ASSERT(share->orders.push(order)); // A few in a run, and workers read at once.
        }
    }
}

std::uint64_t Conductor::total_of(Gauge gauge) const {
    std::uint64_t sum = 0;
    for (const JobOnWorkers& job : jobs_) {
        sum += total(job, gauge);
    }
    return sum;
}

std::uint64_t Conductor::total_of(Counter counter) const {
    std::uint64_t sum = 0;
    for (const JobOnWorkers& job : jobs_) {
        sum += sums_of(job)[counter];
    }
    return sum;
}

/// False when `what` has stood still for as long as patience lasts.
bool Conductor::moves(Instant now, std::uint64_t what, Duration patience) {
    if (what != last_seen_) {
        last_seen_ = what;
        last_moved_ = now;
    }
    return now - last_moved_ < patience;
}

void Conductor::step(Instant now) {
    if (!begun_) {
        begun_ = true;
        enter(Phase::opening, now);
        order_all({.kind = Order::Kind::open});
    }
    gather(now);
    switch (phase_) {
    case Phase::opening:
        open_connections(now);
        return;
    case Phase::holding:
        if (now >= phase_began_ + plan_.duration) {
            begin_proof(now);
        }
        return;
    case Phase::warming_up:
        if (now >= from_) {
            enter(Phase::measuring, now);
        }
        return;
    case Phase::measuring:
        measure(now);
        return;
    case Phase::finishing:
        finish(now);
        return;
    case Phase::closing:
        if (const std::uint64_t left = total_of(Gauge::connections);
            left == 0 || !moves(now, left, closing_patience)) {
            enter(Phase::over, now);
        }
        return;
    case Phase::over:
        return;
    }
}

void Conductor::stop(Instant now) {
    if (!begun_) {
        begun_ = true;
        enter(Phase::over, now);
    } else if (phase_ < Phase::closing) {
        until_ = std::min(until_, now);
        begin_closing(now);
    }
}

void Conductor::open_connections(Instant now) {
    std::uint64_t wanted = 0;
    std::uint64_t open = 0;
    for (const JobOnWorkers& job : jobs_) {
        if (job.standing) {
            wanted += job.connections;
            open += total(job, Gauge::open);
        }
    }
    // Those that open and end again are no progress.
    most_open_ = std::max(most_open_, open);
    if (open == wanted) {
        all_are_open(now);
    } else if (!moves(now, most_open_, plan_.patience)) {
        problems_.push_back(fmt::format(
            "{} of {} connections could be opened; none was in the last {:g} s – does a "
            "server listen there, and do we know the way (--gateway)?",
            open, wanted, to_seconds(plan_.patience)));
        begin_closing(now);
    }
}

void Conductor::all_are_open(Instant now) {
    if (plan_.hold) {
        enter(Phase::holding, now);
    } else {
        begin_run(now);
    }
}

void Conductor::begin_run(Instant now) {
    const double rate = search_ ? search_->rate() : plan_.rate;
    const Instant start = now + lead;
    counted_ = plan_.operations_max > 0;
    from_ = !counted_ ? start + plan_.warm_up : rate > 0 ? start : now;
    until_ = counted_ ? never : from_ + plan_.duration;
    before_trial_.clear();
    std::uint64_t left = plan_.operations_max;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        const JobOnWorkers& job = jobs_[i];
        before_trial_.push_back(sums_of(job));
        latencies_[i].clear();
        Order order{.pending_max = plan_.pending_max,
                    .schedule = schedule_of(job, rate, start),
                    .from = counted_ ? Instant::min() : from_, // However early the first begins.
                    .until = until_};
        if (!counted_) {
            order_each(job, order);
            continue;
        }
        const bool is_last = i + 1 == jobs_.size();
        const double ours = static_cast<double>(plan_.operations_max) * job.share_of_rate;
        order.operations_max = is_last ? left : std::min(left, static_cast<std::uint64_t>(ours));
        left -= order.operations_max;
        order_each(job, order);
    }
    enter(Phase::warming_up, now);
}

Schedule Conductor::schedule_of(const JobOnWorkers& job, double rate, Instant start) const {
    if (rate == 0) {
        return {};
    }
    const double ours = rate * job.share_of_rate;
    if (plan_.rate_after == 0) {
        return {start, ours};
    }
    return {start, ours, plan_.rate_after * job.share_of_rate, plan_.warm_up + plan_.duration};
}

/// The same for each worker of the job, but for its part of the operations.
void Conductor::order_each(const JobOnWorkers& job, Order order) {
    const std::uint64_t operations = order.operations_max;
    const std::uint64_t workers = job.shares.size();
    runs_ordered_ += workers;
    for (std::uint64_t worker = 0; worker < workers; ++worker) {
        if (operations != UINT64_MAX) {
            order.operations_max = operations / workers + (worker < operations % workers);
        }
        MILLRACE_ASSERT(job.shares[worker]->orders.push(order));
    }
}

/// One operation on each connection shows that it is alive.
void Conductor::begin_proof(Instant now) {
    from_ = now;
    until_ = never;
    counted_ = true;
    std::uint64_t wanted = 0;
    for (const JobOnWorkers& job : jobs_) {
        wanted += job.connections;
        for (JobShare* const share : job.shares) {
            const std::uint64_t open = share->gauges[Gauge::open];
            plan_.operations_max += open;
            ++runs_ordered_;
            MILLRACE_ASSERT(share->orders.push(
                {.once = true, .pending_max = plan_.pending_max, .operations_max = open}));
        }
    }
    if (plan_.operations_max < wanted) {
        problems_.push_back(
            fmt::format("{} of {} connections still stood", plan_.operations_max, wanted));
    }
    enter(Phase::measuring, now);
}

/// Between two operations of an open loop.
Duration Conductor::longest_interval() const {
    const double rate = plan_.rate_after > 0 ? std::min(plan_.rate, plan_.rate_after) : plan_.rate;
    return rate > 0 ? Duration{static_cast<Duration::rep>(1e9 / rate)} : Duration{};
}

/// Until its time is over or, with a number of operations to do, all have been begun.
void Conductor::measure(Instant now) {
    if (!counted_) {
        if (now >= until_) {
            enter(Phase::finishing, now);
        }
        return;
    }
    const std::uint64_t begun = total_of(Counter::operations_begun);
    const Duration patience = plan_.patience + longest_interval();
    if (begun >= plan_.operations_max) {
        enter(Phase::finishing, now);
    } else if (!moves(now, begun, patience)) {
        problems_.push_back(
            fmt::format("{} of {} operations were begun; none was in the last {:g} s", begun,
                        plan_.operations_max, to_seconds(patience)));
        enter(Phase::finishing, now);
    }
}

/// Waits for the last operations, then for what the workers know of them.
void Conductor::finish(Instant now) {
    const std::uint64_t pending = total_of(Gauge::pending);
    const std::uint64_t ended = total_of(Gauge::runs_ended);
    // Whoever has not ended yet may begin what is a little late, and then counts what was not
    // begun.
    const bool moving = (pending > 0 || ended < runs_ordered_) &&
                        moves(now, pending + ended, std::max(plan_.patience, closing_patience));
    if (moving || asked_) {
        return;
    }
    if (!asked_last_) {
        if (pending > 0) {
            problems_.push_back(
                fmt::format("{} operations were still under way {:g} s after the last that ended",
                            pending, to_seconds(plan_.patience)));
        }
        asked_last_ = true;
        ask_for_latencies();
        return;
    }
    run_is_finished(now);
}

void Conductor::run_is_finished(Instant now) {
    if (search_) {
        end_of_trial();
        if (!search_->is_over()) {
            begin_run(now);
            return;
        }
    }
    begin_closing(now);
}

void Conductor::end_of_trial() {
    JobSums sums;
    Histogram latencies;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        tried_[i] = {sums_of(jobs_[i]).minus(before_trial_[i]), latencies_[i]};
        sums.add(tried_[i].sums);
        latencies.add(tried_[i].latencies);
    }
    const double achieved =
        static_cast<double>(sums[Counter::window_completed]) / to_seconds(plan_.duration);
    const Duration p99 = latencies.percentile(99);
    const bool well = latencies.count() > 0 && p99 <= plan_.search_p99 && sums.errors() == 0 &&
                      sums[Counter::unstarted] == 0;
    trials_.push_back({search_->rate(), achieved, p99, well});
    if (well || best_.empty()) {
        best_ = tried_;
    }
    search_->tried(well);
}

void Conductor::begin_closing(Instant now) {
    order_all({.kind = Order::Kind::close});
    enter(Phase::closing, now);
}

void Conductor::gather(Instant now) {
    if (asked_ && all_have_answered()) {
        take_latencies();
    }
    if (!asked_ && now >= ask_again_ && !asked_last_) {
        ask_for_latencies();
        ask_again_ = now + gather_interval;
    }
}

void Conductor::ask_for_latencies() {
    asked_ = true;
    for (const JobOnWorkers& job : jobs_) {
        std::ranges::for_each(job.shares, [](JobShare* share) { share->latencies.ask(); });
    }
}

bool Conductor::all_have_answered() const {
    return std::ranges::all_of(jobs_, [](const JobOnWorkers& job) {
        return std::ranges::all_of(
            job.shares, [](const JobShare* share) { return share->latencies.answered(); });
    });
}

void Conductor::take_latencies() {
    asked_ = false;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        for (JobShare* const share : jobs_[i].shares) {
            share->latencies.take(news_);
        }
        latencies_[i].add(news_);
        recent_.add(news_);
        news_.clear();
    }
}

void Conductor::take_rest() {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        for (JobShare* const share : jobs_[i].shares) {
            share->latencies.take_rest(latencies_[i]);
        }
    }
}

Measured Conductor::measured_of(std::size_t job) const {
    return best_.empty() ? Measured{sums_of(jobs_[job]), latencies_[job]} : best_[job];
}

Histogram Conductor::take_recent() {
    Histogram result = recent_;
    recent_.clear();
    return result;
}

Duration Conductor::measured() const {
    if (from_ == Instant::min()) {
        return {};
    }
    if (until_ != never) {
        return std::max(until_ - from_, Duration{});
    }
    std::uint64_t last = 0;
    for (const JobOnWorkers& job : jobs_) {
        for (const JobShare* const share : job.shares) {
            last = std::max(last, share->gauges[Gauge::last_completed]);
        }
    }
    return std::max(Instant{Duration{static_cast<Duration::rep>(last)}} - from_, Duration{});
}

std::optional<double> Conductor::progress(Instant now) const {
    const auto part = [&](Duration whole) {
        return whole > Duration{}
                   ? std::clamp(to_seconds(now - phase_began_) / to_seconds(whole), 0.0, 1.0)
                   : 1.0;
    };
    switch (phase_) {
    case Phase::holding:
    case Phase::measuring:
        return until_ == never && phase_ == Phase::measuring ? std::nullopt
                                                             : std::optional{part(plan_.duration)};
    case Phase::warming_up:
        return part(plan_.warm_up);
    case Phase::opening:
    case Phase::finishing:
    case Phase::closing:
    case Phase::over:
        return std::nullopt;
    }
    return std::nullopt;
}

} // namespace millrace::load
