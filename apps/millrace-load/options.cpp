#include "options.hpp"

#include "exit_code.hpp"
#include "runtime/version.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

namespace millrace::load {

namespace {

constexpr const char* description =
    R"(Loads a TCP server from a stack of its own, and measures it.

MODE is what is done, and what one operation is:
  handshake              a connection is opened, then closed
  connect-request-close  a connection for each HTTP request
  keep-alive             HTTP requests on standing connections
  echo                   --size bytes there and back, on standing connections
  stream                 a piece of --size bytes, one way (--direction)
  hold                   connections are opened and kept for --duration; then each has to echo
  mix                    several of these at once, by weight: --file)";

constexpr const char* footer =
    R"(Without --rate the loop is closed: a connection begins an operation when the one before it has
ended, and a slow server thins out its own load. With --rate it is open: operations are due when they
are due, and latencies count from then.

What follows -- goes to DPDK's environment (EAL).

Exit codes: 0 all went well; 1 there were errors, or the rate was missed; 2 the command line or the
start went wrong, and standard error says how.)";

constexpr std::array mode_names{
    std::pair{Mode::handshake, std::string_view{"handshake"}},
    std::pair{Mode::connect_request_close, std::string_view{"connect-request-close"}},
    std::pair{Mode::keep_alive, std::string_view{"keep-alive"}},
    std::pair{Mode::echo, std::string_view{"echo"}},
    std::pair{Mode::stream, std::string_view{"stream"}},
    std::pair{Mode::hold, std::string_view{"hold"}},
    std::pair{Mode::mix, std::string_view{"mix"}},
};

constexpr std::array close_names{
    std::pair{CloseBy::server, std::string_view{"server"}},
    std::pair{CloseBy::fin, std::string_view{"fin"}},
    std::pair{CloseBy::reset, std::string_view{"rst"}},
};

constexpr std::array policy_names{
    std::pair{tcp::ReusePolicy::strict, std::string_view{"strict"}},
    std::pair{tcp::ReusePolicy::timestamps, std::string_view{"timestamps"}},
    std::pair{tcp::ReusePolicy::off, std::string_view{"off"}},
};

constexpr std::array direction_names{
    std::pair{Direction::send, std::string_view{"send"}},
    std::pair{Direction::receive, std::string_view{"receive"}},
};

constexpr std::array idle_names{
    std::pair{runtime::IdleMode::poll, std::string_view{"poll"}},
    std::pair{runtime::IdleMode::adaptive, std::string_view{"adaptive"}},
};

using Hugepages = runtime::EalOptions::Hugepages;
constexpr std::array hugepages_names{
    std::pair{Hugepages::automatic, std::string_view{"auto"}},
    std::pair{Hugepages::on, std::string_view{"on"}},
    std::pair{Hugepages::off, std::string_view{"off"}},
};

constexpr std::array congestion_names{
    std::pair{tcp::CongestionAlgorithm::cubic, std::string_view{"cubic"}},
    std::pair{tcp::CongestionAlgorithm::new_reno, std::string_view{"newreno"}},
};

template <class Names, class T>
std::string_view name_in(const Names& names, T value) {
    return std::ranges::find(names, value, &Names::value_type::first)->second;
}

template <class Names>
auto find_in(const Names& names, std::string_view name)
    -> std::optional<typename Names::value_type::first_type> {
    const auto found = std::ranges::find(names, name, &Names::value_type::second);
    return found == names.end() ? std::nullopt : std::optional{found->first};
}

/// The value that an option of a few words names.
template <class Names>
auto one_of(const Names& names, std::string_view option, const std::string& word) {
    if (const auto found = find_in(names, word)) {
        return *found;
    }
    std::vector<std::string_view> known;
    for (const auto& [value, name] : names) {
        known.push_back(name);
    }
    throw UsageError{fmt::format("{}: '{}' is none of {}", option, word, fmt::join(known, ", "))};
}

/// A number in that range, which "nan" is not.
CLI::Validator between(double least, double most) {
    return {[=](const std::string& text) {
                double value = 0;
                const bool is_number = CLI::detail::lexical_cast(text, value);
                return is_number && value >= least && value <= most
                           ? std::string{}
                           : fmt::format("'{}' is no number from {} to {}", text, least, most);
            },
            fmt::format("FLOAT in [{} - {}]", least, most)};
}

