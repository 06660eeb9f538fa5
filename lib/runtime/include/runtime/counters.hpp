#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace millrace::runtime {

/// Adds to a counter that only the calling thread writes. No read-modify-write instruction: a
/// reader on another thread sees the value before or the value after, never a torn one.
inline void count(std::uint64_t& counter, std::uint64_t amount = 1) {
    std::atomic_ref<std::uint64_t>{counter}.store(counter + amount, std::memory_order_relaxed);
}

/// Sets a gauge that only the calling thread writes.
inline void publish(std::uint64_t& gauge, std::uint64_t value) {
    std::atomic_ref<std::uint64_t>{gauge}.store(value, std::memory_order_relaxed);
}

/// What a number means over time.
enum class CounterKind : std::uint8_t {
    counter, ///< Only grows.
    gauge,   ///< Goes up and down.
};

/// How the workers' values become one.
enum class Combine : std::uint8_t { sum, mean, maximum };

/// One number that the program publishes. The unit is the last word of the name.
struct CounterInfo {
    std::string name; ///< Full words joined by '_', unique in its group.
    std::string help; ///< One sentence for people.
    CounterKind kind = CounterKind::counter;
    Combine combine = Combine::sum;
};

/// A counter's value at one moment.
struct CounterReading {
    const std::string* group = nullptr;       ///< Who counts: "tcp", "port net0"; the registry's.
    const CounterInfo* info = nullptr;        ///< The registry's.
    std::uint64_t value = 0;                  ///< All workers together.
    std::vector<std::uint64_t> worker_values; ///< By worker; empty when nobody counts by worker.
};

/// Every number there is, by group and name, and where to read it. Filled before the workers start,
/// read by the control thread while they run; the numbers of one reading are each whole, but not
/// taken at one instant.
class CounterRegistry {
  public:
    /// Adds one worker's block: `values[i]` is what `infos[i]` describes, written by that worker
    /// alone with relaxed atomic stores. Groups are made as they come; every worker's block of one
    /// group has the same `infos`. The block outlives the registry.
    void add_block(const std::string& group, std::span<const CounterInfo> infos,
                   std::span<const std::uint64_t> values);

    /// Adds a number that is asked for: `read` is called by the thread that reads the registry.
    void add(const std::string& group, CounterInfo info, std::function<std::uint64_t()> read);

    /// How many counters there are, and one of them (`index` below `size()`), groups in the order
    /// in which they were added.
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] CounterReading read(std::size_t index) const;

  private:
    struct Entry {
        CounterInfo info;
        std::vector<const std::uint64_t*> workers;
        std::function<std::uint64_t()> read; ///< Set when the number is asked for.
    };
    struct Group {
        std::string name;
        std::vector<Entry> entries;
    };

    Group& group_named(const std::string& name);

    std::vector<Group> groups_;
};

} // namespace millrace::runtime
