// A1.many_addresses: whole workers, one of them with more than a thousand addresses on its port.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_support.hpp"
#include "service/echo.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <map>
#include <string_view>
#include <vector>

namespace millrace::stack {
namespace {

using testing::Each;
using testing::SizeIs;

constexpr std::uint32_t ipv4_count = 1024;
constexpr std::uint32_t ipv6_count = 256;
constexpr std::uint16_t echo_port = 7;

template <class Addr>
Addr after(const Addr& first, std::uint32_t number) {
    return Addr::from_value(first.value() + number);
}

wire::Ipv4Addr own4(std::uint32_t number) {
    return after(wire::Ipv4Addr{198, 18, 4, 0}, number);
}
wire::Ipv6Addr own6(std::uint32_t number) {
    return after(*wire::Ipv6Addr::from_string("2001:db8::4:0"), number);
}

WorkerSettings settings_of(const wire::MacAddr& mac) {
    WorkerSettings settings;
    settings.interface.mac = mac;
    settings.buffers.packet_bytes = sizeof(support::PacketBuffer);
    return settings;
}

WorkerSettings with_many() {
    WorkerSettings settings = settings_of(ours::mac);
    for (std::uint32_t i = 0; i < ipv4_count; ++i) {
        settings.interface.ipv4.push_back({own4(i), 16});
    }
    for (std::uint32_t i = 0; i < ipv6_count; ++i) {
        settings.interface.ipv6.push_back({own6(i), 64});
    }
    settings.interface.add_link_local();
    return settings;
}

WorkerSettings with_few() {
    WorkerSettings settings = settings_of(peer::mac);
    settings.interface.ipv4 = {{peer::ip4, 16}};
    settings.interface.ipv6 = {{peer::ip6, 64}};
    settings.interface.add_link_local();
    return settings;
}

/// Says something when its connection is open, and closes it when that has come back.
struct Greeter {
    static constexpr std::string_view words = "hello";

    static std::uint32_t receive(Socket& socket, const Slice& text) {
        socket.close();
        return text.length;
    }
    static void on(Socket& socket, SocketEvent event) {
        if (event == SocketEvent::opened) {
            EXPECT_EQ(socket.send_copy(std::as_bytes(std::span{words})), words.size());
        }
    }
};

/// A worker and its port.
struct Host {
    explicit Host(const WorkerSettings& settings) : worker{nic, settings, nullptr, now} {
        worker.listen({}, Greeter{});
        worker.listen({.port = echo_port}, service::Echo{});
    }

    /// Frames sent since the last call.
    std::vector<Bytes> sent() {
        std::vector<Bytes> all;
        for (support::Frame frame; nic.take_sent(frame);) {
            all.push_back(frame);
        }
        return all;
    }

    /// Lets time pass from one deadline to the next; all that is sent.
    std::vector<Bytes> pass(Duration span) {
        std::vector<Bytes> all;
        const Instant end = now + span;
        while (worker.next_deadline() <= end) {
            now = std::max(now + 1us, worker.next_deadline());
            worker.poll_once(now);
            for (Bytes& frame : sent()) {
                all.push_back(std::move(frame));
            }
        }
        now = end;
        return all;
    }

    std::vector<Bytes> answers(const Bytes& frame) {
        EXPECT_TRUE(nic.deliver(frame));
        worker.poll_once(now);
        return sent();
    }

