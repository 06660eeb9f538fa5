#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "worker_harness.hpp"

// B7, B2.active: services that open connections, on a whole worker. A peer that answers by hand
// plays the other side.
namespace millrace::stack::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace flag = wire::tcp_flag;
using Key = flow::FourTuple4;

/// What a service has heard of one connection.
struct Heard {
    std::uint16_t port = 0;
    SocketEvent event{};
    EndReason reason = EndReason::none;

    bool operator==(const Heard&) const = default;
};

/// Opens as many connections as it is told, from within its turn, and keeps what it hears.
struct Caller {
    std::vector<Heard>* heard = nullptr;
    std::vector<Connecting<wire::Ipv4Addr>>* made = nullptr;
    std::uint32_t* wanted = nullptr; ///< Connections to open in the next turns.
    Instant* again = nullptr;        ///< When it wants its next turn.

    static std::uint32_t receive(Socket& /*socket*/, const Slice& text) { return text.length; }
    void on(Socket& socket, SocketEvent event) const {
        heard->push_back({socket.origin().local_port, event, socket.end_reason()});
    }
    template <class Opener>
    Instant on_turn(Opener& opener) const {
        while (*wanted > 0) {
            --*wanted;
            made->push_back(opener.connect(Key{{}, peer_address, 0, 80}));
        }
        return *again;
    }
};

class ActiveOpen : public ::testing::Test {
  public:
    using CallingWorker = Worker<support::MemoryNic, Caller, service::Echo>;

    void start(WorkerSettings wanted = {}, ListenerOptions options = {}) {
        worker.reset();
        nic = std::make_unique<support::MemoryNic>(1024);
        if (wanted.workers > 1) {
            mailboxes = std::make_unique<Mailboxes>(wanted.workers, 16);
        }
        worker = std::make_unique<CallingWorker>(*nic, WorkerHarness::settings_of(wanted),
                                                 mailboxes.get(), now);
        service = worker->listen(std::move(options), Caller{&heard, &made, &to_open, &again});
        arrives(arp_request());
        static_cast<void>(sent());
    }

    void TearDown() override {
        if (worker) {
            worker->release_everything(now);
            static_cast<void>(sent());
            EXPECT_EQ(nic->packets_in_use(), 0U);
            EXPECT_EQ(worker->host<wire::Ipv4Addr>().connections(), 0U);
            EXPECT_EQ(worker->core().flights.flights().in_use(), 0U);
        }
    }

    void arrives(const support::Frame& frame) {
        EXPECT_TRUE(nic->deliver(frame));
        poll();
    }

    void poll() { worker->poll_once(now); }

    /// Lets time go by, from one deadline to the next.
    void pass(Duration time) {
        const Instant end = now + time;
        while (worker->next_deadline() <= end) {
            now = std::max(now, worker->next_deadline());
            poll();
        }
        now = end;
        poll();
    }

    std::vector<wire::TcpSegment> sent() {
        std::vector<wire::TcpSegment> all;
        support::Frame frame;
        while (nic->take_sent(frame)) {
            wire::EthernetFrame ethernet;
            wire::Ipv4Packet ip;
            wire::TcpSegment segment;
            if (wire::parse_ethernet(frame, ethernet) == wire::Drop::none &&
                ethernet.ethertype == wire::ethertype::ipv4 &&
                wire::parse_ipv4(ethernet.payload, ip) == wire::Drop::none &&
                ip.protocol == wire::ip_protocol::tcp &&
                wire::parse_tcp(ip.payload, segment) == wire::Drop::none) {
                segment.payload = {};
                all.push_back(segment);
            }
        }
        return all;
    }

    Connecting<wire::Ipv4Addr> connect(Key key = {{}, peer_address, 0, 80}) {
        return worker->connect(key, service, now);
    }

    /// The peer answers what we have sent.
    void answer(const wire::TcpSegment& ours, std::uint8_t flags, std::uint32_t ts_val = 0) {
        wire::TcpSegment segment;
        segment.source_port = ours.destination_port;
        segment.destination_port = ours.source_port;
        segment.seq = ours.has(flag::ack) ? ours.ack : peer_iss;
        segment.ack = ours.seq + ours.sequence_length();
        segment.flags = flags;
        segment.window = 65535;
        if (ts_val != 0) {
            segment.options.has_timestamps = true;
            segment.options.ts_val = ts_val;
            segment.options.ts_ecr = ours.options.ts_val;
        }
        arrives(frame_of(segment));
    }

