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
    std::string_view{"ipv4"},
    std::string_view{"ipv6"},
    std::string_view{"sequence_wrap_to_client"},
    std::string_view{"sequence_wrap_to_server"},
    std::string_view{"sequence_wrap_both_ways"}, // D1.wrap
    std::string_view{"stream_of_1_byte"},
    std::string_view{"stream_of_8_megabytes"},
    std::string_view{"gave_up"},
    std::string_view{"opened_by_server"},  // B2.active, B2.passive
    std::string_view{"simultaneous_open"}, // B2.simultaneous
    std::string_view{"clock_wrap"},        // D3.paws
    std::string_view{"timestamp_wrap"},    // D3.paws, D3.rttm
    std::string_view{"newreno"},           // D5.newreno
    std::string_view{"cubic"},             // D5.cubic
    std::string_view{"nagle"},             // D8.nagle
    std::string_view{"link.lost"},
    std::string_view{"link.duplicated"},
    std::string_view{"link.reordered"},
    std::string_view{"link.marked"},
    std::string_view{"link.corrupted"},
    std::string_view{"link.too_long"},
    std::string_view{"payload_attached"},
    std::string_view{"large_packets_cut"},
    std::string_view{"tcp.retransmitted_segments"},
    std::string_view{"tcp.fast_retransmits"},
    std::string_view{"tcp.retransmission_timeouts"},
    std::string_view{"tcp.ecn_reductions"},            // D6.sender
    std::string_view{"tcp.congestion_marks_received"}, // D6.receiver
    std::string_view{"tcp.paced_bursts"},              // D10.rate
    std::string_view{"tcp.tail_loss_probes"},          // D4.tlp
    std::string_view{"tcp.recoveries_undone"},
    std::string_view{"tcp.duplicates_reported"},
    std::string_view{"tcp.path_mtu_black_holes"},
    std::string_view{"tcp.mtu_probes"},
    std::string_view{"tcp.mtu_probes_lost"},
    std::string_view{"tcp.receive_buffer_doublings"},
    std::string_view{"tcp.syn_retransmits"},
    std::string_view{"tcp.zero_window_probes"}, // D2.persist
    std::string_view{"tcp.delayed_acks"},       // D7.delayed
    std::string_view{"tcp.duplicate_acks_sent"},
    std::string_view{"tcp.duplicate_acks_received"},
    std::string_view{"tcp.out_of_order_segments"},
    std::string_view{"tcp.challenge_acks"},
    std::string_view{"tcp.time_waits"},
    std::string_view{"drop.tcp_bad_checksum"},
    std::string_view{"drop.tcp_old_duplicate"},
};

/// Connections of a campaign.
struct Tally {
    std::uint64_t connections = 0;
    std::uint64_t gave_up = 0;
    std::uint64_t gave_up_uncut = 0;
    std::map<std::string, std::uint64_t> seeds_with; ///< Seeds that met each event.
};

/// With a tenth of all segments lost and a tenth damaged, a SYN may still go unanswered seven
/// times.
constexpr std::uint64_t one_may_give_up_uncut_in = 500;

void describe(const sim::Scenario& scenario) {
    const sim::Impairments& i = scenario.impairments;
    fmt::print("seed {}: {}, loss {:.1f} %, duplication {:.1f} %, reordering {:.1f} %, "
               "corruption {:.1f} %, one-way delay {} us, {} connections\n",
               scenario.seed, scenario.ipv6 ? "IPv6" : "IPv4", 100 * i.loss, 100 * i.duplication,
               100 * i.reordering, 100 * i.corruption, i.delay.count() / 1000,
               scenario.client_streams.size());
    if (i.mtu < 1500) {
        fmt::print("  packets longer than {} bytes get lost\n", i.mtu);
    }
    if (scenario.cut) {
        fmt::print("  connection {} is cut off {} after {} segments\n", scenario.cut->connection,
                   !scenario.cut->from[0]   ? "from the server"
                   : !scenario.cut->from[1] ? "from the client"
                                            : "both ways",
                   scenario.cut->after_segments);
    }
    for (const sim::Stream& stream : scenario.client_streams) {
        fmt::print("  {} bytes to the server, {} bytes to the client\n", stream.send_bytes,
                   stream.expect_bytes);
    }
}

bool run_one(std::uint64_t seed, Tally& tally, std::string_view program) {
    const sim::Scenario scenario = sim::Scenario::from_seed(seed);
    const sim::Outcome outcome = sim::Simulation{scenario}.run();
    tally.connections += scenario.client_streams.size();
    tally.gave_up += outcome.gave_up;
    tally.gave_up_uncut += outcome.gave_up_uncut;
    for (const auto& [event, count] : outcome.events) {
        tally.seeds_with[event] += count > 0 ? 1U : 0U;
    }
    if (!outcome.passed) {
        describe(scenario);
        fmt::print("FAILED: {}\nrepeat it with: {} --seed {}\n", outcome.failure, program, seed);
    }
    return outcome.passed;
}

/// Says how many gave up; false when those are too many that nobody cut off.
bool report_gave_up(const Tally& tally) {
    fmt::print("{} of {} connections gave up, {} of them without having been cut off\n",
               tally.gave_up, tally.connections, tally.gave_up_uncut);
    const std::uint64_t most = 1 + tally.connections / one_may_give_up_uncut_in;
    if (tally.gave_up_uncut > most) {
        fmt::print("FAILED: at most {} may do so\n", most);
        return false;
    }
    return true;
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

    Tally tally;
    if (single->count() > 0) {
        describe(sim::Scenario::from_seed(only));
        const bool passed = run_one(only, tally, argv[0]);
        for (const auto& [event, count] : tally.seeds_with) {
            if (count > 0) {
                fmt::print("  {}\n", event);
            }
        }
        return passed ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    std::uint64_t failed = 0;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        failed += run_one(seed, tally, argv[0]) ? 0U : 1U;
    }
    fmt::print("{} seeds, {} failed; seeds that met each event:\n", seeds, failed);
    for (const auto& [event, count] : tally.seeds_with) {
        if (count > 0) {
            fmt::print("  {:6} {}\n", count, event);
        }
    }
    failed += report_gave_up(tally) ? 0U : 1U;
    for (const std::string_view event : must_happen) {
        if (tally.seeds_with[std::string{event}] == 0) {
            fmt::print("FAILED: no seed met {}\n", event);
            ++failed;
        }
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
