#pragma once

#include "link.hpp"
#include "script.hpp"
#include "stack/core.hpp"
#include "stack/listener.hpp"

#include <cstdint>
#include <optional>

namespace millrace::script {

/// How a script wants its stack: what its `--name=value` lines say. Names are those of
/// docs/configuration.md where it has them; settings.cpp lists the others.
struct Settings {
    stack::WorkerSettings worker;
    stack::ListenerOptions listener;
    std::optional<Family> only;       ///< Runs in this family alone.
    std::optional<std::uint32_t> iss; ///< Ours, of connection 1, when its SYN comes at 0.
    std::uint32_t peer_iss = 0x2000'0000;
    bool accept_when_called = false; ///< The service admits a connection to accept() alone.
    Duration start = 1000s;          ///< The worker's clock when the script begins.
    Duration tolerance = 2 * timer::Wheel::tick_length;
};

/// Throws `Failure` for a setting that does not exist, or a value that it cannot have.
[[nodiscard]] Settings settings_of(const Script& script, Family family);

} // namespace millrace::script