    Instant now{1h};
    support::MemoryNic nic{8192};
    Worker<support::MemoryNic, Greeter, service::Echo> worker;
};

TEST(ManyAddresses, AreOursAndNoneBesideThem) {
    const Interface interface = with_many().interface;
    EXPECT_EQ(interface.ipv4.size(), ipv4_count);
    EXPECT_EQ(interface.ipv6.size(), ipv6_count + 1);
    EXPECT_THAT(interface.ipv4.subnets(), SizeIs(1)) << "of which broadcasts and routes are";
    EXPECT_THAT(interface.ipv6.subnets(), SizeIs(2));
    for (std::uint32_t i = 0; i < 65536; ++i) {
        const wire::Ipv4Addr ip4 = after(wire::Ipv4Addr{198, 18, 0, 0}, i);
        const wire::Ipv6Addr ip6 = after(*wire::Ipv6Addr::from_string("2001:db8::"), i * 8);
        const bool in_range = (i >> 10) == 1;
        EXPECT_EQ(interface.owns(ip4), in_range) << ip4.to_string();
        EXPECT_EQ(interface.owns(ip6), i * 8 >= 0x40000 && i * 8 < 0x40000 + ipv6_count)
            << ip6.to_string();
    }
    for (std::uint32_t i = 0; i < 2 * ipv6_count; ++i) {
        const wire::Ipv6Addr group = own6(i).solicited_node();
        EXPECT_EQ(is_our_group(interface, group), i < ipv6_count);
        EXPECT_EQ(check_frame_destination(interface, wire::multicast_mac(group)),
                  i < ipv6_count ? wire::Drop::none : wire::Drop::frame_not_for_us);
    }
    EXPECT_EQ(check_frame_destination(interface, {{0x33, 0x33, 0xfe, 4, 0, 0}}),
              wire::Drop::frame_not_for_us);
}

// A1.arp, A1.nd
TEST(ManyAddresses, AreEachAnsweredFor) {
    Host host{with_many()};
    host.pass(10s);
    for (std::uint32_t i = 0; i < ipv4_count; ++i) {
        const auto answers = host.answers(arp_frame({.operation = wire::ArpOperation::request,
                                                     .sender_mac = peer::mac,
                                                     .sender_ip = peer::ip4,
                                                     .target_ip = own4(i)}));
        ASSERT_THAT(answers, SizeIs(1)) << own4(i).to_string();
        EXPECT_EQ(read_arp(answers[0]).sender_ip, own4(i));
    }
    const auto solicitation = [](const wire::Ipv6Addr& target) {
        return nd_frame(wire::NeighbourSolicitation{.target = target, .source_mac = peer::mac},
                        peer::ip6, target.solicited_node());
    };
    for (std::uint32_t i = 0; i < ipv6_count; ++i) {
        const auto answers = host.answers(solicitation(own6(i)));
        ASSERT_THAT(answers, SizeIs(1)) << own6(i).to_string();
        EXPECT_EQ(read_nd<wire::NeighbourAdvertisement>(answers[0]).target, own6(i));
    }
    EXPECT_THAT(host.answers(solicitation(own6(ipv6_count))), SizeIs(0));
}

/// What was sent unasked of each kind.
struct Unasked {
    std::map<wire::Ipv4Addr, int> announced4;
    std::map<wire::Ipv6Addr, int> probed;
    std::map<wire::Ipv6Addr, int> announced6;

    void note(const Bytes& frame) {
        if (is_arp(frame)) {
            ++announced4[read_arp(frame).sender_ip];
        } else if (icmpv6_type_of(frame) == wire::icmpv6_type::neighbour_solicitation) {
            ++probed[read_nd<wire::NeighbourSolicitation>(frame).target];
        } else if (icmpv6_type_of(frame) == wire::icmpv6_type::neighbour_advertisement) {
            ++announced6[read_nd<wire::NeighbourAdvertisement>(frame).target];
        }
    }

