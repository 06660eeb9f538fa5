// E3, E5, E6: one whole worker, small in everything, against somebody who controls every byte of
// every frame, and the port's ring. Whatever comes, nothing breaks, and all is given back.

#include "service/discard.hpp"
#include "service/echo.hpp"
#include "service/source.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "known_frames.hpp"
#include "worker_harness.hpp"

namespace millrace::stack::testing {
namespace {

namespace flag = wire::tcp_flag;

class HostileFrames : public ::testing::TestWithParam<std::uint64_t> {
  protected:
    using HostileWorker =
        Worker<support::MemoryNic, service::Echo, service::Discard, service::Source>;

    static constexpr std::array<std::uint16_t, 4> listening{7, 9, 19, 20};

    /// Where the stream stands between one of the peer's ports and one of ours.
    struct Stream {
        wire::SeqNum next;     ///< Of ours, as the worker said last.
        wire::SeqNum received; ///< What the worker has sent.
    };

    static WorkerSettings settings() {
        WorkerSettings settings;
        settings.interface = usual_interface();
        settings.buffers = {.nodes = 128,
                            .chunks = 8,
                            .packets = 48,
                            .packet_bytes = sizeof(support::PacketBuffer)};
        settings.connections_max = 6;
        settings.half_open_max = 3;
        settings.time_wait_max = 2;
        settings.reassemblies_max = 2;
        settings.neighbours = {.entries = 4, .held = 4, .held_per_neighbour = 2};
        settings.tcp.front().retries = 3;
        return settings;
    }