    /// Opens a connection and closes it from our side; its port.
    std::uint16_t leave_in_time_wait(std::uint32_t ts_val = 0) {
        const auto opening = connect();
        EXPECT_EQ(opening.result, ConnectResult::opening);
        answer(last_sent(), flag::syn | flag::ack, ts_val);
        EXPECT_TRUE(worker->with_socket(opening.key, now, [](Socket& socket) { socket.close(); }));
        answer(last_sent(), flag::ack | flag::fin, ts_val);
        EXPECT_EQ(worker->host<wire::Ipv4Addr>().time_wait(), 1U);
        last_sent();
        return opening.key.local_port;
    }

    wire::TcpSegment last_sent() {
        poll();
        const auto all = sent();
        EXPECT_FALSE(all.empty());
        return all.empty() ? wire::TcpSegment{} : all.back();
    }

    [[nodiscard]] std::uint64_t count(Counter counter) const {
        return worker->core().counters[counter];
    }

    static constexpr wire::SeqNum peer_iss{5000};
    Instant now{1000s};
    std::unique_ptr<support::MemoryNic> nic;
    std::unique_ptr<Mailboxes> mailboxes;
    std::unique_ptr<CallingWorker> worker;
    std::uint16_t service = 0;
    std::vector<Heard> heard;
    std::vector<Connecting<wire::Ipv4Addr>> made;
    std::uint32_t to_open = 0;
    Instant again = never;
};

// B2.active: the handshake from the side that calls; the service hears of it.
TEST_F(ActiveOpen, OpensAndCloses) {
    start();
    const auto opening = connect();
    ASSERT_EQ(opening.result, ConnectResult::opening);
    EXPECT_EQ(opening.key.local, our_address);
    const wire::TcpSegment syn = last_sent();
    EXPECT_EQ(syn.flags, flag::syn);
    EXPECT_EQ(syn.source_port, opening.key.local_port);
    EXPECT_EQ(syn.destination_port, 80);
    EXPECT_THAT(heard, IsEmpty());
    answer(syn, flag::syn | flag::ack);
    EXPECT_EQ(last_sent().flags, flag::ack);
    EXPECT_THAT(heard, ElementsAre(Heard{syn.source_port, SocketEvent::opened}));
    worker->with_socket(opening.key, now, [](Socket& socket) { socket.close(); });
    answer(last_sent(), flag::ack | flag::fin);
    EXPECT_EQ(heard.back(), (Heard{syn.source_port, SocketEvent::closed}));
    EXPECT_EQ(worker->host<wire::Ipv4Addr>().time_wait(), 1U);
}

// B7.port: the range, the listeners' own ports, and what is in use already.
TEST_F(ActiveOpen, TakesEveryPortOfTheRangeOnceButListeners) {
    start({.ephemeral_ports = {50000, 50009}});
    worker->listen({.port = 50003}, service::Echo{});
    std::set<std::uint16_t> ports;
    for (int i = 0; i < 9; ++i) {
        const auto opening = connect();
        ASSERT_EQ(opening.result, ConnectResult::opening);
        ports.insert(opening.key.local_port);
    }
    EXPECT_EQ(ports.size(), 9U);
    EXPECT_EQ(*ports.begin(), 50000);
    EXPECT_EQ(*ports.rbegin(), 50009);
    EXPECT_FALSE(ports.contains(50003));
}

// B7.exhausted: to one destination; another has its own.
TEST_F(ActiveOpen, SaysThatPortsAreExhausted) {
    start({.ephemeral_ports = {50000, 50001}});
    static_cast<void>(connect());
    static_cast<void>(connect());
    EXPECT_EQ(connect().result, ConnectResult::ports_exhausted);
    EXPECT_EQ(count(Counter::ports_exhausted), 1U);
    EXPECT_EQ(connect({{}, peer_address, 0, 81}).result, ConnectResult::opening);
    EXPECT_THAT(heard, IsEmpty()) << "who was told at once hears nothing later";
}

// B7.port: whose four-tuple is at home here.
TEST_F(ActiveOpen, TakesPortsThatAreAtHome) {
    const flow::Home home{flow::HashKey{SipKey{3, 4}}, 3};
    for (std::uint32_t self = 0; self < 3; ++self) {
        start({.worker = self, .workers = 3, .home = &home, .ephemeral_ports = {50000, 50099}});
        int opened = 0;
        while (true) {
            const auto opening = connect();
            if (opening.result != ConnectResult::opening) {
                EXPECT_EQ(opening.result, ConnectResult::ports_exhausted);
                break;
            }
            EXPECT_EQ(home(opening.key), self);
            ++opened;
        }
        EXPECT_GT(opened, 10);
        Key elsewhere{our_address, peer_address, 0, 80};
        do {
            ++elsewhere.local_port;
        } while (home(elsewhere) == self);
        EXPECT_EQ(connect(elsewhere).result, ConnectResult::wrong_worker);
        TearDown();
        worker.reset();
    }
}