Duration seconds(double count) {
    return Duration{static_cast<Duration::rep>(std::llround(count * 1e9))};
}

/// A port, or 0 when the text is none.
std::uint16_t port_from(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() ? port : std::uint16_t{0};
}

/// What stands before the last `separator` and behind it; nothing behind it when there is none.
std::pair<std::string_view, std::string_view> split(std::string_view text, char separator) {
    const std::size_t at = text.rfind(separator);
    return at == std::string_view::npos ? std::pair{text, std::string_view{}}
                                        : std::pair{text.substr(0, at), text.substr(at + 1)};
}

/// "198.18.0.2:80" or "[2001:db8::2]:80".
runtime::Endpoint endpoint(const std::string& text) {
    auto [address, port] = split(text, ':');
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    const auto known = runtime::ip_from_string(address);
    if (!known || port_from(port) == 0) {
        throw UsageError{
            fmt::format("--target: '{}' is no address with a port, as 198.18.0.2:80 or "
                        "[2001:db8::2]:80",
                        text)};
    }
    return {*known, port_from(port)};
}

stack::PortRange port_range(const std::string& text) {
    const auto [first, last] = split(text, '-');
    const stack::PortRange range{port_from(first), port_from(last)};
    if (range.first == 0 || range.first > range.last) {
        throw UsageError{
            fmt::format("--ephemeral-ports: '{}' is no range of ports, as 1024-65535", text)};
    }
    return range;
}

constexpr std::size_t addresses_max = 4096;

/// Where a search begins that is not told.
constexpr double search_rate_first = 1000;

/// What the command line says in words, before they are understood. Their defaults are those of
/// Options.
struct Words {
    std::string mode;
    std::string target;
    std::string mac;
    std::string mix_file;
    std::string close;
    std::string direction{name_in(direction_names, Options{}.job.direction)};
    std::string idle{name_in(idle_names, Options{}.idle)};
    std::string hugepages{name_in(hugepages_names, Options{}.eal.hugepages)};
    std::string policy{name_in(policy_names, Options{}.time_wait_policy)};
    std::string congestion{name_in(congestion_names, Options{}.tcp.congestion)};
    std::string ports = fmt::format("{}-{}", Options{}.ports.first, Options{}.ports.last);
    std::vector<std::string> addresses;
    std::vector<std::string> gateways;
    double duration_s = to_seconds(Options{}.duration);
    double warm_up_s = to_seconds(Options{}.warm_up);
    double timeout_s = to_seconds(Options{}.timeout);
    double search_p99_ms = 0;
    double time_wait_s = to_seconds(Options{}.time_wait);
    std::uint64_t expect_bytes = 0;
    bool no_check = false;
};

void add_load_options(CLI::App& app, Options& options, Words& words) {
    app.add_option("mode", words.mode, "what is done (above)")->required();
    app.add_option("--target", words.target, "the server: ADDRESS:PORT, or [ADDRESS]:PORT")
        ->required();
    app.add_option("--connections", options.connections, "at once, of all workers")
        ->check(CLI::Range(1U, 100'000'000U))
        ->capture_default_str();
    CLI::Option* rate = app.add_option("--rate", options.rate, "operations a second: an open loop")
                            ->check(between(0.001, 1e9));
    app.add_option("--ramp-to", options.ramp_to, "what the rate has become at the end")
        ->check(between(0.001, 1e9))
        ->needs(rate);
    CLI::Option* const duration =
        app.add_option("--duration", words.duration_s, "seconds that the clock runs")
            ->check(between(0.001, 1e6))
            ->capture_default_str();
    CLI::Option* const warm_up = app.add_option("--warm-up", words.warm_up_s, "seconds before that")
                                     ->check(between(0.0, 1e6))
                                     ->capture_default_str();
    app.add_option("--requests", options.operations,
                   "end after so many operations, in place of --warm-up and --duration")
        ->excludes(duration)
        ->excludes(warm_up);
    app.add_option("--timeout", words.timeout_s, "seconds that an operation may make no progress")
        ->check(between(0.001, 1e6))
        ->capture_default_str();
    CLI::Option* search =
        app.add_option("--search-p99", words.search_p99_ms,
                       "look for the highest rate whose p99 is at most so many milliseconds; each "
                       "is tried for --duration, from --rate (or 1000) on")
            ->check(between(0.001, 1e6));
    app.add_option("--search-rate-max", options.search_rate_max, "and try no higher one")
        ->check(between(1.0, 1e9))
        ->needs(search);
    app.add_option("--file", words.mix_file, "of mix: the jobs, in TOML");
}

