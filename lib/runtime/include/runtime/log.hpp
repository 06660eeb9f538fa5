#pragma once

#include "runtime/config.hpp"
#include "stack/control.hpp"

namespace millrace::runtime {

/// Sends what spdlog is given to standard error from now on, from `level` up. For the control
/// plane: nothing on the packet path logs but `log_conflict`.
void set_up_log(LogLevel level);

/// A host that claims one of our addresses, and whether we have given the address up.
void log_conflict(const stack::AddressConflict& conflict);

} // namespace millrace::runtime
