#pragma once

#include "base/time.hpp"
#include "runtime/address.hpp"
#include "runtime/idle.hpp"
#include "stack/listener.hpp"
#include "stack/time_wait_queue.hpp"
#include "tcp/config.hpp"
#include "tcp/time_wait.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The configuration as plain data. The defaults are these structs'; what a key is called, its
/// unit, its range and its meaning stand in config_keys.cpp, from which docs/configuration.md is
/// printed.
namespace millrace::runtime {

enum class Hugepages : std::uint8_t {
    automatic, ///< When there are any.
    on,        ///< A start without them is an error.
    off,
};

struct EalConfig {
    Hugepages hugepages = Hugepages::automatic;
    std::uint32_t memory_mb = 512;
    std::vector<std::string> arguments;
};

struct WorkersConfig {
    std::uint32_t count = 1;
    std::vector<std::uint32_t> cores; ///< As many as workers, or none: not pinned.
    IdleMode idle = IdleMode::adaptive;
    Duration idle_latency = 1ms; ///< Idle, a worker then takes less than 5 % of a core.
};

struct PortConfig {
    std::string name;
    std::string device;
    std::optional<wire::MacAddr> mac;
    std::uint16_t mtu = 1500;
    std::uint8_t ttl = 64;
    std::uint8_t dscp = 0;
    std::vector<IpPrefix> addresses;
    std::vector<IpAddr> gateways;
    std::optional<std::uint16_t> queues; ///< One for each worker when not set.
};

struct TimeWaitConfig {
    Duration duration = 60s;
    tcp::ReusePolicy policy = tcp::ReusePolicy::timestamps;
    std::uint32_t entries_max = 65'536;
    stack::TimeWaitWhenFull when_full = stack::TimeWaitWhenFull::oldest;
};

/// What the engine takes, and what bounds the memory around it.
struct TcpConfig : tcp::Config {
    std::uint32_t connections_max = 65'536;
    std::uint32_t half_open_max = 8'192;
    std::uint32_t orphans_max = 65'536;
    std::uint16_t ephemeral_port_first = 32'768;
    std::uint16_t ephemeral_port_last = 60'999;
    TimeWaitConfig time_wait;
};

enum class ServiceKind : std::uint8_t { http, echo, discard, source };
enum class Protocol : std::uint8_t { tcp, udp };

/// What `source` does when it has sent everything.
enum class AfterBytes : std::uint8_t { close, hold };

/// What a listener decides of TIME_WAIT for itself; the rest is [tcp.time_wait]'s.
struct ListenTimeWaitConfig {
    std::optional<Duration> duration;
    std::optional<tcp::ReusePolicy> policy;
};

struct ListenConfig {
    ServiceKind service = ServiceKind::http;
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    std::vector<IpAddr> addresses; ///< None: every address of every port.
    bool no_delay = true;
    bool linger_zero = false;
    std::uint32_t syn_queue_max = 4'096;
    stack::WhenQueueFull syn_queue_when_full = stack::WhenQueueFull::drop;
    std::optional<std::uint32_t> connections_max; ///< As many as there is room for.
    std::uint32_t accept_queue_max = 4'096;
    stack::WhenQueueFull accept_queue_when_full = stack::WhenQueueFull::drop;
    Duration defer_accept{};
    tcp::Config tcp; ///< Where it says nothing, that of [tcp].
    ListenTimeWaitConfig time_wait;
    // http
    std::string root; ///< Absolute, or relative to where the program was started.
    std::string echo_path;
    std::uint32_t head_bytes_max = 8'192;
    std::uint32_t body_bytes_max = 1'048'576;
    Duration head_timeout = 10s;
    Duration body_timeout = 30s;
    Duration idle_timeout = 60s;
    // source
    std::uint64_t bytes = 1'048'576;
    AfterBytes then = AfterBytes::close;
};

struct ManagementConfig {
    std::string socket = "/run/millrace/millraced.sock"; ///< Empty: none.
    Duration drain_timeout = 30s;
};

enum class LogLevel : std::uint8_t { error, warn, info, debug };

struct LogConfig {
    LogLevel level = LogLevel::info;
};

/// Something wrong with a configuration, or with what it asks of this machine.
struct ConfigError {
    std::string file;
    std::uint32_t line = 0; ///< From 1; 0 when it is not about a line.
    std::string key;        ///< "port[0].mtu", counted from 0; empty when it is not about a key.
    std::string problem;    ///< What is wrong.
    std::string remedy;     ///< What would be right.

    /// "FILE:LINE: KEY: PROBLEM; REMEDY", leaving out what is not known.
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

/// Where each key was read, so that what goes wrong later can still name its line.
struct ConfigOrigin {
    std::string file;
    std::map<std::string, std::uint32_t> lines; ///< By key.

    /// An error about `key`; the line is its own or, when it was left out, its section's.
    [[nodiscard]] ConfigError error(std::string key, std::string problem, std::string remedy) const;
};

struct Config {
    EalConfig eal;
    WorkersConfig workers;
    std::vector<PortConfig> ports;
    TcpConfig tcp;
    std::vector<ListenConfig> listeners;
    ManagementConfig management;
    LogConfig log;
    ConfigOrigin origin;
};

/// TIME_WAIT as `listener` has it, in a configuration whose [tcp.time_wait] is `common`.
[[nodiscard]] TimeWaitConfig time_wait_of(const ListenConfig& listener,
                                          const TimeWaitConfig& common);

/// The engine's configurations that the connections of `config` use, each once; that of [tcp]
/// first.
[[nodiscard]] std::vector<tcp::Config> engine_configs(const Config& config);

/// A configuration, or everything that is wrong with it: one of the two is empty.
struct LoadedConfig {
    Config config;
    std::vector<ConfigError> errors; ///< In the order of the file's lines.
};

/// Reads and checks the file at `path`. Looks at the file system for document roots, and at nothing
/// else of this machine: ports, cores and the socket are found missing at start.
[[nodiscard]] LoadedConfig load_config(const std::string& path);

/// The same for a text; `file` is its name in errors, and roots are relative to its folder.
[[nodiscard]] LoadedConfig parse_config(std::string_view text, const std::string& file);

/// Every key with its type, unit, range, default and meaning, in Markdown.
[[nodiscard]] std::string config_reference();

[[nodiscard]] std::string_view name(ServiceKind service);
[[nodiscard]] std::string_view name(Protocol protocol);
[[nodiscard]] std::string_view name(tcp::ReusePolicy policy);

} // namespace millrace::runtime
