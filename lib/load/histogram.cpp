#include "load/histogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace millrace::load {

namespace {

constexpr double ns_per_ms = 1e6;

/// Of the lines printed, so many stand between one halving of what is left and the next.
constexpr double lines_per_halving = 5;

/// The percentage that the next line is for: the nearer to 100, the closer the lines stand.
double next_percentage(double percent) {
    const double halvings = std::floor(std::log2(100 / (100 - percent))) + 1;
    return percent + 100 / (lines_per_halving * std::exp2(halvings));
}

} // namespace

std::uint64_t Histogram::highest_of(std::size_t slot) {
    if (slot < 2 * steps) {
        return slot;
    }
    const std::size_t bucket = slot / steps - 1;
    const std::uint64_t lowest = (slot - bucket * steps) << bucket;
    return lowest + (std::uint64_t{1} << bucket) - 1;
}

double Histogram::middle_of(std::size_t slot) {
    const std::size_t bucket = slot < 2 * steps ? 0 : slot / steps - 1;
    const auto width = static_cast<double>(std::uint64_t{1} << bucket);
    return static_cast<double>(highest_of(slot)) - (width - 1) / 2;
}

void Histogram::add(const Histogram& other) {
    std::ranges::transform(counts_, other.counts_, counts_.begin(), std::plus{});
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void Histogram::clear() {
    std::ranges::fill(counts_, 0);
    count_ = max_ = 0;
    min_ = highest_ns;
}

double Histogram::mean_ns() const {
    double sum = 0;
    for (std::size_t slot = 0; slot < slots; ++slot) {
        sum += static_cast<double>(counts_[slot]) * middle_of(slot);
    }
    return count_ == 0 ? 0 : sum / static_cast<double>(count_);
}

double Histogram::deviation_ns() const {
    const double mean = mean_ns();
    double sum = 0;
    for (std::size_t slot = 0; slot < slots; ++slot) {
        const double off = middle_of(slot) - mean;
        sum += static_cast<double>(counts_[slot]) * off * off;
    }
    return count_ == 0 ? 0 : std::sqrt(sum / static_cast<double>(count_));
}

Duration Histogram::percentile(double percent) const {
    // A hair less, or what should be a whole number may come out above it.
    const double wanted = std::ceil(std::nextafter(percent, 0) / 100 * static_cast<double>(count_));
    const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
    std::uint64_t seen = 0;
    for (std::size_t slot = 0; slot < slots; ++slot) {
        seen += counts_[slot];
        if (seen >= rank) {
            return ns(std::min(highest_of(slot), max_));
        }
    }
    return ns(max_);
}

std::string Histogram::percentiles_text() const {
    std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                   "TotalCount", "1/(1-Percentile)");
    const auto out = std::back_inserter(text);
    const auto total = static_cast<double>(count_);
    double due = 0;
    std::uint64_t seen = 0;
    for (std::size_t slot = 0; slot < slots && seen < count_; ++slot) {
        seen += counts_[slot];
        const double value = static_cast<double>(std::min(highest_of(slot), max_)) / ns_per_ms;
        while (counts_[slot] > 0 && seen < count_ &&
               static_cast<double>(seen) * 100 >= due * total) {
            fmt::format_to(out, "{:12.3f} {:2.12f} {:10d} {:14.2f}\n", value, due / 100, seen,
                           1 / (1 - due / 100));
            due = next_percentage(due);
        }
        if (counts_[slot] > 0 && seen == count_) {
            fmt::format_to(out, "{:12.3f} {:2.12f} {:10d}\n", value, 1.0, seen);
        }
    }
    fmt::format_to(out, "#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", mean_ns() / ns_per_ms,
                   deviation_ns() / ns_per_ms);
    fmt::format_to(out, "#[Max     = {:12.3f}, Total count    = {:12d}]\n",
                   static_cast<double>(max_) / ns_per_ms, count_);
    fmt::format_to(out, "#[Buckets = {:12d}, SubBuckets     = {:12d}]\n", buckets, 2 * steps);
    return text;
}

} // namespace millrace::load
