// D1 and D4: what comes out of order is kept, and told of in SACK blocks (RFC 2018).

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

#include <bitset>
#include <random>

namespace millrace::tcp {
namespace {

// ------------------------------------------------------------------- the queue by itself, at
// random

/// Kept bytes as a bitmap, and runs in the order of their last growth.
class Reference {
  public:
    static constexpr std::uint32_t size = 4096;
    using Run = std::pair<std::uint32_t, std::uint32_t>;

    void insert(std::uint32_t first, std::uint32_t length) {
        for (std::uint32_t i = first; i < first + length; ++i) {
            kept_[i] = true;
        }
        std::uint32_t left = first;
        std::uint32_t right = first + length;
        while (left > 0 && kept_[left - 1]) {
            --left;
        }
        while (right < size && kept_[right]) {
            ++right;
        }
        std::erase_if(runs_,
                      [&](const Run& run) { return run.first >= left && run.second <= right; });
        runs_.insert(runs_.begin(), {left, right});
    }

    /// Everything before `next` has been taken.
    void take(std::uint32_t next) {
        std::erase_if(runs_, [&](const Run& run) { return run.first <= next; });
    }

    [[nodiscard]] bool kept(std::uint32_t place) const { return place < size && kept_[place]; }
    [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }

  private:
    std::bitset<size> kept_;
    std::vector<Run> runs_;
};

class ReassemblyTest : public testing::TestWithParam<std::uint32_t> {
  protected:
    static constexpr std::uint64_t stream = 3;

    Buffers buffers{Buffers::Limits{.nodes = 4096, .chunks = 16, .packet_bytes = 2304}};
    PacketStore packets;
    Reassembly reassembly;
    wire::SeqNum zero{GetParam()};

    std::uint32_t insert(std::uint32_t place, std::uint32_t length,
                         std::uint32_t budget = UINT32_MAX / 2) {
        const Slice packet = packets.make(stream, place, length);
        const std::uint32_t references =
            reassembly.insert(buffers, packet, zero + place, budget).references;
        packets.retain(packet, references);
        packets.release(packet);
        return references;
    }

    [[nodiscard]] std::vector<Reference::Run> blocks() const {
        std::array<wire::SackBlock, 4> found{};
        const std::uint8_t count = reassembly.blocks(found);
        std::vector<Reference::Run> runs;
        for (std::uint8_t i = 0; i < count; ++i) {
            runs.emplace_back(found[i].left - zero, found[i].right - zero);
        }
        return runs;
    }

    /// Takes what follows `next`, checking its bytes; says where it ends.
    std::uint32_t take(std::uint32_t next) {
        while (true) {
            const std::uint32_t index = reassembly.take_next(buffers, zero + next);
            if (index == Pool<Node>::none) {
                packets.collect(buffers);
                return next;
            }
            EXPECT_EQ(buffers.node(index).seq, zero + next);
            for (const std::byte byte : buffers.node(index).slice.bytes()) {
                EXPECT_EQ(byte, pattern(stream, next));
                ++next;
            }
            buffers.drop_node(index);
        }
    }

