#pragma once

#include "runtime/config.hpp"

namespace millrace {

/// Runs the appliance until it has drained. Returns the exit code: 0, or 1 when it failed while
/// running, or 2 when it could not start, which has been said on standard error.
[[nodiscard]] int run_daemon(const runtime::Config& config);

} // namespace millrace
