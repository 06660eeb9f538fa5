#include "runtime/counters.hpp"

#include <algorithm>
#include <utility>

namespace millrace::runtime {

namespace {

std::uint64_t combined(Combine how, const std::vector<std::uint64_t>& values) {
    if (values.empty()) {
        return 0;
    }
    if (how == Combine::maximum) {
        return *std::max_element(values.begin(), values.end());
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t value : values) {
        sum += value;
    }
    return how == Combine::mean ? sum / values.size() : sum;
}

} // namespace

CounterRegistry::Group& CounterRegistry::group_named(const std::string& name) {
    const auto found = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const Group& group) { return group.name == name; });
    if (found != groups_.end()) {
        return *found;
    }
    return groups_.emplace_back(Group{name, {}});
}

void CounterRegistry::add_worker(const std::string& group_name, const CounterInfo& info,
                                 Read read) {
    Group& group = group_named(group_name);
    const auto found =
        std::find_if(group.entries.begin(), group.entries.end(),
                     [&](const Entry& entry) { return entry.info.name == info.name; });
    if (found != group.entries.end()) {
        found->workers.push_back(std::move(read));
        return;
    }
    Entry& entry = group.entries.emplace_back(Entry{info, {}, nullptr});
    entry.workers.push_back(std::move(read));
}

void CounterRegistry::add(const std::string& group, CounterInfo info,
                          std::function<std::uint64_t()> read) {
    group_named(group).entries.push_back(Entry{std::move(info), {}, std::move(read)});
}

std::size_t CounterRegistry::size() const {
    std::size_t count = 0;
    for (const Group& group : groups_) {
        count += group.entries.size();
    }
    return count;
}

CounterReading CounterRegistry::read(std::size_t index) const {
    auto group = groups_.begin();
    while (index >= group->entries.size()) {
        index -= group->entries.size();
        ++group;
    }
    const Entry& entry = group->entries[index];
    CounterReading reading{&group->name, &entry.info, 0, {}};
    if (entry.read) {
        reading.value = entry.read();
        return reading;
    }
    reading.worker_values.reserve(entry.workers.size());
    for (const Read& worker : entry.workers) {
        reading.worker_values.push_back(worker());
    }
    reading.value = combined(entry.info.combine, reading.worker_values);
    return reading;
}

} // namespace millrace::runtime