// B7.exhausted: each reason has its name.
TEST_F(ActiveOpen, NamesWhyItCannot) {
    start({.connections_max = 2});
    const Key twice{our_address, peer_address, 1234, 80};
    EXPECT_EQ(connect(twice).result, ConnectResult::opening);
    EXPECT_EQ(connect(twice).result, ConnectResult::address_in_use);
    EXPECT_EQ(connect({{}, {203, 0, 113, 1}, 0, 80}).result, ConnectResult::no_route);
    EXPECT_EQ(connect({{198, 18, 0, 9}, peer_address, 0, 80}).result, ConnectResult::no_address);
    EXPECT_EQ(connect().result, ConnectResult::opening);
    EXPECT_EQ(connect().result, ConnectResult::pool_dry);
    EXPECT_EQ(worker->core().drops[wire::Drop::tcp_connection_pool_dry], 1U);
    worker->drain(now);
    EXPECT_EQ(connect().result, ConnectResult::draining);
}

// B7.exhausted, E6: no flight, no attempt, and nothing is kept of it.
TEST_F(ActiveOpen, SaysThatFlightsAreOut) {
    WorkerSettings settings;
    settings.flights.flights = 1;
    start(settings);
    EXPECT_EQ(connect().result, ConnectResult::opening);
    EXPECT_EQ(connect().result, ConnectResult::pool_dry);
    EXPECT_EQ(worker->host<wire::Ipv4Addr>().connections(), 1U);
    EXPECT_EQ(worker->core().tcp_counters[tcp::Counter::flight_pool_dry], 1U);
    EXPECT_THAT(heard, IsEmpty());
}

// B7.retries, B5.refused: `failed` is all that the service of an attempt hears, and why.
TEST_F(ActiveOpen, AFailedAttemptIsToldOnceWithItsReason) {
    WorkerSettings settings;
    settings.tcp.front().syn_retries = 1;
    start(settings);
    const std::uint16_t refused = connect().key.local_port;
    answer(last_sent(), flag::rst | flag::ack);
    EXPECT_THAT(heard, ElementsAre(Heard{refused, SocketEvent::failed, EndReason::refused}));
    heard.clear();
    const std::uint16_t late = connect().key.local_port;
    pass(1100ms);
    EXPECT_THAT(heard, IsEmpty());
    pass(2100ms);
    EXPECT_THAT(heard, ElementsAre(Heard{late, SocketEvent::failed, EndReason::timed_out}));
    heard.clear();
    const auto unwanted = connect();
    worker->with_socket(unwanted.key, now, [](Socket& socket) { socket.abort(); });
    EXPECT_THAT(heard, ElementsAre(Heard{unwanted.key.local_port, SocketEvent::failed,
                                         EndReason::aborted}));
    poll();
    EXPECT_EQ(worker->host<wire::Ipv4Addr>().connections(), 0U);
    EXPECT_FALSE(worker->with_socket(unwanted.key, now, [](Socket&) {}));
}

// B7.unreachable
TEST_F(ActiveOpen, EndsWhenTheNeighbourDoesNotAnswer) {
    start();
    const wire::Ipv4Addr nobody{198, 18, 0, 77};
    const auto opening = connect(Key{{}, nobody, 0, 80});
    ASSERT_EQ(opening.result, ConnectResult::opening);
    poll();
    pass(2900ms); // Three requests, a second apart.
    EXPECT_THAT(heard, IsEmpty());
    pass(200ms);
    EXPECT_THAT(heard, ElementsAre(Heard{opening.key.local_port, SocketEvent::failed,
                                         EndReason::unreachable}));
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_EQ(worker->core().drops[wire::Drop::neighbour_unreachable], 3U);
    EXPECT_EQ(count(Counter::icmp_soft_errors), 0U);
}

TEST_F(ActiveOpen, AnEndHasItsReason) {
    start();
    const auto opening = connect();
    answer(last_sent(), flag::syn | flag::ack);
    answer(last_sent(), flag::rst);
    EXPECT_EQ(heard.back(), (Heard{opening.key.local_port, SocketEvent::closed, EndReason::reset}));
    const auto other = connect();
    answer(last_sent(), flag::syn | flag::ack);
    worker->with_socket(other.key, now, [](Socket& socket) { socket.abort(); });
    EXPECT_EQ(heard.back(), (Heard{other.key.local_port, SocketEvent::closed, EndReason::aborted}));
    worker->poll_once(now);
}

