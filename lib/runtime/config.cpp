#include "runtime/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::runtime {

std::string ConfigError::to_string() const {
    std::string text = file;
    if (line > 0) {
        text += fmt::format(":{}", line);
    }
    if (!key.empty()) {
        text += ": " + key;
    }
    return fmt::format("{}: {}; {}", text, problem, remedy);
}

ConfigError ConfigOrigin::error(std::string key, std::string problem, std::string remedy) const {
    ConfigError error{file, 0, std::move(key), std::move(problem), std::move(remedy)};
    for (std::string at = error.key; !at.empty();) {
        if (const auto found = lines.find(at); found != lines.end()) {
            error.line = found->second;
            break;
        }
        const auto end = at.find_last_of(".[");
        at.resize(end == std::string::npos ? 0 : end);
    }
    return error;
}

TimeWaitConfig time_wait_of(const ListenConfig& listener, const TimeWaitConfig& common) {
    TimeWaitConfig own = common;
    own.duration = listener.time_wait.duration.value_or(common.duration);
    own.policy = listener.time_wait.policy.value_or(common.policy);
    return own;
}

std::vector<tcp::Config> engine_configs(const Config& config) {
    std::vector<tcp::Config> all{config.tcp};
    for (const ListenConfig& listener : config.listeners) {
        if (std::ranges::find(all, listener.tcp) == all.end()) {
            all.push_back(listener.tcp);
        }
    }
    return all;
}

} // namespace millrace::runtime
