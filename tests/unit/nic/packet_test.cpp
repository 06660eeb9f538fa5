#include "nic_environment.hpp"

#include <algorithm>
#include <cstdint>

namespace millrace::nic {
namespace {

constexpr std::uint64_t checksum_flags_of_tx =
    RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG;

class PacketUnit : public PortTest {
  protected:
    void SetUp() override { port_ = &open("net_ring0"); }

    Packet fresh() { return packet_with(queue(), "x"); }
    Queue& queue() { return port_->queue(0); }

  private:
    Port* port_ = nullptr;
};

TEST_F(PacketUnit, IsNullWhenDefaultMade) {
    EXPECT_FALSE(Packet{});
}

TEST_F(PacketUnit, IsEmptyAndHasHeadroomWhenAllocated) {
    std::array<Packet, 1> one;
    ASSERT_TRUE(queue().allocate(one));
    EXPECT_EQ(one[0].length(), 0U);
    EXPECT_TRUE(one[0].bytes().empty());
    EXPECT_FALSE(one[0].next());
    EXPECT_EQ(one[0].mbuf()->data_off, RTE_PKTMBUF_HEADROOM);
    queue().release(one[0]);
}

TEST_F(PacketUnit, GrowsAtItsEnd) {
    Packet packet = packet_with(queue(), "ab");
    std::byte* const tail = packet.append(1);
    ASSERT_NE(tail, nullptr);
    *tail = std::byte{'c'};
    EXPECT_EQ(packet.length(), 3U);
    EXPECT_EQ(text_of(packet), "abc");
    queue().release(packet);
}

TEST_F(PacketUnit, DoesNotGrowBeyondItsBuffer) {
    Packet packet = fresh();
    const std::uint32_t room = pool().segment_bytes() - 1;
    EXPECT_EQ(packet.append(room + 1), nullptr);
    EXPECT_EQ(packet.length(), 1U);
    EXPECT_NE(packet.append(room), nullptr);
    EXPECT_EQ(packet.length(), pool().segment_bytes());
    EXPECT_EQ(packet.append(1), nullptr);
    EXPECT_EQ(packet.append(UINT32_MAX), nullptr);
    queue().release(packet);
}

TEST_F(PacketUnit, PinsMoreMemoryThanItHasBytes) {
    const Packet packet = fresh();
    EXPECT_EQ(packet.true_size(), sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM + pool().segment_bytes());
    queue().release(packet);
}

TEST_F(PacketUnit, ComesBackFromItsHandle) {
    const Packet packet = fresh();
    EXPECT_EQ(Packet::from_handle(packet.handle()), packet);
    EXPECT_NE(packet.handle(), 0U);
    queue().release(packet);
}

struct Verdict {
    std::uint64_t flags;
    ChecksumVerdict ip;
    ChecksumVerdict l4;
};

TEST_F(PacketUnit, TranslatesEveryVerdictOfDpdk) {
    constexpr auto unknown = ChecksumVerdict::unknown;
    constexpr auto good = ChecksumVerdict::good;
    constexpr auto bad = ChecksumVerdict::bad;
    const Packet packet = fresh();
    for (const Verdict& row : {
             Verdict{0, unknown, unknown},
             Verdict{RTE_MBUF_F_RX_IP_CKSUM_GOOD, good, unknown},
             Verdict{RTE_MBUF_F_RX_IP_CKSUM_BAD, bad, unknown},
             Verdict{RTE_MBUF_F_RX_IP_CKSUM_NONE, good, unknown},
             Verdict{RTE_MBUF_F_RX_L4_CKSUM_GOOD, unknown, good},
             Verdict{RTE_MBUF_F_RX_L4_CKSUM_BAD, unknown, bad},
             Verdict{RTE_MBUF_F_RX_L4_CKSUM_NONE, unknown, good},
             Verdict{RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, good, bad},
         }) {
        packet.mbuf()->ol_flags = row.flags;
        EXPECT_EQ(packet.checksums().ip, row.ip) << std::hex << row.flags;
        EXPECT_EQ(packet.checksums().l4, row.l4) << std::hex << row.flags;
    }
    packet.mbuf()->ol_flags = 0;
    queue().release(packet);
}

TEST_F(PacketUnit, AsksForNothingByDefault) {
    Packet packet = fresh();
    packet.mbuf()->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    packet.request({.l2_length = 14, .l3_length = 20, .l4_length = 20, .ipv4 = true});
    EXPECT_EQ(packet.mbuf()->ol_flags, 0U) << "also what the port said on receipt is gone";
    queue().release(packet);
}

TEST_F(PacketUnit, AsksForChecksums) {
    Packet packet = fresh();
    packet.request({.l2_length = 14,
                    .l3_length = 20,
                    .ipv4 = true,
                    .ip_checksum = true,
                    .udp_checksum = true});
    EXPECT_EQ(packet.mbuf()->ol_flags,
              RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM);
    packet.request({.l2_length = 18, .l3_length = 40, .l4_length = 32, .tcp_checksum = true});
    EXPECT_EQ(packet.mbuf()->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
    EXPECT_EQ(packet.mbuf()->l2_len, 18U);
    EXPECT_EQ(packet.mbuf()->l3_len, 40U);
    EXPECT_EQ(packet.mbuf()->l4_len, 32U);
    queue().release(packet);
}

TEST_F(PacketUnit, AsksForSegmentationWithAllThatItImplies) {
    Packet packet = fresh();
    packet.request(
        {.l2_length = 14, .l3_length = 20, .l4_length = 32, .segment_size = 1'448, .ipv4 = true});
    EXPECT_EQ(packet.mbuf()->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
                                           RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM);
    EXPECT_EQ(packet.mbuf()->tso_segsz, 1'448U);
    packet.request({.l2_length = 14, .l3_length = 40, .l4_length = 32, .segment_size = 1'428});
    EXPECT_EQ(packet.mbuf()->ol_flags & checksum_flags_of_tx,
              RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM);
    queue().release(packet);
}

} // namespace
} // namespace millrace::nic
