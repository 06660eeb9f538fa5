#pragma once

namespace millrace {

/// What millraced and millrace-load tell their callers; --help says the same.
enum ExitCode : int {
    exit_done = 0,   ///< Drained, or did what was asked.
    exit_failed = 1, ///< Failed while running; of a load: there were errors, or a rate was missed.
    exit_not_started = 2, ///< The command line, the configuration or the start went wrong.
};

} // namespace millrace
