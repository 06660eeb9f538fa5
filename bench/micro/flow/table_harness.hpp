#pragma once

#include "flow/four_tuple.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

// The same load for every table that is measured. A subject is made with a capacity and a view of
// the entries, and has insert(i), erase(i), find(key) and find_burst(keys, found); an entry has the
// connection's key in its first line, as connections do, and every find ends with a look into the
// entry that was found.

namespace millrace::flow::bench {

inline constexpr std::size_t burst = 32;
inline constexpr std::uint32_t not_found = UINT32_MAX;

struct alignas(64) Entry {
    FourTuple4 key;
    std::uint32_t state = 1;
};

/// Clients as a busy server has them: many addresses, each with some hundred ports.
inline FourTuple4 client(std::uint32_t number) {
    return {{198, 18, 0, 1},
            wire::Ipv4Addr::from_value(0x0a000000 + number / 256),
            443,
            static_cast<std::uint16_t>(32'768 + number % 256 * 100 + number / 256 % 100)};
}

inline std::shared_ptr<void> current_fixture;
inline std::pair<std::type_index, std::uint32_t> current_fixture_is{typeid(void), 0};

template <class Subject>
class Fixture {
  public:
    explicit Fixture(std::uint32_t count) : count_{count}, entries_(count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            entries_[i].key = client(i);
        }
        subject_ = std::make_unique<Subject>(count, entries_);
        order_.resize(std::min<std::uint32_t>(count, 1U << 20));
        std::mt19937 random{1};
        for (std::uint32_t& number : order_) {
            number = static_cast<std::uint32_t>(random() % count);
        }
        if (order_.size() == count) { // All of them, once each.
            for (std::uint32_t i = 0; i < count; ++i) {
                order_[i] = i;
            }
            std::shuffle(order_.begin(), order_.end(), random);
        }
        for (const std::uint32_t number : order_) {
            hits_.push_back(client(number));
            misses_.push_back(client(number + count_));
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            subject_->insert(i);
        }
    }

    /// One fixture at a time, for they are large, kept while benchmarks ask for the same.
    static Fixture& of(benchmark::State& state) {
        const auto count = static_cast<std::uint32_t>(state.range(0));
        const std::pair wanted{std::type_index{typeid(Subject)}, count};
        if (!current_fixture || current_fixture_is != wanted) {
            current_fixture.reset();
            current_fixture = std::make_shared<Fixture>(count);
            current_fixture_is = wanted;
        }
        return *static_cast<Fixture*>(current_fixture.get());
    }

    Subject& subject() { return *subject_; }
    std::span<const FourTuple4> hits() const { return hits_; }
    std::span<const FourTuple4> misses() const { return misses_; }
    std::uint32_t state_of(std::uint32_t index) const { return entries_[index].state; }

    /// Some entries, every one different, in no order of memory, and more than the caches hold.
    std::vector<std::uint32_t> some_entries(std::uint32_t seed) const {
        std::vector<std::uint32_t> chosen(std::min<std::uint32_t>(count_ / 2, 100'000));
        const std::uint32_t stride = count_ / static_cast<std::uint32_t>(chosen.size());
        for (std::uint32_t i = 0; i < chosen.size(); ++i) {
            chosen[i] = i * stride + seed % stride;
        }
        std::shuffle(chosen.begin(), chosen.end(), std::mt19937{seed});
        return chosen;
    }

  private:
    std::uint32_t count_;
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> order_;
    std::vector<FourTuple4> hits_;
    std::vector<FourTuple4> misses_;
    std::unique_ptr<Subject> subject_;
};

template <class Subject>
void find_hit(benchmark::State& state) {
    auto& fixture = Fixture<Subject>::of(state);
    const auto keys = fixture.hits();
    std::size_t next = 0;
    std::uint64_t sum = 0;
    for (auto _ : state) {
        sum += fixture.state_of(fixture.subject().find(keys[next]));
        next = next + 1 == keys.size() ? 0 : next + 1;
    }
    benchmark::DoNotOptimize(sum);
}

template <class Subject>
void find_miss(benchmark::State& state) {
    auto& fixture = Fixture<Subject>::of(state);
    const auto keys = fixture.misses();
    std::size_t next = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(fixture.subject().find(keys[next]));
        next = next + 1 == keys.size() ? 0 : next + 1;
    }
}

/// A burst of 32 at a time, by the subject's own way of overlapping the misses; time is per key.
template <class Subject>
void find_burst(benchmark::State& state) {
    auto& fixture = Fixture<Subject>::of(state);
    const auto keys = fixture.hits();
    std::array<std::uint32_t, burst> found;
    std::size_t next = 0;
    std::uint64_t sum = 0;
    while (state.KeepRunningBatch(burst)) {
        fixture.subject().find_burst(keys.subspan(next, burst), found);
        for (const std::uint32_t index : found) {
            sum += fixture.state_of(index);
        }
        next = next + 2 * burst > keys.size() ? 0 : next + burst;
    }
    benchmark::DoNotOptimize(sum);
}

/// Into a table that is nearly full; time is per entry.
template <class Subject>
void insert(benchmark::State& state) {
    auto& fixture = Fixture<Subject>::of(state);
    std::uint32_t round = 0;
    std::vector<std::uint32_t> chosen = fixture.some_entries(round);
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(chosen.size()))) {
        state.PauseTiming();
        chosen = fixture.some_entries(++round);
        for (const std::uint32_t i : chosen) {
            fixture.subject().erase(i);
        }
        state.ResumeTiming();
        for (const std::uint32_t i : chosen) {
            fixture.subject().insert(i);
        }
    }
}

template <class Subject>
void erase(benchmark::State& state) {
    auto& fixture = Fixture<Subject>::of(state);
    std::uint32_t round = 0;
    std::vector<std::uint32_t> chosen = fixture.some_entries(round);
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(chosen.size()))) {
        state.PauseTiming();
        chosen = fixture.some_entries(++round);
        state.ResumeTiming();
        for (const std::uint32_t i : chosen) {
            fixture.subject().erase(i);
        }
        state.PauseTiming();
        for (const std::uint32_t i : chosen) {
            fixture.subject().insert(i);
        }
        state.ResumeTiming();
    }
}

template <class Subject>
int register_all(const std::string& name) {
    for (const std::int64_t count : {1'000, 1'000'000, 10'000'000}) {
        const auto add = [&](const char* what, void (*run)(benchmark::State&)) {
            benchmark::RegisterBenchmark((name + "_" + what).c_str(), run)->Arg(count);
        };
        add("find_hit", find_hit<Subject>);
        add("find_miss", find_miss<Subject>);
        add("find_burst", find_burst<Subject>);
        add("insert", insert<Subject>);
        add("erase", erase<Subject>);
    }
    return 0;
}

} // namespace millrace::flow::bench
