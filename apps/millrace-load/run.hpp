#pragma once

#include "options.hpp"

namespace millrace::load {

/// Starts, runs and reports. Says the exit code.
[[nodiscard]] int run(const Options& options);

} // namespace millrace::load
