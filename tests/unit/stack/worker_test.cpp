#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "worker_harness.hpp"

// E6.pools: one whole worker on a port in memory: the way through all of it, and every pool run
// dry, from which what is new suffers, never what is established.
namespace millrace::stack::testing {
namespace {

namespace flag = wire::tcp_flag;

void expect_nothing_is_left(WorkerHarness& harness) {
    harness.worker.release_everything(harness.now);
    static_cast<void>(harness.sent());
    EXPECT_EQ(harness.nic.packets_in_use(), 0U);
    EXPECT_EQ(harness.worker.core().buffers.nodes().in_use(), 0U);
    EXPECT_EQ(harness.worker.core().buffers.packets_held(), 0U);
    EXPECT_EQ(harness.worker.core().buffers.chunks().in_use(), 0U);
    EXPECT_EQ(harness.connections(), 0U);
}

TEST(Worker, EchoesAndEndsWithThePeer) {
    WorkerHarness harness;
    PeerConnection peer{harness, 40000};
    peer.open();
    ASSERT_EQ(harness.connections(), 1U);
    peer.send(flag::ack | flag::psh, "hello");
    EXPECT_EQ(peer.receive(), "hello");
    peer.send(flag::ack | flag::fin);
    peer.receive();
    EXPECT_TRUE(peer.last.has(flag::fin)) << "the echo closes when the peer does";
    peer.send(flag::ack);
    EXPECT_EQ(harness.connections(), 0U);
    expect_nothing_is_left(harness);
}

TEST(Worker, AnswersAPortWithoutListenerByReset) {
    WorkerHarness harness;
    wire::TcpSegment syn;
    syn.source_port = 40000;
    syn.destination_port = 81;
    syn.seq = wire::SeqNum{77};
    syn.flags = flag::syn;
    harness.arrives(frame_of(syn));
    const auto sent = harness.sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(sent[0].segment.has(flag::rst));
    EXPECT_EQ(sent[0].segment.ack, wire::SeqNum{78});
    EXPECT_EQ(harness.drops(wire::Drop::tcp_no_listener), 1U);
}

// A5.received
TEST(Worker, CountsAWrongChecksum) {
    WorkerHarness harness;
    wire::TcpSegment syn;
    syn.source_port = 40000;
    syn.destination_port = echo_port;
    syn.flags = flag::syn;
    support::Frame frame = frame_of(syn);
    frame.back() ^= std::byte{1};
    harness.arrives(frame);
    EXPECT_TRUE(harness.sent().empty());
    EXPECT_EQ(harness.drops(wire::Drop::tcp_bad_checksum), 1U);
}

/// RFC 1122 §3.3.6: else one frame of a stranger's would have every host of the link answer.
TEST(Worker, E5_NothingAnswersAPacketForUsInAFrameForAll) {
    WorkerHarness harness;
    wire::TcpSegment syn;
    syn.source_port = 40000;
    syn.destination_port = echo_port;
    syn.flags = flag::syn;
    support::Frame frame = frame_of(syn);
    wire::header_at<wire::EthernetHeader>(frame.data()).destination = wire::MacAddr::broadcast;
    harness.arrives(frame);
    EXPECT_TRUE(harness.sent().empty());
    EXPECT_EQ(harness.drops(wire::Drop::frame_not_for_us), 1U);
}

/// A SYN from `peer` to the first IPv6 address of `interface`, at a port where nobody listens.
support::Frame syn_over_ipv6(const Interface& interface, const wire::Ipv6Addr& peer) {
    constexpr std::size_t headers = wire::ethernet_header_bytes + wire::ipv6_header_bytes;
    support::Frame frame(headers + wire::tcp_header_bytes_min);
    auto& ethernet = wire::header_at<wire::EthernetHeader>(frame.data());
    ethernet = {.destination = our_mac, .source = peer_mac, .ethertype = wire::ethertype::ipv6};
    wire::Ipv6Packet packet;
    packet.source = peer;
    packet.destination = interface.ipv6.front().address;
    packet.protocol = wire::ip_protocol::tcp;
    packet.hop_limit = 64;
    wire::write_ipv6(frame.data() + wire::ethernet_header_bytes, packet,
                     wire::tcp_header_bytes_min);
    wire::TcpSegment syn;
    syn.source_port = 40000;
    syn.destination_port = 81;
    syn.flags = flag::syn;
    std::byte* const tcp = frame.data() + headers;
    wire::write_tcp(tcp, syn);
    wire::header_at<wire::TcpHeader>(tcp).checksum =
        wire::finish(wire::pseudo_header_sum(packet.source, packet.destination,
                                             wire::ip_protocol::tcp, wire::tcp_header_bytes_min) +
                     wire::sum({tcp, wire::tcp_header_bytes_min}));
    return frame;
}

// A1.dad: it may be another's, whose connections a reset would end (RFC 4862 §5.4).
TEST(Worker, ATentativeAddressAnswersNoSegment) {
    WorkerSettings settings = WorkerHarness::settings_of({});
    settings.interface.ipv6 = {{*wire::Ipv6Addr::from_string("2001:db8::2"), 64}};
    settings.control.ipv6_probes = 1;
    support::MemoryNic nic{64};
    Instant now{1000s};
    WorkerHarness::EchoWorker worker{nic, settings, nullptr, now};
    const support::Frame syn =
        syn_over_ipv6(settings.interface, *wire::Ipv6Addr::from_string("2001:db8::1"));
    ASSERT_TRUE(nic.deliver(syn));
    worker.poll_once(now);
    EXPECT_EQ(worker.core().drops[wire::Drop::ip_not_our_address], 1U);
    EXPECT_EQ(worker.core().tcp_counters[tcp::Counter::resets_sent], 0U);
    now += 3s; // Nobody has objected.
    for (Instant next = worker.next_deadline(); next <= now; next = worker.next_deadline()) {
        worker.poll_once(next);
    }
    ASSERT_TRUE(nic.deliver(syn));
    worker.poll_once(now);
    EXPECT_EQ(worker.core().tcp_counters[tcp::Counter::resets_sent], 1U);
    worker.release_everything(now);
}

// A2.ttl, A2.dscp
TEST(Worker, SegmentsHaveTheConfiguredTtlAndDscp) {
    WorkerSettings settings;
    settings.interface.hop_limit = 33;
    settings.interface.dscp = 46;
    WorkerHarness harness{settings};
    wire::TcpSegment syn;
    syn.source_port = 40000;
    syn.destination_port = echo_port;
    syn.flags = flag::syn;
    harness.arrives(frame_of(syn));
    const auto sent = harness.sent();
    ASSERT_EQ(sent.size(), 1U);
    wire::EthernetFrame ethernet;
    wire::Ipv4Packet ip;
    ASSERT_EQ(wire::parse_ethernet(sent[0].frame, ethernet), wire::Drop::none);
    ASSERT_EQ(wire::parse_ipv4(ethernet.payload, ip), wire::Drop::none);
    EXPECT_EQ(ip.ttl, 33);
    EXPECT_EQ(wire::dscp_of(ip.traffic_class), 46);
    EXPECT_TRUE(wire::ipv4_header_is_intact(ip.header));
}

// A2.ttl, A2.dscp
TEST(Worker, SegmentsOverIpv6HaveTheConfiguredHopLimitAndDscp) {
    Path<wire::Ipv6Addr> path;
    path.hop_limit = 33;
    path.dscp = 46;
    std::array<std::byte, wire::ipv6_header_bytes> header{};
    detail::write_ip(header.data(), path, wire::Ecn::capable_0, 0);
    wire::Ipv6Packet ip;
    ASSERT_EQ(wire::parse_ipv6(header, ip), wire::Drop::none);
    EXPECT_EQ(ip.hop_limit, 33);
    EXPECT_EQ(wire::dscp_of(ip.traffic_class), 46);
}

// A2.ttl, A4.echo, F1.echo
TEST(Worker, UdpEchoGoesBackWithHopsOfItsOwn) {
    WorkerHarness harness;
    harness.worker.serve_udp({.port = echo_port});
    support::Frame frame = frame_of({}, "payload");
    std::byte* const ip = frame.data() + wire::ethernet_header_bytes;
    std::byte* const udp = ip + wire::ipv4_header_bytes_min;
    const auto length = static_cast<std::size_t>(frame.data() + frame.size() - udp);
    wire::Ipv4Packet packet;
    packet.source = peer_address;
    packet.destination = our_address;
    packet.protocol = wire::ip_protocol::udp;
    packet.ttl = 1;
    wire::write_ipv4(ip, packet, length);
    wire::fill_ipv4_checksum(ip);
    wire::write_udp(udp, {.source_port = 4000, .destination_port = echo_port},
                    length - wire::udp_header_bytes);
    harness.arrives(frame);
    support::Frame echoed;
    ASSERT_TRUE(harness.nic.take_sent(echoed));
    wire::EthernetFrame ethernet;
    wire::Ipv4Packet answer;
    wire::UdpDatagram datagram;
    ASSERT_EQ(wire::parse_ethernet(echoed, ethernet), wire::Drop::none);
    ASSERT_EQ(wire::parse_ipv4(ethernet.payload, answer), wire::Drop::none);
    ASSERT_EQ(wire::parse_udp(answer.payload, datagram), wire::Drop::none);
    EXPECT_EQ(answer.destination, peer_address);
    EXPECT_EQ(datagram.destination_port, 4000);
    EXPECT_EQ(answer.ttl, 64);
    EXPECT_TRUE(wire::ipv4_header_is_intact(answer.header));
}

// E6.pools
TEST(Worker, E6_ConnectionPoolDry) {
    WorkerSettings settings;
    settings.connections_max = 2;
    WorkerHarness harness{settings};
    PeerConnection first{harness, 40000};
    PeerConnection second{harness, 40001};
    PeerConnection third{harness, 40002};
    first.open();
    second.open();
    third.open();
    EXPECT_EQ(harness.connections(), 2U);
    EXPECT_GE(harness.drops(wire::Drop::tcp_connection_pool_dry), 1U);
    first.send(flag::ack | flag::psh, "still here");
    EXPECT_EQ(first.receive(), "still here");
    // A place that becomes free is the third's when it repeats itself.
    second.send(flag::ack | flag::rst);
    third.send(flag::ack | flag::psh, "at last");
    EXPECT_EQ(third.receive(), "at last");
    expect_nothing_is_left(harness);
}

TEST(Worker, E6_HalfOpenPoolDry) {
    WorkerSettings settings;
    settings.half_open_max = 4;
    WorkerHarness harness{settings};
    PeerConnection established{harness, 40000};
    established.open();
    for (std::uint16_t port = 41000; port < 41008; ++port) {
        PeerConnection{harness, port}.send(flag::syn);
    }
    EXPECT_EQ(harness.sent().size(), 4U) << "one answer for each place";
    EXPECT_EQ(harness.drops(wire::Drop::tcp_half_open_pool_dry), 4U);
    established.send(flag::ack | flag::psh, "untouched");
    EXPECT_EQ(established.receive(), "untouched");
    // The places come back when nobody answers.
    harness.poll(300s);
    for (int i = 0; i < 100; ++i) {
        harness.poll(10s);
    }
    EXPECT_EQ(harness.worker.host<wire::Ipv4Addr>().half_open(), 0U);
    expect_nothing_is_left(harness);
}

TEST(Worker, B8_SynQueueOfAListenerFull) {
    WorkerHarness harness;
    harness.worker.listen({.port = 9, .half_open_max = 1}, service::Echo{});
    for (std::uint16_t port = 41000; port < 41003; ++port) {
        wire::TcpSegment syn;
        syn.source_port = port;
        syn.destination_port = 9;
        syn.flags = flag::syn;
        harness.arrives(frame_of(syn));
    }
    EXPECT_EQ(harness.sent().size(), 1U);
    EXPECT_EQ(harness.drops(wire::Drop::tcp_syn_queue_full), 2U);
    expect_nothing_is_left(harness);
}

TEST(WorkerDrain, F3_WhoWasHalfOpenIsAskedToEndToo) {
    WorkerHarness harness;
    PeerConnection peer{harness, 40000};
    peer.send(flag::syn);
    peer.receive();
    harness.worker.drain(harness.now);
    peer.send(flag::ack);
    harness.poll();
    peer.receive();
    EXPECT_TRUE(peer.last.has(flag::fin));
}

/// Two connections of the peer's that the server has closed first.
class WorkerTimeWait : public ::testing::Test {
  protected:
    void SetUp() override {
        for (PeerConnection& peer : peers) {
            peer.open();
        }
        harness.worker.drain(harness.now);
        harness.worker.core().draining = false;
        harness.poll();
        for (const Sent& fin : harness.sent()) {
            PeerConnection& peer = peers[fin.segment.destination_port - 40000U];
            peer.ack = fin.segment.seq + fin.segment.sequence_length();
        }
        for (PeerConnection& peer : peers) {
            peer.send(flag::ack | flag::fin);
        }
        static_cast<void>(harness.sent());
        ASSERT_EQ(host.time_wait(), 2U);
    }

