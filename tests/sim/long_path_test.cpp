// D2.autotuning: a long path is filled, though buffers begin small.

#include "simulation.hpp"

#include <gtest/gtest.h>

namespace millrace::sim {
namespace {

Duration time_of_20_megabytes(bool to_server, std::uint32_t receive_buffer_max_bytes) {
    Scenario scenario;
    scenario.impairments.delay = 50ms;
    scenario.receive_buffer_bytes = 128 * 1024;
    scenario.receive_buffer_max_bytes = receive_buffer_max_bytes;
    scenario.packets = 65536;
    scenario.chunks = 32768;
    Stream stream;
    (to_server ? stream.send_bytes : stream.expect_bytes) = 20'000'000;
    scenario.client_streams.push_back(stream);
    scenario.openers.push_back(Opener::client);
    const Outcome outcome = Simulation{scenario}.run();
    EXPECT_TRUE(outcome.passed) << outcome.failure;
    return outcome.took;
}

TEST(LongPath, D2_autotuning_fills_100_ms) {
    for (const bool to_server : {true, false}) {
        // 128 KiB each 100 ms.
        EXPECT_GT(time_of_20_megabytes(to_server, 0), 14s);
        // 2 s of it are TIME-WAIT.
        EXPECT_LT(time_of_20_megabytes(to_server, 6 * 1024 * 1024), 6s);
    }
}

} // namespace
} // namespace millrace::sim
