#pragma once

#include "base/time.hpp"
#include "load/job.hpp"
#include "nic/port.hpp"
#include "runtime/address.hpp"
#include "runtime/eal.hpp"
#include "runtime/idle.hpp"
#include "stack/ephemeral_ports.hpp"
#include "tcp/config.hpp"
#include "tcp/time_wait.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace millrace::load {

/// What is wrong with the command line or with a file that it names, and what would be right.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Mode : std::uint8_t {
    handshake,
    connect_request_close,
    keep_alive,
    echo,
    stream,
    hold,
    mix,
};

enum class Direction : std::uint8_t { send, receive };

/// What a job says on its connections.
struct JobOptions {
    Mode mode = Mode::keep_alive;
    double weight = 1;            ///< Of a mix.
    std::uint16_t port = 0;       ///< The target's, when it is 0.
    std::uint16_t depth = 0;      ///< 0: the mode's own.
    std::uint32_t size_bytes = 0; ///< Likewise.
    Direction direction = Direction::receive;
    std::optional<CloseBy> close;
    std::string path = "/";
    std::string host; ///< Empty: the target.
    std::uint16_t expect_status = 200;
    std::optional<std::uint64_t> expect_bytes;
    bool check = true; ///< That what a stream brings is base/pattern.hpp's.
};

struct Options {
    JobOptions job; ///< But for a mix:
    std::vector<JobOptions> mix;
    runtime::Endpoint target;

    // The load
    std::uint32_t connections = 64; ///< At once, of all workers.
    double rate = 0;
    double ramp_to = 0;
    Duration duration = 10s;
    Duration warm_up = 1s;
    std::uint64_t operations = 0;
    Duration timeout = 10s;
    Duration search_p99{};
    double search_rate_max = 100e6;

    // The port and its workers
    nic::PortConfig port;
    std::vector<runtime::IpPrefix> addresses;
    std::vector<runtime::IpAddr> gateways;
    std::uint32_t workers = 1;
    std::vector<unsigned> cores;
    runtime::IdleMode idle = runtime::IdleMode::poll;
    runtime::EalOptions eal;
    std::uint32_t packets = 16'384; ///< Of each worker.

    // TCP
    tcp::Config tcp;
    stack::PortRange ports{1024, 65535};
    tcp::ReusePolicy time_wait_policy = tcp::ReusePolicy::timestamps;
    Duration time_wait = 60s;
    std::uint32_t time_wait_max = 1 << 20;

    // Output
    std::string json_path;
    std::string histogram_path;
    bool quiet = false;

    /// The jobs, whether there is one or a mix.
    [[nodiscard]] std::vector<JobOptions> jobs() const {
        return mix.empty() ? std::vector{job} : mix;
    }
};

/// What --depth, --size and --expect-status (which may be 0, too) may be, on the command line and
/// in a mix. The status is a final one.
inline constexpr std::uint16_t depth_max = 1024;
inline constexpr std::uint32_t size_max = 1 << 20;
inline constexpr std::uint16_t status_min = 200;
inline constexpr std::uint16_t status_max = 599;

/// Whether connections carry one operation after another.
[[nodiscard]] constexpr bool stands(Mode mode) {
    return mode != Mode::handshake && mode != Mode::connect_request_close;
}

/// Reads the command line; an exit code when there is nothing more to do. Throws UsageError.
[[nodiscard]] std::variant<Options, int> read_command_line(std::vector<std::string> arguments);

/// Reads a mix: `[[job]]` tables, whose keys docs/millrace-load.md lists; what one does not say is
/// as `defaults` has it. Throws UsageError.
[[nodiscard]] std::vector<JobOptions> read_mix(const std::string& path, const JobOptions& defaults);

[[nodiscard]] std::string_view name(Mode mode);
[[nodiscard]] std::optional<Mode> mode_from(std::string_view name);
[[nodiscard]] std::optional<CloseBy> close_from(std::string_view name);
[[nodiscard]] std::optional<Direction> direction_from(std::string_view name);
[[nodiscard]] std::string_view name(tcp::ReusePolicy policy);

/// What one operation of a mode is called, in the plural.
[[nodiscard]] std::string_view operations_of(Mode mode);

} // namespace millrace::load