    explicit HostileFrames() {
        worker.listen({.port = listening[0]}, service::Echo{});
        worker.listen({.port = listening[1], .no_delay = false}, service::Discard{});
        worker.listen({.port = listening[2], .half_open_max = 2},
                      service::Source{30'000, service::Source::Then::close});
        worker.listen({.port = listening[3], .linger_zero = true}, service::Echo{});
        worker.serve_udp({.port = 9});
    }

    std::uint32_t between(std::uint32_t least, std::uint32_t most) {
        return std::uniform_int_distribution<std::uint32_t>{least, most}(random);
    }
    bool one_in(std::uint32_t count) { return between(1, count) == 1; }

    wire::SeqNum near(wire::SeqNum number) {
        switch (between(0, 9)) {
        case 0:
            return number + between(0, 3000);
        case 1:
            return number - between(0, 3000);
        case 2:
            return number + between(0, UINT32_MAX);
        case 3:
            return number + 1;
        case 4:
            return number - 1;
        default:
            return number;
        }
    }

    wire::TcpOptions options() {
        wire::TcpOptions some;
        some.has_mss = one_in(2);
        some.mss = static_cast<std::uint16_t>(between(0, 2000));
        some.sack_permitted = one_in(2);
        some.has_window_scale = one_in(2);
        some.window_scale = static_cast<std::uint8_t>(between(0, 20));
        some.has_timestamps = one_in(3);
        some.ts_val = between(0, 5);
        return some;
    }

    support::Frame tcp_frame() {
        static constexpr std::array<std::uint8_t, 10> usual{flag::syn,
                                                            flag::syn,
                                                            flag::ack,
                                                            flag::ack,
                                                            flag::ack,
                                                            flag::ack,
                                                            flag::ack,
                                                            flag::rst,
                                                            flag::ack | flag::fin,
                                                            flag::ack | flag::psh};
        wire::TcpSegment segment;
        segment.source_port = static_cast<std::uint16_t>(between(40'000, 40'003));
        segment.destination_port = listening.at(between(0, 3));
        Stream& stream = streams[{segment.source_port, segment.destination_port}];
        segment.seq = near(stream.next);
        segment.ack = near(stream.received);
        segment.flags = one_in(30) ? static_cast<std::uint8_t>(between(0, 255))
                                   : usual.at(between(0, usual.size() - 1));
        segment.window =
            static_cast<std::uint16_t>(one_in(4) ? between(0, 100) : between(0, 65'535));
        if (segment.has(flag::syn) || one_in(10)) {
            segment.options = options();
        }
        const std::string text(one_in(2) ? 0 : between(0, one_in(2) ? 20 : 1400), 'x');
        support::Frame frame = frame_of(segment, text);
        auto& ethernet = wire::header_at<wire::EthernetHeader>(frame.data());
        ethernet.source = peer::mac;
        ethernet.destination = ours::mac;
        auto& ip = wire::header_at<wire::Ipv4Header>(frame.data() + wire::ethernet_header_bytes);
        ip.source = one_in(10)
                        ? wire::Ipv4Addr{198, 18, 0, static_cast<std::uint8_t>(between(0, 255))}
                        : peer::ip4;
        ip.destination = ours::ip4;
        return frame;
    }

    support::Frame control_frame() {
        const std::array all{&known::arp_request,
                             &known::arp_reply,
                             &known::echo_request,
                             &known::echo6_request,
                             &known::solicitation,
                             &known::advertisement,
                             &known::probe6,
                             &known::udp,
                             &known::udp6,
                             &known::port_unreachable,
                             &known::port_unreachable6,
                             &known::group_report,
                             &known::router_solicitation};
        const Bytes& chosen = *all.at(between(0, static_cast<std::uint32_t>(all.size() - 1)));
        support::Frame frame{chosen.begin(), chosen.end()};
        auto& ethernet = wire::header_at<wire::EthernetHeader>(frame.data());
        if (ethernet.source == ours::mac) { // What we would answer, turned round.
            std::swap(ethernet.source, ethernet.destination);
        }
        return frame;
    }

    void spoil(support::Frame& frame) {
        for (std::uint32_t i = between(0, 3); i > 0; --i) {
            frame.at(between(0, static_cast<std::uint32_t>(frame.size() - 1))) =
                static_cast<std::byte>(between(0, 255));
        }
        if (one_in(5)) {
            frame.resize(between(0, static_cast<std::uint32_t>(frame.size() + 60)),
                         std::byte{0xff});
        }
        if (one_in(10) && frame.size() > 12) {
            constexpr std::array tag{std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{0}};
            frame.insert(frame.begin() + 12, tag.begin(), tag.end());
        }
    }

    void arrive() {
        support::Frame frame = one_in(4) ? control_frame() : tcp_frame();
        if (one_in(4)) {
            spoil(frame);
        }
        const auto verdict = one_in(20) ? ChecksumVerdict::unknown : ChecksumVerdict::good;
        static_cast<void>(nic.deliver(frame, {verdict, verdict}));
    }

    void turn(Duration later) {
        now += later;
        worker.poll_once(now);
        support::Frame frame;
        while (nic.take_sent(frame)) {
            wire::EthernetFrame ethernet;
            wire::Ipv4Packet ip;
            wire::TcpSegment segment;
            ASSERT_EQ(wire::parse_ethernet(frame, ethernet), wire::Drop::none);
            EXPECT_EQ(ethernet.source, ours::mac);
            if (ethernet.ethertype == wire::ethertype::ipv4 &&
                wire::parse_ipv4(ethernet.payload, ip) == wire::Drop::none &&
                ip.protocol == wire::ip_protocol::tcp) {
                ASSERT_EQ(wire::parse_tcp(ip.payload, segment), wire::Drop::none);
                streams[{segment.destination_port, segment.source_port}] = {
                    segment.ack, segment.seq + segment.sequence_length()};
            }
        }
    }

    std::mt19937_64 random{GetParam()};
    Instant now{1s};
    support::MemoryNic nic{160, {.multi_segment = GetParam() % 2 == 0}};
    HostileWorker worker{nic, settings(), nullptr, now};
    std::map<std::pair<std::uint16_t, std::uint16_t>, Stream> streams;
};

TEST_P(HostileFrames, E3_E5_E6_NothingBreaksAndNothingIsLost) {
    for (int i = 0; i < 2000; ++i) {
        for (std::uint32_t burst = between(0, 6); burst > 0; --burst) {
            arrive();
        }
        if (one_in(50)) {
            nic.transmit_room = one_in(2) ? SIZE_MAX : between(0, 10);
        }
        if (one_in(200)) {
            worker.drain(now);
            worker.core().draining = false;
        }
        turn(one_in(100) ? Duration{20s} : std::chrono::milliseconds{between(0, 30)});
        ASSERT_LE(worker.core().buffers.packets_held(), 48U);
        if (HasFatalFailure()) {
            FAIL() << "after turn " << i;
        }
    }
    nic.transmit_room = SIZE_MAX;
    worker.release_everything(now);
    EXPECT_EQ(nic.packets_in_use(), 0U);
    EXPECT_EQ(worker.core().buffers.nodes().in_use(), 0U);
    EXPECT_EQ(worker.core().buffers.chunks().in_use(), 0U);
    EXPECT_EQ(worker.core().buffers.packets_held(), 0U);
    EXPECT_EQ(worker.core().reassemblies.in_use(), 0U);
    EXPECT_EQ(worker.core().flights.flights().in_use(), 0U);
    EXPECT_EQ(worker.core().flights.records().in_use(), 0U);
    auto& host = worker.host<wire::Ipv4Addr>();
    EXPECT_EQ(host.connections() + host.half_open() + host.time_wait(), 0U);
    for (std::uint16_t i = 0; i < worker.core().listeners.size(); ++i) {
        EXPECT_EQ(worker.core().listeners[i].half_open, 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileFrames,
                         ::testing::Range(std::uint64_t{1}, std::uint64_t{21}));

} // namespace
} // namespace millrace::stack::testing
