#include <gtest/gtest.h>

#include "service_harness.hpp"

namespace millrace::service::testing {
namespace {

// F1.echo
TEST(Echo, SendsBackAndEndsWithTheClient) {
    ServiceHarness harness{Echo{}};
    Client client{harness};
    EXPECT_EQ(client.ask("hello"), "hello");
    client.finish();
    client.read();
    EXPECT_TRUE(client.finished);
    EXPECT_FALSE(client.reset);
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

/// The client reads nothing until the server, whose own buffers fill, closes its window too.
TEST(Echo, D2_WaitsForAWindowThatClosesAndReopens) {
    ServiceHarness harness{Echo{}};
    Client client{harness};
    client.window = 0;
    std::string sent;
    for (int i = 0; i < 5000 && (i < 10 || client.peer_window >= 500); ++i) {
        const std::string piece(500, static_cast<char>('a' + i % 26));
        client.write(piece);
        sent += piece;
        EXPECT_EQ(client.read(), "");
        harness.pass(1ms);
    }
    EXPECT_LT(client.peer_window, 500U);
    EXPECT_FALSE(client.reset);
    client.window = 65535;
    client.send(flag::ack);
    std::string echoed = client.read();
    for (int i = 0; i < 10; ++i) {
        harness.pass(1s); // What is left to an unlucky moment's probe.
        echoed += client.read();
    }
    EXPECT_EQ(echoed, sent);
    EXPECT_GE(client.peer_window, 500U) << "open again";
    EXPECT_EQ(client.ask("and on"), "and on");
    harness.expect_nothing_is_left();
}

TEST(Echo, B4_EndsAfterAllThatWasQueued) {
    ServiceHarness harness{Echo{}};
    Client client{harness};
    client.window = 0;
    client.write("before the end");
    client.finish();
    EXPECT_FALSE(client.finished);
    client.window = 1000;
    client.send(flag::ack);
    EXPECT_EQ(client.read(), "before the end");
    EXPECT_TRUE(client.finished);
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

TEST(Echo, ADrainEndsItsSideAndForgetsWhatComes) {
    ServiceHarness harness{Echo{}};
    Client client{harness};
    harness.worker.drain(harness.now);
    harness.poll();
    client.read();
    EXPECT_TRUE(client.finished);
    EXPECT_EQ(client.ask("too late"), "");
    EXPECT_FALSE(client.reset) << "what comes late is taken, not refused";
    client.finish();
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

TEST(Echo, AResetEndsItAndLeavesNothing) {
    ServiceHarness harness{Echo{}};
    Client client{harness};
    client.window = 0;
    client.write(std::string(5000, 'x'));
    client.send(flag::rst | flag::ack);
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
