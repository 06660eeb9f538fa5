#include "load_harness.hpp"

#include <array>
#include <optional>
#include <vector>

namespace millrace::load::testing {
namespace {

using Kind = Order::Kind;

TEST(LoadClient, HandshakesInAClosedLoopKeepTheirConnectionsBusy) {
    LoadHarness<Handshake, service::Echo> harness{
        {.standing = false, .connections = 8, .close = CloseBy::reset}, Handshake{}};
    harness.order({.kind = Kind::run});
    harness.run(10ms);
    const std::uint64_t opened = harness.counted(Counter::connections_opened);
    EXPECT_GT(opened, 100U);
    EXPECT_LE(harness.counted(Counter::connects) - harness.counted(Counter::connections_closed),
              8U);
    EXPECT_EQ(harness.counted(Counter::operations_completed), opened);
    EXPECT_EQ(harness.latencies().count(), opened);
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
    EXPECT_EQ(harness.server.core().tcp_counters[tcp::Counter::passive_opens],
              harness.counted(Counter::connections_opened))
        << "the reset does not overtake the ACK";
}

TEST(LoadClient, HandshakesThatEndByFinLeaveTimeWaitHere) {
    LoadHarness<Handshake, service::Echo> harness{
        {.standing = false, .connections = 8, .close = CloseBy::fin}, Handshake{}};
    harness.order({.kind = Kind::run, .operations_max = 100});
    harness.run(100ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 100U);
    EXPECT_EQ(harness.counted(Counter::connections_closed), 100U);
    EXPECT_EQ(harness.worker.host<wire::Ipv4Addr>().time_wait(), 100U);
    EXPECT_EQ(harness.server.host<wire::Ipv4Addr>().time_wait(), 0U);
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
}

TEST(LoadClient, NothingIsBegunBeforeItIsOrdered) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 4}, Echo{64}};
    harness.run(10ms);
    EXPECT_EQ(harness.counted(Counter::connects), 0U);
    harness.open(4);
    harness.run(10ms);
    EXPECT_EQ(harness.counted(Counter::operations_begun), 0U);
    harness.close();
}

TEST(LoadClient, EchoesOnStandingConnectionsAgreeToTheByte) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 4, .depth = 3}, Echo{5000}};
    harness.open(4);
    harness.order({.kind = Kind::run, .operations_max = 1000});
    harness.run(200ms);
    EXPECT_EQ(harness.counted(Counter::operations_begun), 1000U);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 1000U);
    EXPECT_EQ(harness.counted(Counter::bytes_sent), 5'000'000U);
    EXPECT_EQ(harness.counted(Counter::bytes_received), 5'000'000U);
    EXPECT_EQ(harness.counted(Counter::connections_opened), 4U);
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
}

TEST(LoadClient, AnEchoIsLongerThanAnyPieceOfThePattern) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 1}, Echo{200'000}};
    harness.open(1);
    harness.order({.kind = Kind::run, .operations_max = 5});
    harness.run(500ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 5U);
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
}

/// Sends back what it gets, but for one byte.
struct WrongEcho {
    static std::uint32_t receive(stack::Socket& socket, const Slice& text) {
        std::vector<std::byte> copy{text.data, text.data + text.length};
        copy.back() ^= std::byte{1};
        static_cast<void>(socket.send_copy(copy));
        return text.length;
    }
    static void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::end_of_stream) {
            socket.close();
        }
    }
};

TEST(LoadClient, AWrongByteIsAnErrorAndNoFasterAnswer) {
    LoadHarness<Echo, WrongEcho> harness{{.connections = 2}, Echo{100}};
    harness.open(2);
    harness.order({.kind = Kind::run, .operations_max = 10});
    harness.run(100ms);
    EXPECT_EQ(harness.counted(Counter::wrong_bytes), 10U);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 0U);
    EXPECT_EQ(harness.latencies().count(), 0U);
    harness.close();
}

TEST(LoadClient, AServerThatSaysNothingIsTimedOut) {
    LoadHarness<Echo, service::Discard> harness{{.connections = 2, .timeout = 100ms}, Echo{100}};
    harness.open(2);
    harness.order({.kind = Kind::run, .operations_max = 2});
    harness.run(90ms);
    EXPECT_EQ(harness.counted(Counter::timed_out), 0U);
    harness.run(20ms);
    EXPECT_EQ(harness.counted(Counter::timed_out), 2U);
    EXPECT_EQ(harness.share.gauges[Gauge::pending], 0U);
    harness.close();
}

TEST(LoadClient, ARefusedConnectionIsAnError) {
    LoadHarness<Handshake, service::Echo> harness{{.standing = false, .connections = 1},
                                                  Handshake{}};
    harness.server.core().draining = true;
    harness.order({.kind = Kind::run, .operations_max = 3});
    harness.run(20ms);
    EXPECT_EQ(harness.counted(Counter::refused), 3U);
    EXPECT_EQ(harness.counted(Counter::connections_opened), 0U);
    harness.close();
}

