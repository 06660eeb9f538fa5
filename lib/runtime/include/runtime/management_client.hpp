#pragma once

#include "runtime/management.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string>

namespace millrace::runtime {

/// Sends `request` to the program that listens on `socket_path`, and hands each line of its answer
/// to `on_line`, the last one too. Blocks until the answer is complete; returns what went wrong,
/// the program's own refusal included.
[[nodiscard]] std::optional<StartProblem>
ask(const std::string& socket_path, const nlohmann::json& request,
    const std::function<void(const nlohmann::json& line)>& on_line);

} // namespace millrace::runtime
