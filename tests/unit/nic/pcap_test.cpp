#include "nic_environment.hpp"

#include <array>
#include <string>

namespace millrace::nic {
namespace {

using PcapUnit = PortTest;

TEST_F(PcapUnit, ReadsBackWhatItWrote) {
    const std::string file = fmt::format("{}nic_{}.pcap", testing::TempDir(), getpid());
    const std::array<std::string, 3> frames{std::string(60, 'a'), std::string(61, 'b'),
                                            std::string(1'514, 'c')};
    {
        Queue& writer = open("net_pcap0,tx_pcap=" + file).queue(0);
        std::array<Packet, 3> burst;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            burst[i] = packet_with(writer, frames[i]);
        }
        EXPECT_EQ(writer.transmit(burst), 3U);
    }
    close_ports();
    Queue& reader = open("net_pcap1,rx_pcap=" + file).queue(0);
    std::array<Packet, 8> back;
    ASSERT_EQ(reader.receive(back), 3U);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(text_of(back[i]), frames[i]);
        EXPECT_EQ(back[i].checksums().l4, ChecksumVerdict::unknown);
        reader.release(back[i]);
    }
    EXPECT_EQ(std::remove(file.c_str()), 0);
}

TEST_F(PcapUnit, CopiesAChainBecauseTheDriverPromisesNone) {
    Port& port = open("net_pcap0,tx_pcap=/dev/null");
    Queue& queue = port.queue(0);
    const Packet head = packet_with(queue, "head ");
    const Packet tail = packet_with(queue, "tail");
    ASSERT_EQ(rte_pktmbuf_chain(head.mbuf(), tail.mbuf()), 0);
    std::array<Packet, 1> one{head};
    EXPECT_EQ(queue.transmit(one), 1U);
    EXPECT_EQ(queue.trouble().copied.load(), 1U);
    EXPECT_EQ(port.stats().tx_packets, 1U);
}

} // namespace
} // namespace millrace::nic