TEST(LoadClient, PortsThatRunOutAreAnErrorThatIsNotRepeatedWithoutPause) {
    stack::WorkerSettings settings = settings_of(client_mac, client_address);
    settings.ephemeral_ports = {40000, 40009};
    LoadHarness<Handshake, service::Echo> harness{
        {.standing = false, .connections = 8}, Handshake{}, service::Echo{}, settings};
    harness.order({.kind = Kind::run});
    harness.run(20ms);
    EXPECT_EQ(harness.counted(Counter::connections_opened), 10U);
    EXPECT_GT(harness.counted(Counter::ports_exhausted), 10U);
    EXPECT_LT(harness.counted(Counter::ports_exhausted), 30U);
    harness.close();
}

TEST(LoadClient, ReceivesAStreamInPieces) {
    LoadHarness<StreamReceive, service::Source> harness{
        {.connections = 2},
        StreamReceive{10'000, true},
        service::Source{10'000'000, service::Source::Then::hold}};
    harness.open(2);
    harness.run(10ms);
    EXPECT_EQ(harness.counted(Counter::bytes_received), 0U) << "the clock does not run";
    harness.order({.kind = Kind::run, .operations_max = 200});
    harness.run(500ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 200U);
    EXPECT_EQ(harness.counted(Counter::bytes_received), 2'000'000U);
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
}

TEST(LoadClient, SendsAStreamInPiecesThatAreDoneWhenAcknowledged) {
    LoadHarness<StreamSend, service::Discard> harness{{.connections = 2, .depth = 4},
                                                      StreamSend{10'000}};
    harness.open(2);
    harness.order({.kind = Kind::run, .operations_max = 200});
    harness.run(500ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 200U);
    EXPECT_EQ(harness.counted(Counter::bytes_sent), 2'000'000U);
    EXPECT_EQ(harness.counted(Counter::window_bytes_sent), 2'000'000U);
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
}

/// Echoes, and keeps what it got on each connection.
struct EchoOfEach {
    std::vector<std::uint64_t>* received;

    std::uint32_t receive(stack::Socket& socket, const Slice& text) const {
        (*received)[socket.state<std::uint32_t>()] += text.length;
        static_cast<void>(socket.send_copy({text.data, text.length}));
        return text.length;
    }
    void on(stack::Socket& socket, stack::SocketEvent event) const {
        if (event == stack::SocketEvent::opened) {
            socket.state<std::uint32_t>() = static_cast<std::uint32_t>(received->size());
            received->push_back(0);
        } else if (event == stack::SocketEvent::end_of_stream) {
            socket.close();
        }
    }
};

// An echo that carries the acknowledgement, too, makes room twice.
TEST(LoadClient, OnceMeansEachConnectionOnce) {
    std::vector<std::uint64_t> received;
    LoadHarness<Echo, EchoOfEach> harness{{.connections = 100}, Echo{64}, EchoOfEach{&received}};
    harness.open(100);
    harness.order({.kind = Kind::run, .once = true, .pending_max = 7, .operations_max = 100});
    harness.run(100ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 100U);
    EXPECT_EQ(received, std::vector<std::uint64_t>(100, 64));
    EXPECT_EQ(harness.errors(), 0U);
    harness.close();
}

TEST(LoadClient, AnOpenLoopKeepsItsRateAndItsWindow) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 4}, Echo{64}};
    harness.open(4);
    const Instant start = harness.now;
    harness.order({.kind = Kind::run,
                   .schedule = Schedule{start, 1000},
                   .from = start + 100ms,
                   .until = start + 1100ms});
    harness.run(1200ms);
    EXPECT_EQ(harness.counted(Counter::operations_begun), 1100U);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 1100U);
    EXPECT_EQ(harness.latencies().count(), 1000U) << "what was due in the window";
    EXPECT_EQ(harness.counted(Counter::window_completed), 1000U);
    EXPECT_EQ(harness.counted(Counter::unstarted), 0U);
    harness.close();
}

TEST(LoadClient, TwoWorkersTakeTheOperationsOfOneScheduleInTurn) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 4, .worker = 1, .workers = 2},
                                             Echo{64}};
    harness.open(4);
    const Instant start = harness.now;
    harness.order({.kind = Kind::run, .schedule = Schedule{start, 1000}, .until = start + 1s});
    harness.run(1100ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 500U);
    EXPECT_EQ(harness.counted(Counter::unstarted), 0U);
    harness.close();
}