    WorkerHarness harness;
    decltype(harness.worker.host<wire::Ipv4Addr>()) host = harness.worker.host<wire::Ipv4Addr>();
    std::vector<PeerConnection> peers{{harness, 40000}, {harness, 40001}};
};

TEST_F(WorkerTimeWait, B8_C2_AReopenedConnectionTakesAPlaceInTheSynQueue) {
    harness.worker.core().listeners[0].options.half_open_max = 1;
    for (PeerConnection& peer : peers) {
        peer.send(flag::syn);
    }
    EXPECT_EQ(host.half_open(), 1U);
    EXPECT_EQ(harness.drops(wire::Drop::tcp_syn_queue_full), 1U);
    expect_nothing_is_left(harness);
}

TEST_F(WorkerTimeWait, C2_AClientThatComesBackGetsIn) {
    peers[0].open();
    EXPECT_EQ(harness.connections(), 1U);
    EXPECT_EQ(host.half_open(), 0U);
    EXPECT_EQ(host.time_wait(), 1U);
    peers[0].send(flag::ack | flag::psh, "again");
    EXPECT_EQ(peers[0].receive(), "again");
    expect_nothing_is_left(harness);
}

TEST_F(WorkerTimeWait, C2_AnOldDuplicateSynLeavesTheEntryInTimeWait) {
    PeerConnection old = peers[0];
    PeerConnection& peer = peers[0];
    peer.send(flag::syn); // The client knows nothing of it, so it resets what answers.
    ASSERT_EQ(host.half_open(), 1U);
    peer.send(flag::rst);
    EXPECT_EQ(host.half_open(), 0U);
    EXPECT_EQ(host.time_wait(), 2U);
    static_cast<void>(harness.sent());
    old.seq = old.seq - 1;
    old.send(flag::ack | flag::fin);
    old.receive();
    EXPECT_FALSE(old.last.has(flag::rst));
    EXPECT_EQ(old.last.ack, old.seq) << "a repeated FIN is acknowledged as before";
    peer.open(); // The entry can be opened anew as before, too.
    EXPECT_EQ(harness.connections(), 1U);
    EXPECT_EQ(host.time_wait(), 1U);
    expect_nothing_is_left(harness);
}

TEST_F(WorkerTimeWait, C2_AnEntrySetAsideEndsInItsTime) {
    peers[0].send(flag::syn);
    ASSERT_EQ(host.half_open(), 1U);
    harness.poll(60s); // The SYN,ACK is still being repeated.
    EXPECT_EQ(host.time_wait(), 0U);
    EXPECT_EQ(host.half_open(), 1U);
    peers[0].send(flag::rst);
    EXPECT_EQ(host.half_open(), 0U);
    EXPECT_EQ(host.time_wait(), 0U);
    expect_nothing_is_left(harness);
}

TEST(Worker, C4_TimeWaitPoolDryEndsTheOldest) {
    WorkerSettings settings;
    settings.time_wait_max = 1;
    WorkerHarness harness{settings};
    for (std::uint16_t port = 40000; port < 40003; ++port) {
        PeerConnection peer{harness, port};
        peer.open();
        harness.worker.drain(harness.now); // The server closes first.
        harness.worker.core().draining = false;
        harness.poll();
        peer.receive();
        peer.send(flag::ack | flag::fin);
        peer.receive();
    }
    EXPECT_EQ(harness.worker.host<wire::Ipv4Addr>().time_wait(), 1U);
    EXPECT_EQ(harness.worker.core().counters[Counter::time_wait_evicted], 2U);
    expect_nothing_is_left(harness);
}

// E6.pools
wire::TcpSegment segment_of(const PeerConnection& peer, std::uint16_t port, std::uint8_t flags) {
    wire::TcpSegment segment;
    segment.source_port = port;
    segment.destination_port = echo_port;
    segment.seq = peer.seq;
    segment.ack = peer.ack;
    segment.flags = flags;
    segment.window = 65535;
    return segment;
}

TEST(Worker, B8_accept_queue_a_drain_resets_who_waits_in_it) {
    WorkerHarness harness;
    harness.worker.core().listeners[0].options.connections_max = 1;
    PeerConnection served{harness, 40000};
    PeerConnection waiting{harness, 40001};
    served.open();
    waiting.open();
    ASSERT_EQ(harness.worker.core().listeners.waiting, 1U);
    harness.worker.drain(harness.now);
    harness.poll();
    for (const Sent& sent : harness.sent()) {
        const bool to_served = sent.segment.destination_port == 40000;
        EXPECT_TRUE(sent.segment.has(to_served ? flag::fin : flag::rst));
    }
    EXPECT_EQ(harness.connections(), 1U);
    EXPECT_EQ(harness.worker.core().listeners.waiting, 0U);
    expect_nothing_is_left(harness);
}

TEST(Worker, B8_accept_queue_is_not_overtaken_in_the_burst_that_makes_room) {
    WorkerHarness harness;
    harness.worker.core().listeners[0].options.connections_max = 1;
    PeerConnection served{harness, 40000};
    PeerConnection waiting{harness, 40001};
    PeerConnection late{harness, 40002};
    served.open();
    waiting.open();
    late.send(flag::syn);
    late.receive();
    // Both in one burst: the reset of the one that is served, and the last one's ACK.
    EXPECT_TRUE(harness.nic.deliver(frame_of(segment_of(served, 40000, flag::rst))));
    EXPECT_TRUE(harness.nic.deliver(frame_of(segment_of(late, 40002, flag::ack))));
    harness.poll();
    EXPECT_EQ(harness.worker.core().listeners.waiting, 1U);
    waiting.send(flag::ack | flag::psh, "hello");
    EXPECT_EQ(waiting.receive(), "hello");
    late.send(flag::ack | flag::psh, "hello");
    EXPECT_EQ(late.receive(), "");
    expect_nothing_is_left(harness);
}

TEST(Worker, B8_accept_queue_what_came_meanwhile_is_read_in_the_turn_that_makes_room) {
    WorkerHarness harness;
    harness.worker.core().listeners[0].options.connections_max = 1;
    PeerConnection served{harness, 40000};
    PeerConnection waiting{harness, 40001};
    served.open();
    waiting.open();
    waiting.send(flag::ack | flag::psh, "hello");
    EXPECT_EQ(waiting.receive(), "");
    served.send(flag::rst);
    harness.poll(); // The port sends in the next turn what was queued at the end of this one.
    EXPECT_EQ(waiting.receive(), "hello");
    expect_nothing_is_left(harness);
}

// While the port is behind, who waits keeps its place: else those who speak often would always come
// before those who have waited.
TEST(Worker, E6_pools_a_port_that_is_behind_serves_connections_in_order) {
    WorkerHarness harness;
    PeerConnection first{harness, 40000};
    PeerConnection second{harness, 40001};
    first.open();
    second.open();
    harness.nic.transmit_room = 0;
    // What the transmitter itself holds, until there is room for no more.
    for (std::uint16_t port = 41000; port < 41064; ++port) {
        PeerConnection{harness, port}.send(flag::syn);
    }
    first.send(flag::ack | flag::psh, "first");
    second.send(flag::ack | flag::psh, "second");
    first.send(flag::ack | flag::psh, "again");
    harness.nic.transmit_room = SIZE_MAX;
    harness.poll();
    harness.poll();
    std::vector<std::uint16_t> ports;
    for (const Sent& sent : harness.sent()) {
        if (!sent.segment.payload.empty()) {
            ports.push_back(sent.segment.destination_port);
        }
    }
    EXPECT_EQ(ports, (std::vector<std::uint16_t>{40000, 40001}));
    expect_nothing_is_left(harness);
}

TEST(Worker, B8_accept_queue_ends_with_the_worker) {
    WorkerHarness harness;
    harness.worker.core().listeners[0].options.connections_max = 0;
    PeerConnection first{harness, 40000};
    PeerConnection second{harness, 40001};
    first.open();
    second.open();
    ASSERT_EQ(harness.worker.core().listeners.waiting, 2U);
    expect_nothing_is_left(harness);
    EXPECT_EQ(harness.worker.core().listeners.waiting, 0U);
}

TEST(Worker, C4_limit_the_oldest_of_all_durations_makes_room) {
    WorkerSettings settings;
    settings.time_wait_max = 2;
    settings.time_wait_durations = {60s, 300s};
    WorkerHarness harness{settings};
    auto& options = harness.worker.core().listeners[0].options;
    options.time_wait_queue = 1;
    std::vector<PeerConnection> peers;
    for (std::uint16_t port = 40000; port < 40003; ++port) {
        PeerConnection& peer = peers.emplace_back(harness, port);
        peer.open();
        harness.worker.drain(harness.now);
        harness.worker.core().draining = false;
        harness.poll(1s);
        peer.receive();
        peer.send(flag::ack | flag::fin);
        peer.receive();
        options.time_wait_queue = 0;
    }
    EXPECT_EQ(harness.worker.core().counters[Counter::time_wait_evicted], 1U);
    for (PeerConnection& peer : peers) {
        peer.seq = peer.seq - 1;
        peer.send(flag::ack | flag::fin);
        peer.receive();
    }
    EXPECT_TRUE(peers[0].last.has(flag::rst)) << "its entry has made room";
    EXPECT_FALSE(peers[1].last.has(flag::rst));
    EXPECT_FALSE(peers[2].last.has(flag::rst));
    expect_nothing_is_left(harness);
}

TEST(Worker, E6_PacketPoolDry) {
    // Spares for sending are taken 32 at a time, so 40 packets soon are none.
    WorkerHarness harness{{}, 40};
    PeerConnection peer{harness, 40000};
    peer.open();
    std::vector<support::MemoryPacket> taken(1);
    std::vector<support::MemoryPacket> all;
    while (harness.nic.allocate(taken)) {
        all.push_back(taken[0]);
    }
    // Nothing can be received now; what is lent comes back, and the connection goes on.
    EXPECT_FALSE(harness.nic.deliver(arp_request()));
    for (const support::MemoryPacket packet : all) {
        harness.nic.release(packet);
    }
    peer.send(flag::ack | flag::psh, "recovered");
    std::string text = peer.receive();
    for (int i = 0; i < 10 && text.empty(); ++i) {
        harness.poll(1s); // What found no packet is sent again by its timer.
        text = peer.receive();
    }
    EXPECT_EQ(text, "recovered");
    expect_nothing_is_left(harness);
}

TEST(Worker, E6_ChunkPoolDry) {
    WorkerSettings settings;
    settings.buffers.chunks = 2;
    WorkerHarness harness{settings};
    PeerConnection peer{harness, 40000};
    peer.open();
    // Small pieces are copied into chunks, and nothing is acknowledged yet: two chunks fill up.
    const std::string piece(400, 'x');
    std::string echoed;
    for (int i = 0; i < 20; ++i) {
        peer.send(flag::ack | flag::psh, piece);
    }
    for (int i = 0; i < 100 && echoed.size() < 20 * piece.size(); ++i) {
        echoed += peer.receive();
        peer.send(flag::ack); // Now something is, and what was kept back follows.
        harness.poll(20ms);
        // What was not received for lack of memory is sent again.
        if (peer.last.ack != peer.seq) {
            const auto missing = static_cast<std::uint32_t>(peer.seq - peer.last.ack);
            peer.seq = peer.last.ack;
            for (std::uint32_t sent = 0; sent < missing; sent += 400) {
                peer.send(flag::ack | flag::psh, piece.substr(0, std::min(400U, missing - sent)));
            }
        }
    }
    EXPECT_EQ(echoed, std::string(20 * piece.size(), 'x'));
    expect_nothing_is_left(harness);
}

/// E3: peers that leave a gap for ever have all that follows it kept, up to their windows. However
/// many they are, the port keeps packets to receive with.
TEST(Worker, E3_E6_PacketsKeptForManyPeersLeaveTheOthersSome) {
    WorkerSettings settings;
    settings.buffers.packets = 256;
    WorkerHarness harness{settings, 512};
    PeerConnection other{harness, 40000};
    other.open();
    const std::string piece(1400, 'x');
    for (std::uint16_t port = 41000; port < 41010; ++port) {
        PeerConnection hostile{harness, port};
        hostile.open();
        hostile.seq += 1; // Never sent.
        for (int i = 0; i < 40; ++i) {
            hostile.send(flag::ack, piece);
            hostile.send(flag::ack, piece.substr(0, 700));
        }
        hostile.receive();
    }
    EXPECT_LT(harness.worker.core().buffers.packets_held(), 256U);
    const std::uint64_t refused = harness.drops(wire::Drop::tcp_out_of_order_budget);
    EXPECT_GT(refused, 0U);
    PeerConnection late{harness, 42000};
    late.open();
    late.seq += 1;
    late.send(flag::ack, piece);
    EXPECT_EQ(harness.drops(wire::Drop::tcp_out_of_order_budget), refused) << "there is some left";
    // What has to be kept now is copied.
    for (int i = 0; i < 100; ++i) {
        other.send(flag::ack | flag::psh, piece);
        ASSERT_EQ(other.receive(), piece);
    }
    expect_nothing_is_left(harness);
}

TEST(Worker, E6_TransmitRingFull) {
    WorkerHarness harness;
    PeerConnection peer{harness, 40000};
    peer.open();
    harness.nic.transmit_room = 0;
    peer.send(flag::ack | flag::psh, "later");
    EXPECT_EQ(peer.receive(), "");
    harness.nic.transmit_room = SIZE_MAX;
    harness.poll();
    EXPECT_EQ(peer.receive(), "later") << "what the port had no room for waits";
    expect_nothing_is_left(harness);
}

TEST(Worker, E6_NoOtherWorkerCrowdsOutTheRest) {
    Mailboxes mailboxes{4, 64};
    WorkerSettings settings;
    settings.workers = 4;
    settings.worker = 3;
    WorkerHarness harness{settings, 1024, &mailboxes};
    const Message news{Learnt{LearntNeighbour<wire::Ipv4Addr>{
        .address = peer_address, .mac = peer_mac, .evidence = Evidence::unsolicited}}};
    ASSERT_TRUE(mailboxes.ring(2, 3).push(news));
    for (int i = 0; i < 4; ++i) {
        while (mailboxes.ring(0, 3).push(news) && mailboxes.ring(1, 3).push(news)) {
        }
        harness.poll();
    }
    EXPECT_TRUE(mailboxes.ring(2, 3).empty());
}

/// Two workers on one port's queues: what arrives at the wrong one reaches its home.
class TwoWorkers : public ::testing::Test {
  protected:
    static WorkerSettings settings_of(std::uint32_t worker, const flow::Home& home) {
        WorkerSettings settings;
        settings.worker = worker;
        settings.workers = 2;
        settings.home = &home;
        return settings;
    }