    void expect_all() const {
        EXPECT_THAT(announced4, SizeIs(ipv4_count));
        EXPECT_THAT(announced4, Each(testing::Pair(testing::_, 2)));
        EXPECT_THAT(probed, SizeIs(ipv6_count + 1));
        EXPECT_THAT(probed, Each(testing::Pair(testing::_, 1)));
        EXPECT_THAT(announced6, SizeIs(ipv6_count + 1));
        EXPECT_THAT(announced6, Each(testing::Pair(testing::_, 1)));
    }
};

// A1.gratuitous, A1.dad
TEST(ManyAddresses, AreAnnouncedLittleByLittle) {
    Host host{with_many()};
    Unasked unasked;
    std::ranges::for_each(host.pass(10s), [&](const Bytes& frame) { unasked.note(frame); });
    unasked.expect_all();
}

/// The worker comes late, and much is due at once.
TEST(ManyAddresses, TakeNoMoreThanTheirShareOfATurn) {
    Host host{with_many()};
    Unasked unasked;
    const Instant end = host.now + 20s;
    host.now += 5s;
    while (host.worker.next_deadline() <= end) {
        host.now = std::max(host.now + 1us, host.worker.next_deadline());
        host.worker.poll_once(host.now);
        const auto sent = host.sent();
        EXPECT_LE(sent.size(), Control::frames_per_turn);
        std::ranges::for_each(sent, [&](const Bytes& frame) { unasked.note(frame); });
    }
    unasked.expect_all();
}

/// The same, and the port takes three packets in a turn.
TEST(ManyAddresses, AreAllAnnouncedThroughAPortThatIsBehind) {
    Host host{with_many()};
    Unasked unasked;
    host.now += 5s;
    for (int i = 0; i < 10'000; ++i) {
        host.nic.transmit_room = 3;
        host.now += 1ms;
        host.worker.poll_once(host.now);
        std::ranges::for_each(host.sent(), [&](const Bytes& frame) { unasked.note(frame); });
    }
    EXPECT_EQ(host.worker.core().drops[wire::Drop::tx_ring_full], 0U);
    unasked.expect_all();
}

/// The two ports are one link.
void exchange(Host& a, Host& b) {
    for (bool news = true; news;) {
        news = false;
        a.worker.poll_once(a.now);
        b.worker.poll_once(b.now);
        for (const Bytes& frame : a.sent()) {
            news = b.nic.deliver(frame);
        }
        for (const Bytes& frame : b.sent()) {
            news = a.nic.deliver(frame);
        }
    }
}

// B2.active, F3.counters: what both ends have counted agrees to the byte.
TEST(ManyAddresses, EachHasAConnectionOfItsOwn) {
    Host client{with_many()};
    Host server{with_few()};
    client.pass(10s);
    server.pass(10s);
    for (std::uint32_t i = 0; i < ipv4_count; ++i) {
        const auto opening = client.worker.connect(
            flow::FourTuple4{own4(i), peer::ip4, 0, echo_port}, 0, client.now);
        ASSERT_EQ(opening.result, ConnectResult::opening) << i;
        if (i % 16 == 0) {
            exchange(client, server);
        }
    }
    for (std::uint32_t i = 0; i < ipv6_count; ++i) {
        const auto opening = client.worker.connect(
            flow::FourTuple6{own6(i), peer::ip6, 0, echo_port}, 0, client.now);
        ASSERT_EQ(opening.result, ConnectResult::opening) << i;
        if (i % 16 == 0) {
            exchange(client, server);
        }
    }
    exchange(client, server);
    constexpr std::uint64_t all = ipv4_count + ipv6_count;
    const auto& opened = client.worker.core().tcp_counters;
    const auto& accepted = server.worker.core().tcp_counters;
    EXPECT_EQ(opened[tcp::Counter::active_opens], all);
    EXPECT_EQ(accepted[tcp::Counter::passive_opens], all);
    for (const auto* const counters : {&opened, &accepted}) {
        EXPECT_EQ((*counters)[tcp::Counter::bytes_received], all * Greeter::words.size());
        EXPECT_EQ((*counters)[tcp::Counter::bytes_acked], all * Greeter::words.size());
    }
    EXPECT_EQ(client.worker.host<wire::Ipv4Addr>().time_wait(), ipv4_count);
    EXPECT_EQ(client.worker.host<wire::Ipv6Addr>().time_wait(), ipv6_count);
    EXPECT_TRUE(server.worker.is_drained());
}

} // namespace
} // namespace millrace::stack
