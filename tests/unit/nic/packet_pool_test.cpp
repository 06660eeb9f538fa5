#include "nic_environment.hpp"

#include <algorithm>
#include <cstdint>
#include <ranges>
#include <vector>

namespace millrace::nic {
namespace {

/// Takes every packet there is; gives them all back at the end.
class WholePool {
  public:
    explicit WholePool(PacketPool& pool) : packets_(pool.packets()) {
        EXPECT_EQ(rte_pktmbuf_alloc_bulk(pool.packet_memory(), packets_.data(),
                                         static_cast<unsigned>(packets_.size())),
                  0);
    }
    ~WholePool() { rte_pktmbuf_free_bulk(packets_.data(), static_cast<unsigned>(packets_.size())); }
    WholePool(const WholePool&) = delete;
    WholePool& operator=(const WholePool&) = delete;

    [[nodiscard]] const std::vector<rte_mbuf*>& packets() const { return packets_; }

  private:
    std::vector<rte_mbuf*> packets_;
};

std::unique_ptr<PacketPool> pool_of(std::uint32_t packets) {
    auto pool = PacketPool::create({.name = "one_piece", .packets = packets, .attachments = 64});
    EXPECT_TRUE(pool) << pool.error().message;
    return std::move(pool.value());
}

// The kernel takes a frame of AF_XDP only from the first `packets * size of one` bytes.
TEST(PacketPoolUnit, LeavesNoGapBetweenPackets) {
    const auto pool = pool_of(4'096);
    ASSERT_TRUE(pool->in_one_piece());
    const WholePool whole{*pool};
    const auto [first, last] = std::ranges::minmax(whole.packets());
    const rte_mempool& memory = *pool->packet_memory();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(last) - reinterpret_cast<std::uintptr_t>(first),
              (pool->packets() - 1) *
                  std::uint64_t{memory.header_size + memory.elt_size + memory.trailer_size});
}

TEST(PacketPoolUnit, PacketsSayWhereDevicesFindThem) {
    const auto pool = pool_of(512);
    const WholePool whole{*pool};
    for (const rte_mbuf* packet : whole.packets()) {
        ASSERT_EQ(packet->buf_iova, reinterpret_cast<std::uintptr_t>(packet->buf_addr));
    }
    EXPECT_EQ(pool->packet_memory()->flags & RTE_MEMPOOL_F_NON_IO, 0U);
}

TEST(PacketPoolUnit, GivesItsMemoryBack) {
    // More than a tenth of EAL's memory each time: kept, it would run dry.
    for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(pool_of(16'384)->available(), 16'384U);
    }
}

} // namespace
} // namespace millrace::nic
