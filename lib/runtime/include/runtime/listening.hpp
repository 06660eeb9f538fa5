#pragma once

#include "runtime/config.hpp"
#include "runtime/connections.hpp"

#include <vector>

namespace millrace::runtime {

/// The TCP listeners of a configuration as lines of a list of connections: one for each address, or
/// one for each family that the ports have where a listener is bound to none.
[[nodiscard]] std::vector<ConnectionInfo> listening(const Config& config);

} // namespace millrace::runtime
