#pragma once

namespace millrace {

/// What millraced tells its caller; --help says the same.
enum ExitCode : int {
    exit_done = 0,        ///< Drained, or did what was asked.
    exit_failed = 1,      ///< Failed while running.
    exit_not_started = 2, ///< The command line, the configuration or the start went wrong.
};

} // namespace millrace
