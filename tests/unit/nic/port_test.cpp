#include "nic_environment.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace millrace::nic {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using PortUnit = PortTest;

RssKey some_key() {
    RssKey key;
    std::uint8_t value = 3;
    std::ranges::generate(key,
                          [&value] { return value = static_cast<std::uint8_t>(value * 5 + 1); });
    return key;
}

TEST_F(PortUnit, TakesOneQueueForEachWorkerWhereThereAreEnough) {
    make_pools(3);
    const PortReport& report = open("net_ring0").report();
    EXPECT_EQ(report.workers, 3U);
    EXPECT_EQ(report.rx_queues, 3U);
    EXPECT_EQ(report.tx_queues, 3U);
    EXPECT_FALSE(report.hand_over_transmit());
    EXPECT_TRUE(report.steer_in_software()) << "nothing says which queue a packet comes by";
    EXPECT_THAT(report.to_string(), HasSubstr("in software, by the worker that polls"));
}

TEST_F(PortUnit, TakesTheQueuesThatThereAre) {
    make_pools(2);
    // One file to read from and one to write to: a queue each.
    Port& port = open("net_pcap0,tx_pcap=/dev/null");
    EXPECT_EQ(port.report().rx_queues, 1U);
    EXPECT_EQ(port.report().tx_queues, 1U);
    EXPECT_TRUE(port.report().steer_in_software());
    EXPECT_TRUE(port.report().hand_over_transmit());
    EXPECT_EQ(port.report().tx_owner(0), 0U);
    EXPECT_EQ(port.report().tx_owner(1), 0U);
    EXPECT_THAT(port.report().to_string(), HasSubstr("1 of 2 workers, who send for the others"));
}

TEST_F(PortUnit, TakesNoMoreQueuesThanAsked) {
    make_pools(3);
    const PortReport& report =
        open(PortConfig{.device = "net_ring0", .rx_queues = 1, .tx_queues = 2}).report();
    EXPECT_EQ(report.rx_queues, 1U);
    EXPECT_EQ(report.tx_queues, 2U);
    EXPECT_EQ(report.tx_owner(2), 0U);
}

TEST_F(PortUnit, NeedsNoSteeringForOneWorker) {
    const PortReport& report = open("net_ring0").report();
    EXPECT_FALSE(report.steer_in_software());
    EXPECT_THAT(report.to_string(), HasSubstr("steering: one worker"));
}