// C2.client: a port in TIME-WAIT, after a second, where timestamps make it safe.
TEST_F(ActiveOpen, TakesAPortInTimeWaitAfterASecond) {
    constexpr std::uint32_t peer_clock = 70000;
    start({.ephemeral_ports = {50000, 50000}});
    leave_in_time_wait(peer_clock);
    const std::uint64_t before = count(Counter::ports_exhausted);
    now += 900ms;
    EXPECT_EQ(connect().result, ConnectResult::ports_exhausted);
    EXPECT_EQ(count(Counter::ports_exhausted), before + 1);
    now += 100ms;
    EXPECT_EQ(connect().result, ConnectResult::opening);
    EXPECT_EQ(worker->host<wire::Ipv4Addr>().time_wait(), 0U);
    EXPECT_EQ(count(Counter::time_wait_ports_reused), 1U);
    const wire::TcpSegment syn = last_sent();
    EXPECT_EQ(syn.options.ts_ecr, 0U) << "of no meaning without ACK (RFC 7323 §3.2)";
    // An old SYN of the peer does not make a simultaneous open of it; a new one does.
    wire::TcpSegment old;
    old.source_port = 80;
    old.destination_port = 50000;
    old.seq = wire::SeqNum{1};
    old.flags = flag::syn;
    old.options.has_timestamps = true;
    old.options.ts_val = peer_clock - 1;
    arrives(frame_of(old));
    EXPECT_EQ(worker->core().drops[wire::Drop::tcp_paws], 1U);
    EXPECT_THAT(sent(), IsEmpty());
    old.options.ts_val = peer_clock;
    arrives(frame_of(old));
    EXPECT_EQ(last_sent().flags, flag::syn | flag::ack);
}

// C2.iss: beyond the old connection's last, however the clock stands.
TEST_F(ActiveOpen, AReusedPortBeginsBeyondTheOldConnection) {
    start({.ephemeral_ports = {50000, 50000}});
    ASSERT_EQ(connect().result, ConnectResult::opening);
    answer(last_sent(), flag::syn | flag::ack, 1);
    const Key key{our_address, peer_address, 50000, 80};
    // As much as puts SND.NXT beyond what the clock gains in the second that follows.
    const std::vector<std::byte> text(500);
    wire::TcpSegment last;
    for (int i = 0; i < 800; ++i) {
        worker->with_socket(
            key, now, [&](Socket& socket) { EXPECT_EQ(socket.send_copy(text), text.size()); });
        last = last_sent();
        last.ack = peer_iss + 1;
        answer({.source_port = last.source_port,
                .destination_port = last.destination_port,
                .seq = last.seq + 500,
                .ack = last.ack,
                .flags = flag::ack,
                .options = last.options},
               flag::ack, 1);
    }
    worker->with_socket(key, now, [](Socket& socket) { socket.close(); });
    const wire::TcpSegment fin = last_sent();
    answer(fin, flag::ack | flag::fin, 1);
    static_cast<void>(sent());
    now += 1s;
    ASSERT_EQ(connect().result, ConnectResult::opening);
    EXPECT_GE(last_sent().seq - (fin.seq + 1), 65'537);
}

// C2.client: not without timestamps, nor against the client's policy.
TEST_F(ActiveOpen, LeavesAPortInTimeWaitThatTimestampsDoNotCover) {
    start({.ephemeral_ports = {50000, 50000}});
    leave_in_time_wait();
    now += 10s;
    EXPECT_EQ(connect().result, ConnectResult::ports_exhausted);
    TearDown();
    start({.ephemeral_ports = {50000, 50000}}, {.time_wait_policy = tcp::ReusePolicy::strict});
    leave_in_time_wait(70000);
    now += 10s;
    EXPECT_EQ(connect().result, ConnectResult::ports_exhausted);
    EXPECT_EQ(connect({our_address, peer_address, 50000, 80}).result,
              ConnectResult::address_in_use);
}

TEST_F(ActiveOpen, AServiceOpensInItsTurn) {
    start();
    to_open = 3;
    poll();
    ASSERT_EQ(made.size(), 3U);
    EXPECT_EQ(made[2].result, ConnectResult::opening);
    EXPECT_EQ(sent().size(), 3U) << "in the same turn";
    EXPECT_EQ(worker->next_deadline() <= now + 1s + 100us, true) << "their timers run";
    again = now + 5ms;
    poll();
    EXPECT_EQ(worker->next_deadline(), again);
}

// E6: a port that is behind.
TEST_F(ActiveOpen, IsBusyWhileThePortTakesNothing) {
    start();
    nic->transmit_room = 0;
    ConnectResult result = ConnectResult::opening;
    for (int i = 0; i < 1000 && result == ConnectResult::opening; ++i) {
        result = connect().result;
    }
    EXPECT_EQ(result, ConnectResult::busy);
    EXPECT_EQ(worker->core().drops[wire::Drop::tx_ring_full], 0U);
    nic->transmit_room = SIZE_MAX;
}

} // namespace
} // namespace millrace::stack::testing
