#pragma once

#include "base/assert.hpp"
#include "base/counters.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace millrace::runtime {

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
    /// Adds one worker's block, whose counters `infos` describes in the order of `Name`. Groups are
    /// made as they come; the blocks of all workers in one group have the same `infos`. The block
    /// outlives the registry.
    template <class Name, std::size_t count>
    void add_block(const std::string& group, std::span<const CounterInfo> infos,
                   const Counters<Name, count>& block) {
        MILLRACE_ASSERT(infos.size() == count);
        for (std::size_t i = 0; i < count; ++i) {
            add_worker(group, infos[i], [&block, i] { return block[static_cast<Name>(i)]; });
        }
    }

    /// Adds a number that is asked for: `read` is called by the thread that reads the registry.
    void add(const std::string& group, CounterInfo info, std::function<std::uint64_t()> read);

    /// How many counters there are, and one of them (`index` below `size()`), groups in the order
    /// in which they were added.
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] CounterReading read(std::size_t index) const;

  private:
    using Read = std::function<std::uint64_t()>;

    struct Entry {
        CounterInfo info;
        std::vector<Read> workers; ///< Or else
        Read read;                 ///< the one who knows.
    };
    struct Group {
        std::string name;
        std::vector<Entry> entries;
    };

    void add_worker(const std::string& group, const CounterInfo& info, Read read);
    Group& group_named(const std::string& name);

    std::vector<Group> groups_;
};

} // namespace millrace::runtime