void add_job_options(CLI::App& app, Options& options, Words& words) {
    JobOptions& job = options.job;
    app.add_option("--depth", job.depth, "operations at once on one connection (1; stream: 16)")
        ->check(CLI::Range(std::uint16_t{1}, depth_max));
    app.add_option("--size", job.size_bytes,
                   "bytes of one echo (64) or of a stream's piece (65536)")
        ->check(CLI::Range(1U, size_max));
    app.add_option("--direction", words.direction, "of a stream: send or receive")
        ->capture_default_str();
    app.add_flag("--no-check", words.no_check,
                 "take whatever a stream brings: not every server sends what `source` does");
    app.add_option("--close", words.close,
                   "who closes, and how: server (asked by `Connection: close`), fin or rst (we)");
    app.add_option("--path", job.path, "what is requested")->capture_default_str();
    app.add_option("--host", job.host, "the Host field, if it is not the target");
    app.add_option("--expect-status", job.expect_status, "what is right; 0: anything")
        ->check(CLI::IsMember({0}) | CLI::Range(status_min, status_max))
        ->capture_default_str();
    app.add_option("--expect-bytes", words.expect_bytes, "the content's length that is right");
}

void add_port_options(CLI::App& app, Options& options, Words& words) {
    app.add_option("--device", options.port.device,
                   "the port: a PCI address or a DPDK device string (drivers-cfg/README.md)")
        ->required();
    app.add_option("--mac", words.mac, "its address");
    app.add_option("--mtu", options.port.mtu, "bytes of its largest IP packet")
        ->check(CLI::Range(1280, 9216))
        ->capture_default_str();
    app.add_option("--address", words.addresses,
                   "ours, with its prefix: ADDRESS/LENGTH, or FIRST-LAST/LENGTH; may be repeated")
        ->required();
    app.add_option("--gateway", words.gateways, "where to, beyond these subnets");
    app.add_option("--workers", options.workers, "threads, each with its queue")
        ->check(CLI::Range(1U, 64U))
        ->capture_default_str();
    app.add_option("--cores", options.cores, "to pin them to, as many as workers")->delimiter(',');
    app.add_option("--idle", words.idle, "poll: always awake; adaptive: the core is given back")
        ->capture_default_str();
    app.add_option("--memory-mb", options.eal.memory_mb, "EAL's memory")->capture_default_str();
    app.add_option("--hugepages", words.hugepages, "auto, on or off")->capture_default_str();
    app.add_option("--packets", options.packets, "packet memory of each worker")
        ->check(CLI::Range(1024U, 4'194'304U))
        ->capture_default_str();
}

void add_tcp_options(CLI::App& app, Words& words) {
    app.add_option("--ephemeral-ports", words.ports, "of ours, FIRST-LAST")->capture_default_str();
    app.add_option("--time-wait", words.policy,
                   "timestamps: a port in TIME_WAIT may be used again after a second (RFC 6191); "
                   "strict, off: not before its end")
        ->capture_default_str();
    app.add_option("--time-wait-seconds", words.time_wait_s, "how long that lasts")
        ->check(between(0.001, 3600.0))
        ->capture_default_str();
    app.add_option("--congestion", words.congestion, "cubic or newreno")->capture_default_str();
}

void add_output_options(CLI::App& app, Options& options) {
    app.add_option("--json", options.json_path, "write the result there (-: standard output)");
    app.add_option("--histogram", options.histogram_path,
                   "write the latencies there, as HdrHistogram prints percentiles");
    app.add_flag("--quiet", options.quiet, "no live line, no table");
}

/// Takes what follows "--" off the end.
std::vector<std::string> split_eal_arguments(std::vector<std::string>& arguments) {
    const auto separator = std::ranges::find(arguments, "--");
    std::vector<std::string> rest;
    if (separator != arguments.end()) {
        rest.assign(separator + 1, arguments.end());
        arguments.erase(separator, arguments.end());
    }
    return rest;
}