    void TearDown() override {
        reassembly.clear(buffers);
        packets.collect(buffers);
        EXPECT_EQ(packets.references(), 0U);
        EXPECT_EQ(buffers.nodes().in_use(), 0U);
        EXPECT_TRUE(reassembly.empty());
    }
};

TEST_P(ReassemblyTest, D1_random_pieces_against_a_bitmap) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random{seed};
        const auto between = [&random](std::uint32_t least, std::uint32_t most) {
            return std::uniform_int_distribution<std::uint32_t>{least, most}(random);
        };
        const std::uint32_t longest = between(1, 400);
        Reference reference;
        std::uint32_t next = 0;
        for (int i = 0; i < 100 && next < Reference::size - 1000; ++i) {
            const bool grew = between(0, 9) > 0;
            if (grew) {
                const std::uint32_t length = between(1, longest);
                const std::uint32_t place = between(next + 1, Reference::size - length);
                insert(place, length);
                reference.insert(place, length);
            } else {
                // Text in order covers up to somewhere; what follows is taken.
                next = std::min(between(next, next + 300), Reference::size - 500);
                next = take(next);
                reference.take(next);
                EXPECT_FALSE(reference.kept(next)) << "less was taken than could be";
            }
            // Runs that were forgotten are not found again before they grow, so fewer than four may
            // be known; those that are known are whole, in the order of their growth, the latest
            // first.
            const std::vector<Reference::Run> found = blocks();
            ASSERT_LE(found.size(), 4U);
            auto at = reference.runs().begin();
            for (const Reference::Run& run : found) {
                at = std::find(at, reference.runs().end(), run);
                ASSERT_NE(at, reference.runs().end())
                    << run.first << ":" << run.second << " is no run, or out of order";
            }
            if (grew) {
                ASSERT_EQ(found.at(0), reference.runs().at(0));
            }
        }
        next = take(Reference::size);
        EXPECT_TRUE(reassembly.empty());
        EXPECT_EQ(reassembly.charge(), 0U);
        reassembly.reset();
    }
}

TEST_P(ReassemblyTest, D4_the_latest_block_stands_first) {
    insert(100, 10);
    insert(200, 10);
    insert(300, 10);
    EXPECT_EQ(blocks(), (std::vector<Reference::Run>{{300, 310}, {200, 210}, {100, 110}}));
    insert(210, 5);
    EXPECT_EQ(blocks(), (std::vector<Reference::Run>{{200, 215}, {300, 310}, {100, 110}}));
    insert(102, 3); // A repetition, too.
    EXPECT_EQ(blocks(), (std::vector<Reference::Run>{{100, 110}, {200, 215}, {300, 310}}));
    insert(110, 90);
    EXPECT_EQ(blocks(), (std::vector<Reference::Run>{{100, 215}, {300, 310}}));
}

TEST_P(ReassemblyTest, D4_a_block_that_was_forgotten_is_whole_when_it_grows) {
    for (std::uint32_t i = 0; i < 6; ++i) {
        insert(100 + 100 * i, 50);
        insert(150 + 100 * i, 10);
    }
    EXPECT_EQ(blocks().size(), 4U);
    insert(160, 10); // The first again, at its end,
    EXPECT_EQ(blocks()[0], (Reference::Run{100, 170}));
    insert(190, 10); // the second at its beginning,
    EXPECT_EQ(blocks()[0], (Reference::Run{190, 260}));
    insert(660, 1); // the last behind everything,
    EXPECT_EQ(blocks()[0], (Reference::Run{600, 661}));
    insert(170, 20); // and two that become one.
    EXPECT_EQ(blocks()[0], (Reference::Run{100, 260}));
}

TEST_P(ReassemblyTest, D1_the_first_to_arrive_is_believed) {
    insert(100, 10);
    const Slice other = packets.make(stream + 1, 95, 20);
    packets.retain(other, reassembly.insert(buffers, other, zero + 95, 1U << 20).references);
    packets.release(other);
    const std::uint32_t first = reassembly.take_next(buffers, zero + 95);
    EXPECT_EQ(buffers.node(first).slice.length, 5U);
    buffers.drop_node(first);
    const std::uint32_t second = reassembly.take_next(buffers, zero + 100);
    EXPECT_EQ(buffers.node(second).slice.data[0], pattern(stream, 100));
    EXPECT_EQ(buffers.node(second).slice.length, 10U);
    buffers.drop_node(second);
    const std::uint32_t third = reassembly.take_next(buffers, zero + 110);
    EXPECT_EQ(buffers.node(third).slice.length, 5U);
    EXPECT_EQ(buffers.node(third).slice.data[0], pattern(stream + 1, 110));
    buffers.drop_node(third);
}

