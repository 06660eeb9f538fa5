#include "simulation.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace {

using namespace millrace;

/// A campaign in which one of these never happened has not tested what it says.
constexpr std::array must_happen{
    std::string_view{"sequence_wrap"},
    std::string_view{"link.lost"},
    std::string_view{"link.duplicated"},
    std::string_view{"link.reordered"},
    std::string_view{"link.corrupted"},
    std::string_view{"payload_attached"},
    std::string_view{"tcp.retransmitted_segments"},
    std::string_view{"tcp.fast_retransmits"},
    std::string_view{"tcp.retransmission_timeouts"},
    std::string_view{"tcp.syn_retransmits"},
    std::string_view{"tcp.zero_window_probes"},
    std::string_view{"tcp.delayed_acks"},
    std::string_view{"tcp.duplicate_acks_sent"},
    std::string_view{"tcp.duplicate_acks_received"},
    std::string_view{"tcp.out_of_order_segments"},
    std::string_view{"tcp.challenge_acks"},
    std::string_view{"tcp.time_waits"},
    std::string_view{"drop.tcp_bad_checksum"},
    std::string_view{"drop.tcp_old_duplicate"},
};

void describe(const sim::Scenario& scenario) {
    const sim::Impairments& i = scenario.impairments;
    fmt::print("seed {}: {}, loss {:.1f} %, duplication {:.1f} %, reordering {:.1f} %, "
               "corruption {:.1f} %, one-way delay {} us, {} connections\n",
               scenario.seed, scenario.ipv6 ? "IPv6" : "IPv4", 100 * i.loss, 100 * i.duplication,
               100 * i.reordering, 100 * i.corruption, i.delay.count() / 1000,
               scenario.client_streams.size());
    for (const sim::Stream& stream : scenario.client_streams) {
        fmt::print("  {} bytes to the server, {} bytes to the client\n", stream.send_bytes,
                   stream.expect_bytes);
    }
}

bool run_one(std::uint64_t seed, std::map<std::string, std::uint64_t>& seeds_with,
             std::string_view program) {
    const sim::Scenario scenario = sim::Scenario::from_seed(seed);
    const sim::Outcome outcome = sim::Simulation{scenario}.run();
    for (const auto& [event, count] : outcome.events) {
        seeds_with[event] += count > 0 ? 1U : 0U;
    }
    if (!outcome.passed) {
        describe(scenario);
        fmt::print("FAILED: {}\nrepeat it with: {} --seed {}\n", outcome.failure, program, seed);
    }
    return outcome.passed;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Simulates two stacks on a bad link, in virtual time, from seeds."};
    std::uint64_t seeds = 2000;
    std::uint64_t first = 1;
    std::uint64_t only = 0;
    app.add_option("--seeds", seeds, "how many runs")->capture_default_str();
    app.add_option("--first", first, "the first run's seed")->capture_default_str();
    const auto* const single = app.add_option("--seed", only, "this run only, described");
    CLI11_PARSE(app, argc, argv);

    std::map<std::string, std::uint64_t> seeds_with;
    if (single->count() > 0) {
        describe(sim::Scenario::from_seed(only));
        const bool passed = run_one(only, seeds_with, argv[0]);
        for (const auto& [event, count] : seeds_with) {
            if (count > 0) {
                fmt::print("  {}\n", event);
            }
        }
        return passed ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    std::uint64_t failed = 0;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        failed += run_one(seed, seeds_with, argv[0]) ? 0U : 1U;
    }
    fmt::print("{} seeds, {} failed; seeds that met each event:\n", seeds, failed);
    for (const auto& [event, count] : seeds_with) {
        if (count > 0) {
            fmt::print("  {:6} {}\n", count, event);
        }
    }
    for (const std::string_view event : must_happen) {
        if (seeds_with[std::string{event}] == 0) {
            fmt::print("FAILED: no seed met {}\n", event);
            ++failed;
        }
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
