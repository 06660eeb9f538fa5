#include <gtest/gtest.h>

#include "service_harness.hpp"

namespace millrace::service::testing {
namespace {

// F1.discard
TEST(Discard, TakesAllAndSaysNothing) {
    ServiceHarness harness{Discard{}};
    Client client{harness};
    EXPECT_EQ(client.ask(std::string(1'000'000, 'x')), "");
    EXPECT_GT(client.peer_window, 0U);
    EXPECT_FALSE(client.finished);
    client.finish();
    client.read();
    EXPECT_TRUE(client.finished);
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

TEST(Discard, ADrainEndsItsSide) {
    ServiceHarness harness{Discard{}};
    Client client{harness};
    harness.worker.drain(harness.now);
    harness.poll();
    client.read();
    EXPECT_TRUE(client.finished);
    client.write("still sending");
    EXPECT_EQ(harness.connections(), 1U);
    client.finish();
    EXPECT_EQ(harness.connections(), 0U);
    EXPECT_FALSE(client.reset);
    harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
