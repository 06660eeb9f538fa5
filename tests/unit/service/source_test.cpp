#include <gtest/gtest.h>

#include "service_harness.hpp"

namespace millrace::service::testing {
namespace {

std::string stream(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) {
        text[i] = static_cast<char>(i % 251);
    }
    return text;
}

// F1.source
TEST(Source, SendsAndCloses) {
    ServiceHarness harness{Source{200'000, Source::Then::close}};
    Client client{harness};
    EXPECT_EQ(client.read(), stream(200'000));
    EXPECT_TRUE(client.finished);
    client.finish();
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

TEST(Source, SendsNothingAndCloses) {
    ServiceHarness harness{Source{0, Source::Then::close}};
    Client client{harness};
    EXPECT_EQ(client.read(), "");
    EXPECT_TRUE(client.finished);
    harness.expect_nothing_is_left();
}

TEST(Source, SendsAndHolds) {
    ServiceHarness harness{Source{1000, Source::Then::hold}};
    Client client{harness};
    EXPECT_EQ(client.read(), stream(1000));
    harness.pass(3600s);
    client.read();
    EXPECT_FALSE(client.finished);
    EXPECT_EQ(client.ask("unheard"), "");
    client.finish();
    client.read();
    EXPECT_TRUE(client.finished) << "held as long as the client holds";
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

TEST(Source, ADrainEndsWhatIsHeld) {
    ServiceHarness harness{Source{1000, Source::Then::hold}};
    Client client{harness};
    client.read();
    harness.worker.drain(harness.now);
    harness.poll();
    client.read();
    EXPECT_TRUE(client.finished);
    harness.expect_nothing_is_left();
}

/// More than is queued at once, so that the client's end comes while the source still has to send.
TEST(Source, B4_AClientThatEndsFirstGetsAllAndThenTheEnd) {
    constexpr std::size_t bytes = 20 << 20;
    ServiceHarness harness{Source{bytes, Source::Then::hold}};
    Client client{harness};
    client.finish();
    const std::string text = client.read();
    EXPECT_EQ(text.size(), bytes);
    EXPECT_TRUE(client.finished) << "there is nobody left to hold the connection for";
    EXPECT_EQ(harness.connections(), 0U);
    harness.expect_nothing_is_left();
}

/// With no memory to queue anything there is no acknowledgement to wake it; it wakes itself.
TEST(Source, E6_GoesOnWhenQueueMemoryIsBack) {
    stack::WorkerSettings settings;
    settings.buffers.nodes = 8;
    ServiceHarness harness{Source{2'000'000, Source::Then::close}, settings};
    Client first{harness, 40000}; // It takes all nodes there are.
    Client second{harness, 40001};
    EXPECT_EQ(second.read(), "");
    first.send(flag::rst | flag::ack);
    harness.pass(20ms);
    EXPECT_EQ(second.read(), stream(2'000'000));
    EXPECT_TRUE(second.finished);
    harness.expect_nothing_is_left();
}

} // namespace
} // namespace millrace::service::testing
