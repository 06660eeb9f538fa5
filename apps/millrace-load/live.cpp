#include "live.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>

namespace millrace::load {

namespace {

/// What cannot be written is lost, and the run goes on.
void say(const std::string& text) {
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
}

JobSums all_sums(const Conductor& conductor) {
    JobSums all;
    for (const JobOnWorkers& job : conductor.jobs()) {
        all.add(sums_of(job));
    }
    return all;
}

/// What it is doing, in a word or two.
std::string_view name(Conductor::Phase phase) {
    switch (phase) {
    case Conductor::Phase::opening:
        return "opening";
    case Conductor::Phase::holding:
        return "holding";
    case Conductor::Phase::warming_up:
        return "warming up";
    case Conductor::Phase::measuring:
        return "measuring";
    case Conductor::Phase::finishing:
        return "finishing";
    case Conductor::Phase::closing:
        return "closing";
    case Conductor::Phase::over:
        return "over";
    }
    return "";
}

} // namespace

Live::Live(const Conductor& conductor, const runtime::CounterRegistry& counters, Instant now,
           std::string_view operations)
    : counters_{counters}, operations_{operations}, began_{now}, last_line_{now}, last_bar_{now},
      before_{all_sums(conductor)}, terminal_{isatty(STDERR_FILENO) == 1} {}

void Live::show(Conductor& conductor, Instant now) {
    if (now - last_line_ >= line_interval) {
        const std::string text = line(conductor, now);
        wipe_bar();
        say(text + '\n');
        last_line_ = now;
    }
    if (terminal_ && now - last_bar_ >= bar_interval) {
        draw_bar(conductor, now);
        last_bar_ = now;
    }
}

void Live::end() {
    wipe_bar();
}

std::string Live::line(Conductor& conductor, Instant now) {
    const JobSums sums = all_sums(conductor);
    const JobSums news = sums.minus(before_);
    const double length = to_seconds(now - last_line_);
    before_ = sums;
    const auto rate = [&](Counter counter) { return static_cast<double>(news[counter]) / length; };
    const Histogram recent = conductor.take_recent();
    std::string text =
        fmt::format("{:7.1f} s {:<10} {:11.0f} {}/s {:8.2f} MB/s", to_seconds(now - began_),
                    name(conductor.phase()), rate(Counter::operations_completed), operations_,
                    (rate(Counter::bytes_sent) + rate(Counter::bytes_received)) / 1e6);
    const auto out = std::back_inserter(text);
    if (recent.count() > 0) {
        fmt::format_to(out, "  p50 {:.1f} us p99 {:.1f} us",
                       static_cast<double>(recent.percentile(50).count()) / 1e3,
                       static_cast<double>(recent.percentile(99).count()) / 1e3);
    }
    fmt::format_to(out, "  retransmitted {}", counter("tcp", "retransmitted_segments"));
    fmt::format_to(out, "  SYN-SENT {} ESTABLISHED {} closing {} TIME-WAIT {}",
                   conductor.total_of(Gauge::opening), conductor.total_of(Gauge::open),
                   conductor.total_of(Gauge::connections) - conductor.total_of(Gauge::opening) -
                       conductor.total_of(Gauge::open),
                   counter("use", "time_wait"));
    for (std::size_t i = 0; i < counter_infos.size(); ++i) {
        if (counter_infos[i].is_error && news.counters[i] > 0) {
            fmt::format_to(out, "  {} {}", counter_infos[i].name, news.counters[i]);
        }
    }
    return text;
}

void Live::draw_bar(const Conductor& conductor, Instant now) {
    constexpr int width = 40;
    const std::optional<double> progress = conductor.progress(now);
    wipe_bar();
    if (!progress) {
        return;
    }
    const auto filled = static_cast<int>(width * *progress);
    say(fmt::format("{:<10} [{:#<{}}{:.<{}}] {:3.0f} %\r", name(conductor.phase()), "", filled, "",
                    width - filled, 100 * *progress));
    bar_drawn_ = true;
}

void Live::wipe_bar() {
    if (bar_drawn_) {
        say("\x1b[2K\r");
        bar_drawn_ = false;
    }
}

std::uint64_t Live::counter(std::string_view group, std::string_view name) const {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        const runtime::CounterReading reading = counters_.read(i);
        if (*reading.group == group && reading.info->name == name) {
            return reading.value;
        }
    }
    return 0;
}

} // namespace millrace::load
