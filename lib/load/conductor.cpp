#include "load/conductor.hpp"

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

double seconds(Duration length) {
    return static_cast<double>(length.count()) / 1e9;
}

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
    : jobs_{std::move(jobs)}, plan_{plan}, latencies_(jobs_.size()) {
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
    stopped_ = true;
    if (phase_ < Phase::closing) {
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
    if (open == wanted) {
        all_are_open(now);
    } else if (!moves(now, open, plan_.patience)) {
        problems_.push_back(
            fmt::format("{} of {} connections could be opened; none was in the last {} s", open,
                        wanted, plan_.patience / 1s));
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
    from_ = plan_.operations_max > 0 ? now : start + plan_.warm_up;
    until_ = plan_.operations_max > 0 ? never : from_ + plan_.duration;
    before_trial_.clear();
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        const JobOnWorkers& job = jobs_[i];
        before_trial_.push_back(sums_of(job));
        latencies_[i].clear();
        Order order{.from = from_, .until = until_};
        order.pending_max = plan_.pending_max;
        if (rate > 0) {
            const double ours = rate * job.share_of_rate;
            order.schedule = plan_.rate_after > 0
                                 ? Schedule{start, ours, plan_.rate_after * job.share_of_rate,
                                            plan_.warm_up + plan_.duration}
                                 : Schedule{start, ours};
        }
        const auto workers = static_cast<std::uint64_t>(job.shares.size());
        const auto operations = static_cast<std::uint64_t>(
            static_cast<double>(plan_.operations_max) * job.share_of_rate);
        for (std::uint64_t worker = 0; worker < workers; ++worker) {
            if (plan_.operations_max > 0) {
                order.operations_max = operations / workers + (worker < operations % workers);
            }
            MILLRACE_ASSERT(job.shares[worker]->orders.push(order));
        }
    }
    enter(Phase::warming_up, now);
}

/// One operation on each connection shows that it is alive.
void Conductor::begin_proof(Instant now) {
    from_ = now;
    for (const JobOnWorkers& job : jobs_) {
        for (JobShare* const share : job.shares) {
            MILLRACE_ASSERT(share->orders.push({.once = true,
                                                .pending_max = plan_.pending_max,
                                                .from = from_,
                                                .operations_max = share->gauges[Gauge::open]}));
        }
    }
    plan_.operations_max = total_of(Gauge::open);
    enter(Phase::measuring, now);
}

/// Until its time is over or, with a number of operations to do, all have been begun.
void Conductor::measure(Instant now) {
    if (plan_.operations_max == 0) {
        if (now >= until_) {
            enter(Phase::finishing, now);
        }
        return;
    }
    const std::uint64_t begun = total_of(Counter::operations_begun);
    if (begun >= plan_.operations_max) {
        enter(Phase::finishing, now);
    } else if (!moves(now, begun, plan_.patience)) {
        problems_.push_back(fmt::format("{} of {} operations were begun; none was in the last {} s",
                                        begun, plan_.operations_max, plan_.patience / 1s));
        enter(Phase::finishing, now);
    }
}

/// Waits for the last operations, then for what the workers know of them.
void Conductor::finish(Instant now) {
    const std::uint64_t pending = total_of(Gauge::pending);
    const bool moving = pending > 0 && moves(now, pending, plan_.patience);
    if (moving || asked_) {
        return;
    }
    if (!asked_last_) {
        if (pending > 0) {
            problems_.push_back(
                fmt::format("{} operations were still under way {} s after the last that ended",
                            pending, plan_.patience / 1s));
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
        sums.add(sums_of(jobs_[i]).minus(before_trial_[i]));
        latencies.add(latencies_[i]);
    }
    const double achieved =
        static_cast<double>(sums[Counter::window_completed]) / seconds(plan_.duration);
    const Duration p99 = latencies.percentile(99);
    const bool well = latencies.count() > 0 && p99 <= plan_.search_p99 && sums.errors() == 0 &&
                      sums[Counter::unstarted] == 0;
    trials_.push_back({search_->rate(), achieved, p99, well});
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

Histogram Conductor::take_recent() {
    Histogram result = recent_;
    recent_.clear();
    return result;
}

Duration Conductor::measured() const {
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
        return std::clamp(seconds(now - phase_began_) / seconds(whole), 0.0, 1.0);
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
