#pragma once

#include "runtime/config.hpp"

namespace millrace::runtime {

/// Sends what spdlog is given to standard error from now on, from `level` up. For the control
/// plane: nothing on the packet path logs.
void set_up_log(LogLevel level);

} // namespace millrace::runtime