TEST_F(PortUnit, SpreadsByRssWithTheKeyThatItWasGiven) {
    make_pools(2);
    Port& port = open(PortConfig{.device = "net_null0", .rss_key = some_key()});
    ASSERT_TRUE(port.report().rss);
    EXPECT_FALSE(port.report().steer_in_software());
    const RssTable& table = port.rss_table();
    ASSERT_EQ(table.queues.size(), 128U);
    EXPECT_TRUE(table.ipv4_tcp);
    EXPECT_TRUE(table.ipv6_tcp);
    ASSERT_EQ(table.key.size(), 40U);
    const RssKey key = some_key();
    EXPECT_TRUE(std::equal(table.key.begin(), table.key.end(), key.begin()));
    EXPECT_EQ(std::ranges::count(table.queues, 0), 64);
    EXPECT_EQ(std::ranges::count(table.queues, 1), 64);
    EXPECT_EQ(table.queue_of(128), table.queues[0]);
    EXPECT_EQ(table.queue_of(0xffff'ffff), table.queues[127]);
}

TEST_F(PortUnit, DoesNotSpreadWithOneQueue) {
    Port& port = open(PortConfig{.device = "net_null0", .rss_key = some_key()});
    EXPECT_FALSE(port.report().rss);
    EXPECT_TRUE(port.rss_table().empty());
}

// A5.sent
TEST_F(PortUnit, UsesAnOffloadThatIsWantedAndOffered) {
    const OffloadOutcome chains = open("net_ring0").report().offloads[Offload::tx_multi_segment];
    EXPECT_TRUE(chains.wanted);
    EXPECT_TRUE(chains.offered);
    EXPECT_TRUE(chains.used);
    EXPECT_FALSE(chains.in_software());
}

TEST_F(PortUnit, LeavesAnOffloadThatIsNotWanted) {
    PortConfig config{.device = "net_ring0"};
    config.wanted.remove(Offload::tx_multi_segment);
    Port& port = open(config);
    const OffloadOutcome chains = port.report().offloads[Offload::tx_multi_segment];
    EXPECT_FALSE(chains.wanted);
    EXPECT_TRUE(chains.offered);
    EXPECT_FALSE(chains.used);
    EXPECT_FALSE(port.queue(0).offloads().multi_segment);
}

// A5.sent
TEST_F(PortUnit, DoesInSoftwareWhatIsNotOffered) {
    Port& port = open("net_ring0");
    const OffloadOutcome checksum = port.report().offloads[Offload::tx_tcp_checksum];
    EXPECT_TRUE(checksum.wanted);
    EXPECT_FALSE(checksum.offered);
    EXPECT_TRUE(checksum.in_software());
    EXPECT_FALSE(port.queue(0).offloads().tcp_checksum);
}

TEST_F(PortUnit, UsesScatterOnlyWhereAFrameNeedsIt) {
    const OffloadOutcome small = open("net_ring0").report().offloads[Offload::rx_scatter];
    EXPECT_FALSE(small.used);
    EXPECT_THAT(std::string{small.why_not}, HasSubstr("fits"));
    close_ports();
    Port& jumbo = open(PortConfig{.device = "net_ring0", .mtu = 9'000});
    EXPECT_TRUE(jumbo.report().offloads[Offload::rx_scatter].used);
    EXPECT_EQ(jumbo.report().mtu, 9'000U);
}

TEST_F(PortUnit, PrintsWhatBecameOfEachOffload) {
    const std::string text = open("net_ring0").report().to_string();
    EXPECT_THAT(text, HasSubstr("port net_ring0: driver net_ring, MAC "));
    EXPECT_THAT(text, HasSubstr("  offload               wanted  offered  used  otherwise\n"));
    EXPECT_THAT(text, HasSubstr("  tx multi-segment      yes     yes      yes\n"));
    EXPECT_THAT(text, HasSubstr("  tx TCP segmentation   yes     no       no    software\n"));
    EXPECT_THAT(text, HasSubstr("one buffer a frame (a frame fits one buffer)\n"));
    EXPECT_THAT(text, Not(HasSubstr(" \n")));
}

TEST_F(PortUnit, AnswersToTheAddressThatIsWanted) {
    const MacBytes wanted{0x02, 0, 0, 0, 0, 0x07};
    EXPECT_EQ(open(PortConfig{.device = "net_null0", .mac = wanted}).report().mac, wanted);
}

// A1.own_mac
TEST_F(PortUnit, MakesAnAddressWhereThePortHasNone) {
    const MacBytes mac = open("net_ring0").report().mac;
    EXPECT_EQ(mac[0] & 0x03U, 0x02U) << "local, and one station's";
}

TEST_F(PortUnit, CountsWhatGoesThroughIt) {
    Port& port = open("net_ring0");
    Queue& queue = port.queue(0);
    queue.release(send_and_receive(queue, packet_with(queue, "twelve bytes")));
    const PortStats stats = port.stats();
    EXPECT_EQ(stats.rx_packets, 1U);
    EXPECT_EQ(stats.tx_packets, 1U);
    EXPECT_EQ(stats.imissed, 0U);
    const auto named = [&stats](std::string_view name) {
        const auto found = std::ranges::find(stats.by_name, name, &NamedCounter::name);
        return found == stats.by_name.end() ? UINT64_MAX : found->value;
    };
    EXPECT_EQ(named("rx_packets"), 1U);
    EXPECT_EQ(named("rx_q0_packets"), 1U) << "the driver's own";
    EXPECT_EQ(named("imissed"), 0U);
    EXPECT_EQ(named("rx_nombuf"), 0U);
}

TEST_F(PortUnit, OpensTheSameDeviceAgainAfterClose) {
    open("net_ring0");
    close_ports();
    Port& port = open("net_ring0");
    Queue& queue = port.queue(0);
    queue.release(send_and_receive(queue, packet_with(queue, "x")));
}

TEST_F(PortUnit, StopsAndStartsAgain) {
    Port& port = open("net_ring0");
    port.stop();
    port.stop();
    EXPECT_TRUE(port.start());
    Queue& queue = port.queue(0);
    queue.release(send_and_receive(queue, packet_with(queue, "x")));
}

TEST_F(PortUnit, HasNoReceiveInterruptHere) {
    EXPECT_FALSE(open("net_ring0").report().rx_interrupts);
}

// What people get wrong, and what they are told.

TEST_F(PortUnit, NamesTheDriversWhereThereIsNoneOfThatName) {
    EXPECT_THAT(error_of("net_tpa0"),
                AllOf(HasSubstr("no such device: 'net_tpa0'"), HasSubstr("net_tap"),
                      HasSubstr("net_af_packet"), HasSubstr("0000:01:00.0")));
}

TEST_F(PortUnit, SaysThatAnInterfaceDoesNotExist) {
    EXPECT_THAT(error_of("net_af_packet0,iface=nosuch9"),
                AllOf(HasSubstr("AF_PACKET on 'nosuch9'"), HasSubstr("no network interface"),
                      HasSubstr("ip link")));
    EXPECT_THAT(error_of("net_af_xdp0,iface=nosuch9"), HasSubstr("AF_XDP on 'nosuch9'"));
}

TEST_F(PortUnit, SaysThatAnArgumentIsMissing) {
    EXPECT_THAT(error_of("net_af_packet0"), HasSubstr("write 'net_af_packet0,iface=eth0'"));
    EXPECT_THAT(error_of("net_virtio_user0"), HasSubstr("write 'net_virtio_user0,path="));
}

TEST_F(PortUnit, SaysThatThePeersSocketIsNotThere) {
    EXPECT_THAT(error_of("net_virtio_user0,path=/nonexistent/x.sock"),
                AllOf(HasSubstr("'/nonexistent/x.sock'"), HasSubstr("start the vhost side")));
}

TEST_F(PortUnit, SaysThatThereIsNoSuchPciDevice) {
    for (const char* address : {"0000:7f:1f.7", "7f:1f.7"}) {
        EXPECT_THAT(error_of(address), AllOf(HasSubstr("no such device"), HasSubstr(address),
                                             HasSubstr("dpdk-devbind.py --status")));
    }
}

TEST_F(PortUnit, GivesTheDriversOwnReason) {
    EXPECT_THAT(error_of("net_pcap0,rx_pcap=/nonexistent/a.pcap"),
                AllOf(HasSubstr("net_pcap0"), HasSubstr("No such file or directory")));
    EXPECT_THAT(error_of("net_vhost0,iface=/nonexistent/x.sock"),
                AllOf(HasSubstr("net_vhost0"), HasSubstr("No such file or directory")));
}

TEST_F(PortUnit, SaysWhereToLookWhenArgumentsAreNotUnderstood) {
    EXPECT_THAT(error_of("net_null0,nonsense=1"),
                AllOf(HasSubstr("net_null0,nonsense=1"), HasSubstr("arguments")));
}

TEST_F(PortUnit, RefusesADeviceThatIsOpen) {
    open("net_ring0");
    EXPECT_THAT(error_of("net_ring0"), HasSubstr("open already"));
}

TEST_F(PortUnit, SaysTheLargestMtu) {
    EXPECT_THAT(error_of(PortConfig{.device = "net_memif0,role=server,socket-abstract=no,socket=" +
                                              testing::TempDir() + "mtu.sock",
                                    .mtu = 1'600}),
                AllOf(HasSubstr("MTU of 1600"), HasSubstr("1500")));
}

TEST_F(PortUnit, WantsWholeFramesInMemifsBuffers) {
    const auto device = [](int bytes) {
        return fmt::format("net_memif0,role=server,socket-abstract=no,socket={}bsize.sock,bsize={}",
                           testing::TempDir(), bytes);
    };
    EXPECT_THAT(error_of(device(1'517)), HasSubstr("bsize=1518 or more"));
    EXPECT_EQ(error_of(device(1'518)), "");
}

TEST_F(PortUnit, SaysThatBuffersAreTooSmallForTheMtu) {
    EXPECT_THAT(error_of(PortConfig{.device = "net_null0", .mtu = 9'000}),
                AllOf(HasSubstr("MTU of 9000 needs 9018 bytes"), HasSubstr("2048")));
}

TEST_F(PortUnit, SaysThatThereIsTooLittleMemoryForAPool) {
    const auto pool = PacketPool::create({.name = "huge", .packets = 1'000'000});
    ASSERT_FALSE(pool);
    EXPECT_THAT(pool.error().message,
                AllOf(HasSubstr("1000000 packets"), HasSubstr("2223 MB"), HasSubstr("EAL")));
}

TEST_F(PortUnit, SaysThatAPoolsNameIsTaken) {
    const auto first = PacketPool::create({.name = "twice", .packets = 255});
    ASSERT_TRUE(first);
    const auto second = PacketPool::create({.name = "twice", .packets = 255});
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("'twice' exists already"));
}

} // namespace
} // namespace millrace::nic
