#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::nic {

/// DPDK's log levels, the most severe first.
enum class LogLevel : std::uint32_t {
    critical = 3,
    error = 4,
    warning = 5,
    notice = 6,
    info = 7,
    debug = 8,
};

/// Takes DPDK's log over: what is at least as severe as `shown` goes to standard error, the rest
/// only to a `LogCapture`. Call it before EAL starts (EAL keeps a stream that was set); later calls
/// only change the level.
void install_log_sink(LogLevel shown);

/// Keeps what DPDK logs (warnings and worse) while it lives, so that an error can give the driver's
/// own reason; standard error gets what it should have shown when the capture ends. One inside
/// another sees what the outer one has seen. Without a sink it stays empty.
class LogCapture {
  public:
    LogCapture();
    ~LogCapture();

    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    /// The lines so far, oldest first, without line ends.
    [[nodiscard]] std::vector<std::string> lines() const;

    /// The most telling line for a person, shorn of DPDK's prefixes: the first error, or the first
    /// warning, or "".
    [[nodiscard]] std::string reason() const;

  private:
    std::uint32_t level_before_;
};

} // namespace millrace::nic