void understand_addresses(Options& options, const Words& words) {
    for (const std::string& text : words.addresses) {
        const auto range = runtime::prefixes_from_string(text, addresses_max);
        if (const auto* const error = std::get_if<runtime::TextError>(&range)) {
            throw UsageError{fmt::format("--address: {}; {}", error->problem, error->remedy)};
        }
        std::ranges::copy(std::get<0>(range), std::back_inserter(options.addresses));
    }
    if (options.addresses.size() > addresses_max) {
        throw UsageError{fmt::format("--address: {} addresses are more than the {} that a port may "
                                     "have",
                                     options.addresses.size(), addresses_max)};
    }
    for (const std::string& text : words.gateways) {
        const auto address = runtime::ip_from_string(text);
        if (!address) {
            throw UsageError{fmt::format("--gateway: '{}' is no address", text)};
        }
        options.gateways.push_back(*address);
    }
    const bool wants_ipv6 = runtime::is_ipv6(options.target.address);
    if (std::ranges::none_of(options.addresses, [&](const runtime::IpPrefix& prefix) {
            return runtime::is_ipv6(runtime::address_of(prefix)) == wants_ipv6;
        })) {
        throw UsageError{fmt::format("--address: none is of the target's family; give one with {}",
                                     wants_ipv6 ? "IPv6" : "IPv4")};
    }
}

void understand(Options& options, const Words& words) {
    options.job.mode = one_of(mode_names, "mode", words.mode);
    options.target = endpoint(words.target);
    options.duration = seconds(words.duration_s);
    options.warm_up = seconds(words.warm_up_s);
    options.timeout = seconds(words.timeout_s);
    options.search_p99 = seconds(words.search_p99_ms / 1000);
    if (options.search_p99 > Duration{} && options.rate == 0) {
        options.rate = search_rate_first;
    }
    options.time_wait = seconds(words.time_wait_s);
    options.job.direction = one_of(direction_names, "--direction", words.direction);
    options.job.check = !words.no_check;
    if (!words.close.empty()) {
        options.job.close = one_of(close_names, "--close", words.close);
    }
    options.idle = one_of(idle_names, "--idle", words.idle);
    options.eal.hugepages = one_of(hugepages_names, "--hugepages", words.hugepages);
    options.time_wait_policy = one_of(policy_names, "--time-wait", words.policy);
    options.tcp.congestion = one_of(congestion_names, "--congestion", words.congestion);
    options.ports = port_range(words.ports);
    if (!words.mac.empty()) {
        const auto mac = wire::MacAddr::from_string(words.mac);
        if (!mac) {
            throw UsageError{
                fmt::format("--mac: '{}' is no address, as 02:00:00:00:00:01", words.mac)};
        }
        options.port.mac = mac->bytes;
    }
    if (!options.cores.empty() && options.cores.size() != options.workers) {
        throw UsageError{fmt::format("--cores: {} are named for {} workers", options.cores.size(),
                                     options.workers)};
    }
    understand_addresses(options, words);
}

/// Sets what a job left to its mode, and refuses what does not fit.
void complete(JobOptions& job, const Options& options) {
    if (job.close == CloseBy::server && job.mode != Mode::connect_request_close) {
        throw UsageError{fmt::format("--close: {} cannot ask the server to close; say fin or rst",
                                     name(job.mode))};
    }
    if (!stands(job.mode) && job.depth > 1) {
        throw UsageError{
            fmt::format("--depth: a connection of {} carries one operation", name(job.mode))};
    }
    if (!job.close) {
        job.close = job.mode == Mode::connect_request_close ? CloseBy::server : CloseBy::fin;
    }
    if (job.port == 0) {
        job.port = options.target.port;
    }
    if (job.host.empty()) {
        job.host = runtime::to_string(runtime::Endpoint{options.target.address, job.port});
    }
    if (job.depth == 0) {
        job.depth = job.mode == Mode::stream ? 16 : 1;
    }
    if (job.size_bytes == 0) {
        job.size_bytes = job.mode == Mode::stream ? 65'536 : 64;
    }
}