// D2.memory, E3.tiny_segments
TEST_P(ReassemblyTest, E3_the_budget_counts_true_memory) {
    EXPECT_EQ(insert(100, 1, 5000), 1U);
    EXPECT_EQ(insert(200, 1, 5000), 1U);
    EXPECT_EQ(reassembly.charge(), 2 * 2304U);
    EXPECT_EQ(insert(300, 1, 5000), 0U);
    EXPECT_EQ(blocks(), (std::vector<Reference::Run>{{200, 201}, {100, 101}}));
    // Around a piece that is there it takes two, of which only one fits.
    EXPECT_EQ(insert(99, 10, 3 * 2304), 1U);
    EXPECT_EQ(blocks()[0], (Reference::Run{99, 101}));
}

// A peer cannot make each of its segments a walk along thousands of others.
TEST_P(ReassemblyTest, E3_what_is_far_from_all_that_is_known_is_left_out) {
    constexpr std::uint32_t pieces = 1200;
    for (std::uint32_t i = 0; i < pieces; ++i) {
        ASSERT_EQ(insert(10 + 2 * i, 1), 1U);
    }
    EXPECT_EQ(insert(11 + 2 * 1100, 1), 0U);
    EXPECT_EQ(insert(11 + 2 * 900, 1), 1U) << "near enough to the first";
    EXPECT_EQ(insert(11 + 2 * 1100, 1), 1U) << "near enough to the last";
    EXPECT_EQ(insert(10 + 2 * pieces, 1), 1U);
}

TEST_P(ReassemblyTest, E3_a_repetition_in_a_long_run_is_said_with_the_whole_run) {
    constexpr std::uint32_t pieces = 3000;
    for (std::uint32_t i = 0; i < pieces; ++i) {
        ASSERT_EQ(insert(10 + i, 1), 1U);
    }
    EXPECT_EQ(insert(10, 1), 0U);
    EXPECT_EQ(blocks(), (std::vector<Reference::Run>{{10, 10 + pieces}}));
}

TEST_P(ReassemblyTest, B4_a_fin_is_kept_and_forgotten) {
    reassembly.note_fin(zero + 50);
    EXPECT_FALSE(reassembly.empty());
    EXPECT_FALSE(reassembly.fin_at(zero + 49));
    EXPECT_TRUE(reassembly.fin_at(zero + 50));
    take(50);
    EXPECT_TRUE(reassembly.fin_at(zero + 50));
    take(51);
    EXPECT_TRUE(reassembly.empty());
}

INSTANTIATE_TEST_SUITE_P(Places, ReassemblyTest,
                         testing::Values(0U, 0x7FFF'FFFFU - 2000, 0xFFFF'FFFFU - 2000));

// ------------------------------------------------------------------------------- in the connection

class OutOfOrderTest : public EngineTest {};

