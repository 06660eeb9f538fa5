#include "daemon.hpp"
#include "exit_code.hpp"
#include "runtime/config.hpp"
#include "runtime/version.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace millrace;

constexpr const char* footer =
    R"(What follows -- goes to DPDK's environment (EAL), after [eal] arguments.

SIGTERM, SIGINT   stop listening, let connections finish, end; a second one ends at once
SIGHUP            heard, and left alone

Exit codes: 0 ended in order; 1 failed while running; 2 the command line, the configuration or the
start went wrong, and standard error says how.)";

struct CommandLine {
    std::string config;
    bool check = false;
    bool explain = false;
    std::vector<std::string> eal_arguments;
};

/// Takes what follows "--" off the end.
std::vector<std::string> split_eal_arguments(std::vector<std::string>& arguments) {
    const auto separator = std::find(arguments.begin(), arguments.end(), "--");
    std::vector<std::string> rest;
    if (separator != arguments.end()) {
        rest.assign(separator + 1, arguments.end());
        arguments.erase(separator, arguments.end());
    }
    return rest;
}

/// Reads the command line; an exit code when there is nothing more to do.
std::optional<int> parse(std::vector<std::string> arguments, CommandLine& line) {
    line.eal_arguments = split_eal_arguments(arguments);
    CLI::App app{"A TCP appliance in user space, on DPDK.", "millraced"};
    app.footer(footer);
    app.set_version_flag("--version", std::string{runtime::version()});
    CLI::Option* config = app.add_option("-c,--config", line.config, "the configuration (TOML)");
    app.add_flag("--check", line.check, "say whether the configuration is right, and end")
        ->needs(config);
    app.add_flag("--explain-config", line.explain, "print every key of the configuration, and end");
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back.
    try {
        app.parse(arguments);
        if (!line.explain && line.config.empty()) {
            throw CLI::RequiredError{"--config FILE"};
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_done : exit_not_started;
    }
    return std::nullopt;
}

int run(const CommandLine& line) {
    if (line.explain) {
        fmt::print("{}", runtime::config_reference());
        return exit_done;
    }
    runtime::LoadedConfig loaded = runtime::load_config(line.config);
    for (const runtime::ConfigError& error : loaded.errors) {
        fmt::print(stderr, "{}\n", error.to_string());
    }
    if (!loaded.errors.empty()) {
        return exit_not_started;
    }
    if (line.check) {
        fmt::print("{}: right\n", line.config);
        return exit_done;
    }
    auto& arguments = loaded.config.eal.arguments;
    arguments.insert(arguments.end(), line.eal_arguments.begin(), line.eal_arguments.end());
    return run_daemon(loaded.config);
}

} // namespace

int main(int argc, char** argv) {
    CommandLine line;
    if (const auto exit_code = parse({argv + 1, argv + argc}, line)) {
        return *exit_code;
    }
    try {
        return run(line);
    } catch (const std::exception& error) {
        fmt::print(stderr, "millraced: {}\n", error.what());
        return exit_failed;
    }
}
