#pragma once

#include "base/time.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::load {

/// How often which latency was seen, at three significant digits from a nanosecond to 18 minutes:
/// HdrHistogram's layout, of which Debian has no library for C or C++. Recording is a shift and an
/// increment, and never allocates.
///
/// Bucket b counts values in steps of 2^b nanoseconds; each has 1024 steps but the first, which has
/// 2048 of one nanosecond.
class Histogram {
  public:
    /// What is longer counts as this much.
    static constexpr std::uint64_t highest_ns = (std::uint64_t{1} << 40) - 1;

    Histogram() : counts_(slots) {}

    void record(Duration latency) {
        const auto length_ns =
            static_cast<std::uint64_t>(latency.count() < 0 ? 0 : latency.count());
        const std::uint64_t value = length_ns > highest_ns ? highest_ns : length_ns;
        ++counts_[slot_of(value)];
        ++count_;
        min_ = value < min_ ? value : min_;
        max_ = value > max_ ? value : max_;
    }

    /// Counts what `other` has counted, too.
    void add(const Histogram& other);
    void clear();

    [[nodiscard]] std::uint64_t count() const { return count_; }
    /// Zero when nothing was recorded; so is everything below.
    [[nodiscard]] Duration min() const { return ns(count_ == 0 ? 0 : min_); }
    [[nodiscard]] Duration max() const { return ns(max_); }
    [[nodiscard]] double mean_ns() const;
    [[nodiscard]] double deviation_ns() const;

    /// The least latency that `percent` of all do not exceed, at the histogram's precision.
    [[nodiscard]] Duration percentile(double percent) const;

    /// The distribution as HdrHistogram prints it, in milliseconds: what its plotter reads.
    [[nodiscard]] std::string percentiles_text() const;

  private:
    static constexpr unsigned step_bits = 10;
    static constexpr std::size_t steps = std::size_t{1} << step_bits;
    static constexpr unsigned buckets = 40 - step_bits;
    static constexpr std::size_t slots = (buckets + 1) * steps;

    [[nodiscard]] static std::size_t slot_of(std::uint64_t value) {
        const auto bits = static_cast<unsigned>(std::bit_width(value | (2 * steps - 1)));
        const unsigned bucket = bits - step_bits - 1;
        return bucket * steps + (value >> bucket);
    }
    /// The highest and the middle of the values that a slot counts.
    [[nodiscard]] static std::uint64_t highest_of(std::size_t slot);
    [[nodiscard]] static double middle_of(std::size_t slot);
    [[nodiscard]] static Duration ns(std::uint64_t value) {
        return Duration{static_cast<Duration::rep>(value)};
    }

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t min_ = highest_ns;
    std::uint64_t max_ = 0;
};

} // namespace millrace::load
