// Asks a running millraced. Exit codes: 0 answered; 1 nobody is there, or the answer broke off or
// is a refusal; 2 the command line is wrong.

#include "runtime/config.hpp"
#include "runtime/connections.hpp"
#include "runtime/management_client.hpp"
#include "runtime/management_text.hpp"
#include "runtime/version.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace {

using millrace::runtime::StartProblem;
using nlohmann::json;

constexpr int exit_not_answered = 1;
constexpr int exit_wrong_command_line = 2;

struct Options {
    std::string socket = millrace::runtime::ManagementConfig{}.socket;
    bool as_json = false;
    std::vector<std::string> filter;
    std::vector<std::string> states;
    std::vector<std::string> services;
    std::vector<std::string> wanted;
    bool by_worker = false;
};

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

int report(const std::optional<StartProblem>& problem) {
    if (!problem) {
        return 0;
    }
    fmt::print(stderr, "millrace-ctl: {}{}{}\n", problem->problem,
               problem->remedy.empty() ? "" : "; ", problem->remedy);
    return exit_not_answered;
}

bool is_last(const json& line) {
    return line.value("done", false);
}

/// The options --state and --service as words of the filter that is sent.
std::vector<std::string> filter_words(const Options& options) {
    std::vector<std::string> words;
    for (const std::string& state : options.states) {
        words.insert(words.end(), {"state", state});
    }
    // "state" and "exclude" stand before the expression that they are joined with.
    auto expression = options.filter.begin();
    while (options.filter.end() - expression >= 2 &&
           (*expression == "state" || *expression == "exclude")) {
        words.insert(words.end(), expression, expression + 2);
        expression += 2;
    }
    const bool has_expression = expression != options.filter.end();
    for (std::size_t i = 0; i < options.services.size(); ++i) {
        words.insert(words.end(), {i == 0 ? "(" : "or", "service", options.services[i]});
    }
    if (!options.services.empty()) {
        words.emplace_back(")");
    }
    if (has_expression) {
        words.emplace_back("(");
        words.insert(words.end(), expression, options.filter.end());
        words.emplace_back(")");
    }
    return words;
}

int show_connections(const Options& options) {
    const std::vector<std::string> words = filter_words(options);
    const auto parsed = millrace::runtime::ConnectionFilter::parse(words);
    if (!parsed.error.empty()) {
        fmt::print(stderr, "millrace-ctl: conns: {}\n", parsed.error);
        return exit_wrong_command_line;
    }
    millrace::runtime::ConnectionTable table{print};
    const auto problem = millrace::runtime::ask(
        options.socket, {{"command", "conns"}, {"filter", words}}, [&](const json& line) {
            if (is_last(line)) {
                return;
            }
            if (options.as_json) {
                print(line.dump() + '\n');
            } else {
                table.add(line);
            }
        });
    if (!problem && !options.as_json) {
        table.finish();
    }
    return report(problem);
}

int show_stats(const Options& options) {
    millrace::runtime::StatsText text{print, options.wanted, options.by_worker};
    return report(
        millrace::runtime::ask(options.socket, {{"command", "stats"}}, [&](const json& line) {
            if (is_last(line)) {
                return;
            }
            if (!options.as_json) {
                text.add(line);
            } else if (millrace::runtime::is_wanted(line, options.wanted)) {
                print(line.dump() + '\n');
            }
        }));
}

int show_version(const Options& options) {
    return report(
        millrace::runtime::ask(options.socket, {{"command", "version"}}, [&](const json& line) {
            print(options.as_json
                      ? line.dump() + '\n'
                      : fmt::format("millraced {}, process {}\n", line.value("version", ""),
                                    line.value("process", 0)));
        }));
}

int drain(const Options& options) {
    return report(millrace::runtime::ask(options.socket, {{"command", "drain"}}, [](const json&) {
        print("millraced drains; once more ends it at once\n");
    }));
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Asks a running millraced.", "millrace-ctl"};
    app.set_version_flag("--version", std::string{millrace::runtime::version()});
    app.add_option("-s,--socket", options.socket, "millraced's management socket")
        ->capture_default_str();
    app.add_flag("-j,--json", options.as_json, "print one JSON object a line");
    app.require_subcommand(1);
    app.fallthrough();

    CLI::App* conns =
        app.add_subcommand("conns", "connections and listeners, as ss -tan prints them");
    conns->add_option("--state", options.states, "only those in this state (may be repeated)")
        ->take_all()
        ->expected(1);
    conns->add_option("--service", options.services, "only those of this service (may be repeated)")
        ->take_all()
        ->expected(1);
    conns->add_option("filter", options.filter,
                      "a filter of ss(8), as: state established sport = :80 dst 198.18.0.0/24");
    CLI::App* stats = app.add_subcommand("stats", "counters");
    stats->add_option("name", options.wanted, "only those whose \"group.name\" contains this");
    stats->add_flag("--workers", options.by_worker, "what each worker has counted, too");
    CLI::App* time_wait =
        app.add_subcommand("time-wait", "what connections in TIME_WAIT cost, by worker");
    CLI::App* version = app.add_subcommand("version", "which millraced is running");
    app.add_subcommand("drain", "stop listening, let connections finish, end");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : exit_wrong_command_line;
    }
    if (conns->parsed()) {
        return show_connections(options);
    }
    if (stats->parsed()) {
        return show_stats(options);
    }
    if (time_wait->parsed()) {
        options.wanted = {"time_wait"};
        options.by_worker = true;
        return show_stats(options);
    }
    return version->parsed() ? show_version(options) : drain(options);
}
