#pragma once

#include "base/counters.hpp"
#include "base/time.hpp"
#include "runtime/counters.hpp"
#include "runtime/idle.hpp"

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

namespace millrace::runtime {

/// One core's pipeline as its thread sees it.
template <class W>
concept Pollable = requires(W& worker, const W& quiet, Instant now) {
    /// Everything that is to be done at `now`; says how much that was (0: nothing).
    { worker.poll_once(now) } -> std::convertible_to<std::size_t>;
    /// When the next timer is due; `never` when none is set.
    { quiet.next_deadline() } -> std::same_as<Instant>;
};

/// Reads the machine's monotonic clock.
struct SteadyClock {
    [[nodiscard]] static Instant now() {
        return Instant{std::chrono::duration_cast<Duration>(
            std::chrono::steady_clock::now().time_since_epoch())};
    }
};

/// Waits as the machine can.
struct ThreadRest {
    static void pause();
    static void sleep(Duration length);
};

/// What a worker's thread publishes of itself.
enum class LoopCounter : std::uint8_t {
    polls,
    polls_with_work,
    busy_ns,
    elapsed_ns,
    sleeps,
    busy_permille,
};

inline constexpr std::size_t loop_counter_count =
    static_cast<std::size_t>(LoopCounter::busy_permille) + 1;

using LoopCounters = Counters<LoopCounter, loop_counter_count>;

/// Names of the above, in that order, for the counter registry.
[[nodiscard]] std::span<const CounterInfo> loop_counter_infos();

/// The time a worker spends on work, published for other threads to read.
class LoopMeter {
  public:
    /// One turn of the loop took `length`, waiting included, and did some work or none.
    void turn(Duration length, bool worked) {
        const auto length_ns = static_cast<std::uint64_t>(length.count());
        counters_.add(LoopCounter::polls);
        counters_.add(LoopCounter::elapsed_ns, length_ns);
        if (worked) {
            counters_.add(LoopCounter::polls_with_work);
            counters_.add(LoopCounter::busy_ns, length_ns);
        }
        window_ns_ += length_ns;
        window_busy_ns_ += worked ? length_ns : 0;
        if (window_ns_ >= window_length_ns) {
            close_window();
        }
    }

    void slept() { counters_.add(LoopCounter::sleeps); }

    /// For any thread to read.
    [[nodiscard]] const LoopCounters& counters() const { return counters_; }

    /// The busy share is that of the last whole window of at least this length.
    static constexpr std::uint64_t window_length_ns = 1'000'000'000;

  private:
    void close_window();

    alignas(64) LoopCounters counters_;
    std::uint64_t window_ns_ = 0;
    std::uint64_t window_busy_ns_ = 0;
};

/// Polls a worker until it is told to stop, resting as `IdlePolicy` says. Clock and rest are
/// parameters, so a test runs it in made-up time.
template <Pollable W, class Clock = SteadyClock, class Rest = ThreadRest>
class WorkerLoop {
  public:
    /// `worker` outlives the loop.
    WorkerLoop(W& worker, IdlePolicy policy, Clock clock = {}, Rest rest = {})
        : worker_{worker}, policy_{policy}, clock_{std::move(clock)}, rest_{std::move(rest)} {}

    /// Runs in the worker's own thread; returns soon after `stop()`.
    void run() {
        Instant now = clock_.now();
        while (!stopping_.load(std::memory_order_relaxed)) {
            const std::size_t work = worker_.poll_once(now);
            wait(policy_.after_poll(now, work));
            const Instant next = clock_.now();
            meter_.turn(next - now, work > 0);
            now = next;
        }
    }

    /// From any thread.
    void stop() { stopping_.store(true, std::memory_order_relaxed); }

    [[nodiscard]] const LoopMeter& meter() const { return meter_; }

  private:
    void wait(IdleStep step) {
        switch (step) {
        case IdleStep::poll:
            return;
        case IdleStep::pause:
            rest_.pause();
            return;
        case IdleStep::sleep:
            break;
        }
        const Duration length = policy_.sleep_length(clock_.now(), worker_.next_deadline());
        if (length > Duration::zero()) {
            meter_.slept();
            rest_.sleep(length);
        }
    }

    W& worker_;
    IdlePolicy policy_;
    Clock clock_;
    Rest rest_;
    LoopMeter meter_;
    alignas(64) std::atomic<bool> stopping_{false};
};

/// Where and as what a worker's thread runs.
struct ThreadPlace {
    std::string name;             ///< Shown by top -H; its first 15 bytes.
    std::optional<unsigned> core; ///< Pinned to it when set.
    /// In the thread, once it is named and pinned: joins it to the EAL.
    std::function<void()> on_start;
    std::function<void()> on_end; ///< In the thread, last.
};

/// Whether this process may run on `core`, in its CPU set as it is now.
[[nodiscard]] bool core_available(unsigned core);

/// Starts `body` on a thread of its own: every signal blocked (they belong to the control thread),
/// named, and woken by the kernel as exactly as it can. A core that has gone away since it was
/// checked with `core_available` leaves the thread unpinned, which is logged.
[[nodiscard]] std::thread start_thread(ThreadPlace place, std::function<void()> body);

} // namespace millrace::runtime