TEST_F(OutOfOrderTest, D1_segments_in_every_order) {
    std::vector<std::uint32_t> order{0, 1, 2, 3, 4};
    do {
        established();
        delivered = 0;
        for (const std::uint32_t i : order) {
            arrive({.seq = 1 + 700 * i, .length = 700});
        }
        user_reads(10'000);
        EXPECT_EQ(delivered, 3500U);
        EXPECT_EQ(reassemblies.in_use(), 0U);
        release(tcb, context);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(OutOfOrderTest, D4_sack_blocks_where_the_peer_permits_them) {
    ends.sack = true;
    established();
    EXPECT_SENT(arrive({.seq = 1001, .length = 1000}).out, {.sack = {{1001, 2001}}});
    EXPECT_SENT(arrive({.seq = 3001, .length = 1000}).out, {.sack = {{3001, 4001}, {1001, 2001}}});
    EXPECT_SENT(arrive({.seq = 5001, .length = 1000}).out,
                {.sack = {{5001, 6001}, {3001, 4001}, {1001, 2001}}});
    EXPECT_SENT(arrive({.seq = 7001, .length = 1000}).out,
                {.sack = {{7001, 8001}, {5001, 6001}, {3001, 4001}, {1001, 2001}}});
    EXPECT_SENT(arrive({.seq = 9001, .length = 1000}).out,
                {.sack = {{9001, 10'001}, {7001, 8001}, {5001, 6001}, {3001, 4001}}});
    EXPECT_SENT(arrive({.length = 1000}).out,
                {.ack = 2001, .sack = {{9001, 10'001}, {7001, 8001}, {5001, 6001}, {3001, 4001}}});
    EXPECT_SENT(arrive({.seq = 4001, .length = 1000}).out,
                {.ack = 2001, .sack = {{3001, 6001}, {9001, 10'001}, {7001, 8001}}});
    EXPECT_SENT(arrive({.seq = 2001, .length = 1000}).out,
                {.ack = 6001, .sack = {{9001, 10'001}, {7001, 8001}}});
}

TEST_F(OutOfOrderTest, D4_three_blocks_beside_timestamps) {
    ends.sack = ends.timestamps = true;
    established();
    for (const std::uint32_t seq : {1001U, 3001U, 5001U, 7001U}) {
        arrive({.seq = seq, .length = 988});
    }
    EXPECT_EQ(sent.at(0).sack.size(), 3U);
    EXPECT_EQ(sent.at(0).sack[0].first, 7001U);
}

TEST_F(OutOfOrderTest, D4_none_where_it_does_not) {
    established();
    EXPECT_SENT(arrive({.seq = 1001, .length = 1000}).out, {.ack = 1});
}

TEST_F(OutOfOrderTest, D4_no_block_lies_below_the_acknowledgement) {
    ends.sack = true;
    config.receive_buffer_bytes = 4000;
    user_takes = 0;
    established();
    arrive({.seq = 1201, .length = 1200});
    // Covers half of what is there, and more than the memory for it is used in place or kept.
    arrive({.length = 1800});
    for (const auto& [left, right] : sent.at(0).sack) {
        EXPECT_GT(left, sent.at(0).ack);
    }
    EXPECT_EQ(sent.at(0).ack, 2401U);
}

TEST_F(OutOfOrderTest, E6_without_a_place_for_it_nothing_is_kept) {
    established();
    while (reassemblies.available() > 0) {
        static_cast<void>(reassemblies.allocate());
    }
    const Step step = arrive({.seq = 1001, .length = 1000});
    EXPECT_SENT(step.out, {.ack = 1});
    EXPECT_EQ(step.arrival.drop, wire::Drop::tcp_out_of_order_budget);
    for (std::uint32_t i = 0; i < reassemblies.capacity(); ++i) {
        reassemblies.release(i);
    }
}

TEST_F(OutOfOrderTest, E3_one_pool_entry_a_connection_while_there_is_a_gap) {
    established();
    for (std::uint32_t i = 0; i < 20; ++i) {
        arrive({.seq = 1001 + 100 * i, .length = 50});
        EXPECT_EQ(reassemblies.in_use(), 1U);
    }
    arrive({.length = 3000});
    EXPECT_EQ(reassemblies.in_use(), 0U);
    EXPECT_EQ(buffers.nodes().in_use(), 0U);
}

// D2.memory, E3.tiny_segments
TEST_F(OutOfOrderTest, E3_small_pieces_are_copied_when_they_join) {
    user_takes = 0;
    established();
    for (std::uint32_t i = 0; i < 20; ++i) {
        arrive({.seq = 101 + 50 * i, .length = 50});
    }
    arrive({.length = 100});
    EXPECT_EQ(tcb.receive_charge, sizeof(Chunk));
    EXPECT_EQ(packets.references(), 0U);
    user_reads(2000);
    EXPECT_EQ(delivered, 1100U);
}

TEST_F(OutOfOrderTest, B5_what_is_kept_goes_with_the_connection) {
    established();
    user_takes = 0;
    arrive({.length = 1200});
    arrive({.seq = 3001, .length = 1200});
    arrive({.seq = 5001, .length = 1200});
    user_sends(5000);
    user_aborts(); // The fixture looks for leaks.
}

} // namespace
} // namespace millrace::tcp
