#include "runtime/drain.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeServer : public Drainable {
  public:
    void stop_listening() override { ++stops; }
    [[nodiscard]] std::size_t connections() const override {
        if (looks_until_idle == 0) {
            return 0;
        }
        --looks_until_idle;
        return 3;
    }

    int stops = 0;
    mutable int looks_until_idle = 0;
};

class DrainTest : public testing::Test {
  protected:
    Drain make(Duration timeout) {
        return Drain{io, server, timeout, [this](DrainEnd end) { ends.push_back(end); }};
    }

    boost::asio::io_context io;
    FakeServer server;
    std::vector<DrainEnd> ends;
};

TEST_F(DrainTest, EndsAtOnceWithoutConnections) {
    Drain drain = make(1h);
    drain.request();
    io.run();
    EXPECT_EQ(server.stops, 1);
    EXPECT_THAT(ends, ElementsAre(DrainEnd::finished));
}

// F3.drain
TEST_F(DrainTest, WaitsForTheLastConnection) {
    server.looks_until_idle = 5;
    Drain drain = make(1h);
    drain.request();
    EXPECT_THAT(ends, IsEmpty());
    io.run();
    EXPECT_EQ(server.looks_until_idle, 0);
    EXPECT_THAT(ends, ElementsAre(DrainEnd::finished));
}

TEST_F(DrainTest, EndsWhenTheTimeIsOver) {
    server.looks_until_idle = 1'000'000;
    Drain drain = make(0s);
    drain.request();
    io.run();
    EXPECT_THAT(ends, ElementsAre(DrainEnd::timed_out));
}

TEST_F(DrainTest, ASecondRequestEndsAtOnce) {
    server.looks_until_idle = 1'000'000;
    Drain drain = make(1h);
    drain.request();
    drain.request();
    drain.request();
    io.run();
    EXPECT_EQ(server.stops, 1);
    EXPECT_THAT(ends, ElementsAre(DrainEnd::cut_short));
}

TEST_F(DrainTest, SignalsRequestIt) {
    for (const int number : {SIGTERM, SIGINT}) {
        ends.clear();
        server.looks_until_idle = 2;
        Drain drain = make(1h);
        drain.watch_signals();
        ASSERT_EQ(raise(number), 0);
        io.restart();
        io.run();
        EXPECT_THAT(ends, ElementsAre(DrainEnd::finished));
    }
}

TEST_F(DrainTest, ASecondSignalEndsItAtOnce) {
    server.looks_until_idle = 1'000'000;
    Drain drain = make(1h);
    drain.watch_signals();
    ASSERT_EQ(raise(SIGTERM), 0);
    ASSERT_EQ(raise(SIGTERM), 0);
    io.run();
    EXPECT_THAT(ends, ElementsAre(DrainEnd::cut_short));
}

TEST_F(DrainTest, HangUpIsHeardAndChangesNothing) {
    Drain drain = make(1h);
    drain.watch_signals();
    ASSERT_EQ(raise(SIGHUP), 0);
    io.run_one();
    EXPECT_EQ(server.stops, 0);
    ASSERT_EQ(raise(SIGTERM), 0);
    io.run();
    EXPECT_THAT(ends, ElementsAre(DrainEnd::finished));
}

} // namespace
} // namespace millrace::runtime
