#pragma once

#include "base/time.hpp"
#include "load/histogram.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace millrace::load {

/// One worker's latencies on their way to the control thread. The worker writes into one of two
/// histograms; when the control thread has asked, it turns to the other at its next turn, and the
/// first is the control thread's to read. Neither ever waits.
class Recorder {
  public:
    // The worker:
    void record(Duration latency) { histograms_[turns_ & 1].record(latency); }

    void turn() {
        if (asked_.load(std::memory_order_acquire) != turns_) [[unlikely]] {
            ++turns_;
            turned_.store(turns_, std::memory_order_release);
        }
    }

    // The control thread:
    /// Asks for what was recorded since the last time; at most one wish is open.
    void ask() {
        asked_.store(turned_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

    /// True when the worker has answered the wish.
    [[nodiscard]] bool answered() const {
        return turned_.load(std::memory_order_acquire) == asked_.load(std::memory_order_relaxed);
    }

    /// Adds what was asked for to `sum`, once, when it is answered.
    void take(Histogram& sum) {
        take(histograms_[(turned_.load(std::memory_order_relaxed) + 1) & 1], sum);
    }

    /// Adds everything that was not taken yet, when the worker runs no more.
    void take_rest(Histogram& sum) {
        for (Histogram& histogram : histograms_) {
            take(histogram, sum);
        }
    }

  private:
    static void take(Histogram& histogram, Histogram& sum) {
        sum.add(histogram);
        histogram.clear();
    }

    std::array<Histogram, 2> histograms_;
    std::uint32_t turns_ = 0; ///< The worker's; as `turned_`.
    alignas(64) std::atomic<std::uint32_t> asked_{0};
    alignas(64) std::atomic<std::uint32_t> turned_{0};
};

} // namespace millrace::load