// The server stalls for a tenth of the time, at far below what it can do: one operation in ten
// falls into the stall, and waits for between nothing and all of it. Counted from when each was
// due, p95 is half of the stall, and p99 nine tenths; counted from when each was sent, as a closed
// loop does, nearly nothing is to be seen of it.
TEST(LoadClient, AStallCountsForEveryOperationThatWasDue) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 16}, Echo{64}};
    harness.open(16);
    const Instant start = harness.now;
    harness.order({.kind = Kind::run, .schedule = Schedule{start, 2000}, .until = start + 5s});
    for (int second = 0; second < 5; ++second) {
        harness.run(450ms);
        harness.stalled_until = harness.now + 100ms;
        harness.run(550ms);
    }
    harness.run(10ms);
    const Histogram latencies = harness.latencies();
    EXPECT_EQ(latencies.count(), 10'000U);
    EXPECT_NEAR(static_cast<double>(latencies.percentile(95).count()), 50e6, 1e6);
    EXPECT_NEAR(static_cast<double>(latencies.percentile(99).count()), 90e6, 1e6);
    EXPECT_LT(latencies.percentile(50), 1ms);
    harness.close();
}

TEST(LoadClient, WhatWasDueAndNeverBegunIsCounted) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 1}, Echo{64}};
    harness.open(1);
    const Instant start = harness.now;
    harness.stalled_until = start + 300ms;
    harness.order({.kind = Kind::run, .schedule = Schedule{start, 1000}, .until = start + 200ms});
    harness.run(400ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 1U);
    EXPECT_EQ(harness.counted(Counter::unstarted), 199U);
}

TEST(LoadClient, WhatIsALittleLateAtTheEndIsBegunAllTheSame) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 1}, Echo{64}};
    harness.open(1);
    const Instant start = harness.now;
    harness.stalled_until = start + 250ms;
    harness.order({.kind = Kind::run, .schedule = Schedule{start, 1000}, .until = start + 200ms});
    harness.run(400ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 200U);
    EXPECT_EQ(harness.counted(Counter::unstarted), 0U);
    harness.close();
}

/// Takes so much from a connection, and closes it.
struct Closes {
    static std::uint32_t receive(stack::Socket& socket, const Slice& text) {
        socket.close();
        return text.length;
    }
    static void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::end_of_stream) {
            socket.close();
        }
    }
};

TEST(LoadClient, AnOperationThatTheServerCutsShortIsAnError) {
    LoadHarness<Echo, Closes> harness{{.connections = 1}, Echo{64}};
    harness.open(1);
    harness.order({.kind = Kind::run, .operations_max = 5});
    harness.run(200ms);
    EXPECT_EQ(harness.counted(Counter::closed_early), 5U);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 0U);
    EXPECT_EQ(harness.share.gauges[Gauge::open], 1U) << "it is opened anew";
    harness.close();
}

/// Sends back a byte every so often, and stops short of the last.
struct Drip {
    static constexpr Duration interval = 50ms;

    std::uint32_t receive(stack::Socket& socket, const Slice& text) const {
        socket.state<std::uint32_t>() = text.length - 1;
        socket.set_deadline(socket.now() + interval);
        return text.length;
    }
    void on(stack::Socket& socket, stack::SocketEvent event) const {
        auto& left = socket.state<std::uint32_t>();
        if (event == stack::SocketEvent::deadline && left > 0) {
            --left;
            static_cast<void>(socket.send_copy(std::array{std::byte{0}}));
            socket.set_deadline(socket.now() + interval);
        } else if (event == stack::SocketEvent::end_of_stream) {
            socket.close();
        }
    }
};

/// Takes any ten bytes for a reply.
struct Any {
    static constexpr std::uint32_t bytes = 10;
    struct State {
        std::uint32_t received;
    };

    [[nodiscard]] static bool has_room(const stack::Socket&) { return true; }
    [[nodiscard]] static std::optional<std::uint32_t> ask(stack::Socket& socket, State& state) {
        state = {};
        return socket.send_copy(std::array<std::byte, bytes>{});
    }
    [[nodiscard]] static Heard hear(State& state, const Slice& text) {
        const std::uint32_t used = std::min(text.length, bytes - state.received);
        state.received += used;
        return {.used = used, .completed = state.received == bytes};
    }
    [[nodiscard]] static bool ends_with_stream(const State&) { return false; }
};

TEST(LoadClient, BytesAreProgressAndTheirEndIsATimeOut) {
    LoadHarness<Any, Drip> harness{{.connections = 1, .timeout = 100ms}, Any{}};
    harness.open(1);
    harness.order({.kind = Kind::run, .operations_max = 1});
    harness.run(500ms);
    EXPECT_EQ(harness.errors(), 0U) << "nine bytes, 50 ms apart";
    harness.run(100ms);
    EXPECT_EQ(harness.counted(Counter::timed_out), 1U);
    harness.close();
}

