#include <gtest/gtest.h>

#include "load/histogram.hpp"

#include <algorithm>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::load {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.min(), 0ns);
    EXPECT_EQ(histogram.max(), 0ns);
    EXPECT_EQ(histogram.percentile(99), 0ns);
    EXPECT_EQ(histogram.mean_ns(), 0);
}

TEST(Histogram, IsExactBelowTwoMicroseconds) {
    Histogram histogram;
    for (int value = 1; value <= 2000; ++value) {
        histogram.record(Duration{value});
    }
    EXPECT_EQ(histogram.min(), 1ns);
    EXPECT_EQ(histogram.max(), 2000ns);
    EXPECT_EQ(histogram.percentile(50), 1000ns);
    EXPECT_EQ(histogram.percentile(99.9), 1998ns);
    EXPECT_EQ(histogram.percentile(100), 2000ns);
    EXPECT_DOUBLE_EQ(histogram.mean_ns(), 1000.5);
}

// Against the whole list, sorted: never less than the true percentile, and at most a thousandth
// more.
TEST(Histogram, HasThreeSignificantDigitsEverywhere) {
    std::mt19937_64 random{1};
    std::uniform_real_distribution<double> exponent{0, 40};
    std::vector<std::uint64_t> values;
    Histogram histogram;
    for (int i = 0; i < 100'000; ++i) {
        values.push_back(static_cast<std::uint64_t>(std::exp2(exponent(random))));
        histogram.record(Duration{static_cast<Duration::rep>(values.back())});
    }
    std::ranges::sort(values);
    for (const double percent : {0.001, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 100'000));
        const auto exact = static_cast<double>(values[rank - 1]);
        const auto told = static_cast<double>(histogram.percentile(percent).count());
        EXPECT_GE(told, exact) << percent;
        EXPECT_LE(told, exact * 1.001) << percent;
    }
    EXPECT_EQ(static_cast<std::uint64_t>(histogram.max().count()), values.back());
    EXPECT_EQ(static_cast<std::uint64_t>(histogram.min().count()), values.front());
}

TEST(Histogram, TakesWhatIsBeyondItsRangeAsItsEnds) {
    Histogram histogram;
    histogram.record(-5ns);
    histogram.record(24h);
    EXPECT_EQ(histogram.min(), 0ns);
    EXPECT_EQ(histogram.max(), Duration{Histogram::highest_ns});
    EXPECT_EQ(histogram.count(), 2U);
}

TEST(Histogram, AddsAndClears) {
    Histogram one;
    Histogram other;
    one.record(10ns);
    other.record(3ms);
    one.add(other);
    EXPECT_EQ(one.count(), 2U);
    EXPECT_EQ(one.min(), 10ns);
    EXPECT_EQ(one.max(), 3ms);
    one.clear();
    EXPECT_EQ(one.count(), 0U);
    EXPECT_EQ(one.max(), 0ns);
    one.record(7ns);
    EXPECT_EQ(one.percentile(50), 7ns);
}

// The columns of HdrHistogram's text, which its plotters read.
TEST(Histogram, PrintsItsPercentilesAsHdrHistogramDoes) {
    Histogram histogram;
    for (int value = 1; value <= 1000; ++value) {
        histogram.record(std::chrono::microseconds{value});
    }
    std::istringstream text{histogram.percentiles_text()};
    std::string line;
    std::getline(text, line);
    EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
    std::getline(text, line);
    EXPECT_EQ(line, "");
    std::getline(text, line);
    EXPECT_EQ(line, "       0.001 0.000000000000          1           1.00");
    std::vector<std::string> lines;
    while (std::getline(text, line)) {
        lines.push_back(line);
    }
    ASSERT_GT(lines.size(), 20U);
    // 90 % and 99 % are on halvings' fifths: 1/(1-0.9) = 10.
    EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& each) {
        return each.find(" 0.900000000000        900          10.00") != std::string::npos;
    }));
    EXPECT_EQ(lines[lines.size() - 4], "       1.000 1.000000000000       1000");
    EXPECT_EQ(lines[lines.size() - 3], "#[Mean    =        0.501, StdDeviation   =        0.289]");
    EXPECT_EQ(lines[lines.size() - 2], "#[Max     =        1.000, Total count    =         1000]");
    EXPECT_EQ(lines[lines.size() - 1], "#[Buckets =           30, SubBuckets     =         2048]");
}

} // namespace
} // namespace millrace::load