    flow::Home home{flow::HashKey{SipKey{1, 2}}, 2};
    Mailboxes mailboxes{2, 8};
    WorkerHarness first{settings_of(0, home), 1024, &mailboxes};
    WorkerHarness second{settings_of(1, home), 1024, &mailboxes};

    static support::Frame syn_from(std::uint16_t port, std::string_view text = {}) {
        wire::TcpSegment syn;
        syn.source_port = port;
        syn.destination_port = echo_port;
        syn.flags = flag::syn;
        return frame_of(syn, text);
    }
    [[nodiscard]] std::uint16_t home_of(std::uint16_t port) const {
        return home(flow::FourTuple4{our_address, peer_address, echo_port, port});
    }
};

TEST_F(TwoWorkers, SteeringRingFullIsCounted) {
    std::uint64_t strangers = 0;
    for (std::uint16_t port = 40000; port < 40064; ++port) {
        strangers += home_of(port) == 1 ? 1U : 0U;
        first.arrives(syn_from(port));
    }
    ASSERT_GT(strangers, 8U);
    EXPECT_EQ(first.worker.core().counters[Counter::handed_over], 8U);
    EXPECT_EQ(first.drops(wire::Drop::steer_ring_full), strangers - 8);
    EXPECT_EQ(first.worker.host<wire::Ipv4Addr>().half_open(), 64 - strangers)
        << "no worker answers for another";
}

/// The two halves of a frame's datagram, cut behind a whole TCP header and 4 bytes.
std::array<support::Frame, 2> fragments_of(const support::Frame& frame, std::uint16_t id) {
    constexpr std::size_t payload_at = wire::ethernet_header_bytes + wire::ipv4_header_bytes_min;
    constexpr std::uint16_t more_fragments = 0x2000;
    constexpr std::uint16_t cut_at = 24;
    std::array<support::Frame, 2> halves{frame, frame};
    const auto at = static_cast<std::ptrdiff_t>(payload_at);
    halves[0].resize(payload_at + cut_at);
    halves[1].erase(halves[1].begin() + at, halves[1].begin() + at + cut_at);
    for (std::size_t i = 0; i < halves.size(); ++i) {
        std::byte* const ip = halves[i].data() + wire::ethernet_header_bytes;
        auto& header = wire::header_at<wire::Ipv4Header>(ip);
        header.total_length =
            static_cast<std::uint16_t>(halves[i].size() - wire::ethernet_header_bytes);
        header.id = id;
        header.fragment = i == 0 ? more_fragments : std::uint16_t{cut_at / 8};
        header.checksum = std::uint16_t{0};
        wire::fill_ipv4_checksum(ip);
    }
    return halves;
}

// A2.reassembly: whichever worker takes each half off the port, and whosever the connection is.
TEST_F(TwoWorkers, A2_fragments_gather_at_one_worker_and_go_home_whole) {
    support::MemoryNic nic{1024};
    Mailboxes between{2, 8};
    const Instant now{1h};
    const auto settings = [&](std::uint32_t worker) {
        return WorkerHarness::settings_of(settings_of(worker, home));
    };
    std::array<WorkerHarness::EchoWorker, 2> workers{
        WorkerHarness::EchoWorker{nic, settings(0), &between, now},
        WorkerHarness::EchoWorker{nic, settings(1), &between, now}};
    for (auto& worker : workers) {
        worker.listen({.port = echo_port}, service::Echo{});
    }
    std::array<std::uint32_t, 2> expected{};
    for (std::uint16_t port = 40000; port < 40032; ++port) {
        ++expected[home_of(port)];
        const auto halves = fragments_of(syn_from(port, "a longer text"), port);
        for (std::size_t i = 0; i < halves.size(); ++i) {
            EXPECT_TRUE(nic.deliver(halves[i]));
            workers[(port / 2 + i) % 2].poll_once(now);
        }
        for (int turn = 0; turn < 3; ++turn) {
            workers[0].poll_once(now);
            workers[1].poll_once(now);
        }
    }
    for (std::size_t i = 0; i < workers.size(); ++i) {
        EXPECT_GT(workers[i].core().counters[Counter::datagrams_reassembled], 0U);
        EXPECT_EQ(workers[i].host<wire::Ipv4Addr>().half_open(), expected[i]);
    }
}

} // namespace
} // namespace millrace::stack::testing