TEST(LoadClient, EveryOperationOnALostConnectionIsAnError) {
    LoadHarness<Echo, service::Discard> harness{{.connections = 1, .depth = 5, .timeout = 50ms},
                                                Echo{100}};
    harness.open(1);
    harness.order({.kind = Kind::run, .operations_max = 5});
    harness.run(100ms);
    EXPECT_EQ(harness.counted(Counter::timed_out), 1U);
    EXPECT_EQ(harness.counted(Counter::abandoned), 4U);
    harness.close();
}

TEST(LoadClient, AConnectionThatWasToBeHeldAndIsNotIsAnError) {
    LoadHarness<Echo, ClosesAtOnce> harness{{.held = true, .connections = 1}, Echo{64}};
    harness.order({.kind = Kind::open});
    harness.run(10ms);
    EXPECT_GT(harness.counted(Counter::not_held), 0U);
    EXPECT_EQ(harness.counted(Counter::reopened), 0U);
    harness.close();
}

TEST(LoadClient, AServerThatWasToCloseAndDoesNotIsAnError) {
    LoadHarness<Any, service::Echo> harness{
        {.standing = false, .connections = 4, .close = CloseBy::server, .timeout = 50ms}, Any{}};
    harness.order({.kind = Kind::run, .operations_max = 4});
    harness.run(40ms);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 4U);
    EXPECT_EQ(harness.errors(), 0U);
    harness.run(20ms);
    EXPECT_EQ(harness.counted(Counter::not_closed), 4U);
    harness.close();
}

/// Answers with twice what it got.
struct Twice {
    static std::uint32_t receive(stack::Socket& socket, const Slice& text) {
        std::vector<std::byte> copy{text.data, text.data + text.length};
        copy.insert(copy.end(), text.data, text.data + text.length);
        static_cast<void>(socket.send_copy(copy));
        return text.length;
    }
    static void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::end_of_stream) {
            socket.close();
        }
    }
};

TEST(LoadClient, BytesBeyondTheReplyAreAnError) {
    LoadHarness<Any, Twice> harness{{.standing = false, .connections = 1, .close = CloseBy::fin},
                                    Any{}};
    harness.order({.kind = Kind::run, .operations_max = 3});
    harness.run(100ms);
    EXPECT_EQ(harness.counted(Counter::unasked), 3U);
    harness.close();
}

/// Says what would be right a while after a connection is open, whether or not it was asked.
struct Hasty {
    static constexpr Duration after = 10ms;

    static std::uint32_t receive(stack::Socket&, const Slice& text) { return text.length; }
    static void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::opened) {
            socket.set_deadline(socket.now() + after);
        } else if (event == stack::SocketEvent::deadline) {
            static_cast<void>(socket.send_copy(std::array<std::byte, Any::bytes>{}));
        } else if (event == stack::SocketEvent::end_of_stream) {
            socket.close();
        }
    }
};

TEST(LoadClient, AReplyBeforeTheRequestIsAnErrorAndNoFasterAnswer) {
    LoadHarness<Any, Hasty> harness{{.connections = 1}, Any{}};
    harness.open(1);
    harness.deaf_until = harness.now + 20ms;
    harness.order({.kind = Kind::run, .operations_max = 1});
    harness.run(20ms);
    EXPECT_EQ(harness.counted(Counter::operations_begun), 1U);
    EXPECT_EQ(harness.counted(Counter::unasked), 1U);
    EXPECT_EQ(harness.counted(Counter::operations_completed), 0U);
    harness.close();
}

TEST(LoadClient, ARefusalIsFollowedByAPauseWhereConnectionsStand) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 4}, Echo{64}};
    harness.server.core().draining = true;
    harness.order({.kind = Kind::open});
    harness.run(20ms);
    EXPECT_GT(harness.counted(Counter::refused), 10U);
    EXPECT_LE(harness.counted(Counter::refused), 20U);
    harness.close();
}

TEST(LoadClient, OrdersToCloseEndEvenWhatIsBeingOpened) {
    LoadHarness<Echo, service::Echo> harness{{.connections = 500, .handshakes_max = 64}, Echo{64}};
    harness.stalled_until = harness.now + 1s;
    harness.order({.kind = Kind::open});
    harness.run(20ms);
    EXPECT_EQ(harness.share.gauges[Gauge::opening], 1U) << "until the server has answered once";
    harness.stalled_until = harness.now;
    harness.run(100us);
    harness.stalled_until = harness.now + 1s;
    harness.run(1ms);
    EXPECT_EQ(harness.share.gauges[Gauge::opening], 64U);
    harness.stalled_until = harness.now;
    harness.close();
    EXPECT_EQ(harness.errors(), 0U);
}

} // namespace
} // namespace millrace::load::testing