/// The one job, or those of the mix.
void read_jobs(Options& options, const Words& words) {
    const bool is_mix = options.job.mode == Mode::mix;
    if (is_mix == words.mix_file.empty()) {
        throw UsageError{"--file: belongs to mix, and mix needs it"};
    }
    if (!is_mix) {
        complete(options.job, options);
        return;
    }
    options.mix = read_mix(words.mix_file, options.job);
    for (JobOptions& job : options.mix) {
        complete(job, options);
    }
}

/// What is an option of some modes only: with another it would change nothing, in silence.
void refuse_idle_options(const CLI::App& app, Mode mode) {
    constexpr std::array http{Mode::connect_request_close, Mode::keep_alive, Mode::mix};
    constexpr std::array sized{Mode::echo, Mode::hold, Mode::stream, Mode::mix};
    constexpr std::array streaming{Mode::stream, Mode::mix};
    const std::array<std::pair<const char*, std::span<const Mode>>, 7> options_of_modes{{
        {"--path", http},
        {"--host", http},
        {"--expect-status", http},
        {"--expect-bytes", http},
        {"--size", sized},
        {"--direction", streaming},
        {"--no-check", streaming},
    }};
    for (const auto& [option, modes] : options_of_modes) {
        if (app.count(option) > 0 && std::ranges::find(modes, mode) == modes.end()) {
            std::vector<std::string_view> names;
            std::ranges::transform(modes, std::back_inserter(names),
                                   [](Mode one) { return name_in(mode_names, one); });
            throw UsageError{fmt::format("{}: {} has no use for it; it belongs to {}", option,
                                         name_in(mode_names, mode), fmt::join(names, ", "))};
        }
    }
}

void refuse_contradictions(const Options& options) {
    if (options.connections < options.workers) {
        throw UsageError{fmt::format("--connections: {} are too few for {} workers",
                                     options.connections, options.workers)};
    }
    if (options.search_p99 > Duration{} && (options.operations > 0 || options.ramp_to > 0)) {
        throw UsageError{"--search-p99: goes neither with --requests nor with --ramp-to"};
    }
    if (options.job.mode == Mode::hold &&
        (options.rate > 0 || options.operations > 0 || options.search_p99 > Duration{})) {
        throw UsageError{"hold: takes neither --rate, --requests nor --search-p99"};
    }
}

} // namespace

std::variant<Options, int> read_command_line(std::vector<std::string> arguments) {
    Options options;
    Words words;
    options.eal.arguments = split_eal_arguments(arguments);
    CLI::App app{description, "millrace-load"};
    app.footer(footer);
    app.set_version_flag("--version", std::string{runtime::version()});
    app.option_defaults()->group("Load");
    add_load_options(app, options, words);
    app.option_defaults()->group("What is done on a connection");
    add_job_options(app, options, words);
    app.option_defaults()->group("Port and workers");
    add_port_options(app, options, words);
    app.option_defaults()->group("TCP");
    add_tcp_options(app, words);
    app.option_defaults()->group("Output");
    add_output_options(app, options);
    std::ranges::reverse(arguments); // CLI11 takes them from the back.
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_done : exit_not_started;
    }
    if (app.count("--expect-bytes") > 0) {
        options.job.expect_bytes = words.expect_bytes;
    }
    understand(options, words);
    refuse_idle_options(app, options.job.mode);
    refuse_contradictions(options);
    read_jobs(options, words);
    return options;
}

std::string_view name(Mode mode) {
    return name_in(mode_names, mode);
}

std::optional<Mode> mode_from(std::string_view name) {
    return find_in(mode_names, name);
}

std::optional<CloseBy> close_from(std::string_view name) {
    return find_in(close_names, name);
}

std::optional<Direction> direction_from(std::string_view name) {
    return find_in(direction_names, name);
}

std::string_view name(tcp::ReusePolicy policy) {
    return name_in(policy_names, policy);
}

std::string_view operations_of(Mode mode) {
    switch (mode) {
    case Mode::handshake:
        return "handshakes";
    case Mode::connect_request_close:
    case Mode::keep_alive:
        return "requests";
    case Mode::echo:
    case Mode::hold:
        return "echoes";
    case Mode::stream:
        return "pieces";
    case Mode::mix:
        break;
    }
    return "operations";
}

} // namespace millrace::load
