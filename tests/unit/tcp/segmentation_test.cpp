// D8 and D9: how the queue is cut into segments.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

class SegmentationTest : public EngineTest {};

TEST_F(SegmentationTest, D9_full_segments_and_a_rest) {
    established();
    tcb.no_delay = true;
    EXPECT_SENT(user_sends(2300), {.length = 1000}, {.seq = 1001, .length = 1000},
                {.seq = 2001, .flags = PA, .length = 300});
}

TEST_F(SegmentationTest, D9_segments_are_cut_across_slices) {
    established();
    for (const std::uint32_t length : {300U, 900U, 10U, 1U, 1789U}) {
        const Slice slice = packets.make(ours, queued, length);
        ASSERT_TRUE(send(tcb, slice, context));
        queued += length;
    }
    EXPECT_SENT(user_sends(0), {.length = 1000}, {.seq = 1001, .length = 1000},
                {.seq = 2001, .flags = PA, .length = 1000});
    EXPECT_EQ(tcb.send_charge, 5U * 2304);
    arrive({.ack = 3001});
    EXPECT_EQ(tcb.send_charge, 0U);
}

TEST_F(SegmentationTest, D9_options_take_their_room_from_the_payload) {
    ends.timestamps = ends.sack = true;
    established();
    EXPECT_EQ(user_sends(988).at(0).length, 988U);
    arrive({.ack = 989});
    // Three gaps: 12 + 28 bytes of options are what a header holds.
    for (const std::uint32_t seq : {2001U, 4001U, 6001U, 8001U}) {
        arrive({.seq = seq, .ack = 989, .length = 100});
    }
    const std::vector<Seg> out = user_sends(2000);
    EXPECT_EQ(out.at(0).length, 960U);
    EXPECT_EQ(out.at(0).sack.size(), 3U);
}

TEST_F(SegmentationTest, D9_the_smallest_mss_leaves_room_for_all_options) {
    ends.timestamps = ends.sack = true;
    ends.mss = 1;
    established();
    for (const std::uint32_t seq : {2001U, 4001U, 6001U, 8001U}) {
        arrive({.seq = seq, .length = 100});
    }
    EXPECT_EQ(user_sends(48).at(0).length, 48U);
}

TEST_F(SegmentationTest, D9_more_than_the_output_holds) {
    ends.mss = 100;
    established();
    tcb.congestion.cwnd = 60'000;
    EXPECT_EQ(user_sends(40'000).size(), 400U); // The fixture checks every byte.
}

TEST_F(SegmentationTest, D9_a_flush_stops_when_the_output_is_full) {
    ends.mss = 100;
    established();
    tcb.congestion.cwnd = 60'000;
    queue(10'000);
    EXPECT_FALSE(flush(tcb, now, context));
    EXPECT_EQ(output.segments().size(), Output::capacity - Output::reserve);
    EXPECT_FALSE(flush(tcb, now, context));
    EXPECT_EQ(output.segments().size(), Output::capacity - Output::reserve);
    collect_output();
    flush_all();
    EXPECT_EQ(sent.size(), 100U);
}

TEST_F(SegmentationTest, D8_psh_on_the_last_segment_queued) {
    established();
    EXPECT_SENT(user_sends(2000), {.length = 1000}, {.seq = 1001, .flags = PA, .length = 1000});
}

TEST_F(SegmentationTest, D8_nagle_holds_a_short_segment_while_data_is_out) {
    established();
    EXPECT_SENT(user_sends(10), {.flags = PA, .length = 10});
    EXPECT_SENT_NOTHING(user_sends(10));
    EXPECT_SENT_NOTHING(user_sends(20));
    EXPECT_SENT(arrive({.ack = 11}).out, {.seq = 11, .flags = PA, .length = 30});
    EXPECT_SENT(user_sends(1005), {.seq = 41, .length = 1000});
    EXPECT_SENT(user_sends(995), {.seq = 1041, .flags = PA, .length = 1000});
}

TEST_F(SegmentationTest, D8_without_delay_it_goes) {
    established();
    tcb.no_delay = true;
    EXPECT_SENT(user_sends(10), {.flags = PA, .length = 10});
    EXPECT_SENT(user_sends(10), {.seq = 11, .flags = PA, .length = 10});
}

TEST_F(SegmentationTest, D8_nagle_lets_the_last_segment_before_a_fin_go) {
    established();
    user_sends(10);
    queue(10);
    EXPECT_SENT(user_shuts_down(), {.seq = 11, .flags = FPA, .length = 10});
}

TEST_F(SegmentationTest, D9_a_document_is_referred_to_not_copied) {
    established();
    std::vector<std::byte> document(100'000);
    for (std::size_t i = 0; i < document.size(); ++i) {
        document[i] = pattern(ours, i);
    }
    ASSERT_TRUE(send(tcb, {document.data(), 100'000, OwnerKind::nobody, 0}, context));
    queued = 100'000;
    sent.clear();
    flush_all();
    EXPECT_EQ(sent.size(), 10U);
    EXPECT_EQ(buffers.chunks().in_use(), 0U);
    EXPECT_EQ(buffers.nodes().in_use(), 1U);
    EXPECT_EQ(send_space(tcb, context), config.send_buffer_bytes);
}

TEST_F(SegmentationTest, D9_nothing_is_not_queued) {
    established();
    const std::byte byte{};
    EXPECT_FALSE(send(tcb, {&byte, 0, OwnerKind::nobody, 0}, context));
    EXPECT_EQ(send_copy(tcb, {}, context), 0U);
    EXPECT_SENT_NOTHING(user_sends(0));
}

// ------------------------------------------------------------------------------ memory of the
// queue

TEST_F(SegmentationTest, D2_the_send_queue_is_bounded_by_the_memory_it_pins) {
    config.send_buffer_bytes = 10'000;
    ends.window = 0;
    established();
    EXPECT_EQ(send_space(tcb, context), 10'000U);
    EXPECT_EQ(queue(100), 100U);
    EXPECT_EQ(send_space(tcb, context), 10'000U - 2048U);
    EXPECT_EQ(queue(100'000), 10'000U - 2048U); // The first chunk had room for some of it.
    EXPECT_EQ(send_space(tcb, context), 10'000U - 4 * 2048U);
    while (queue(100'000) > 0) {
    }
    EXPECT_LT(tcb.send_charge, 10'000U + 2048U);
}

TEST_F(SegmentationTest, D2_a_slice_that_pins_memory_is_taken_while_there_is_any_space) {
    config.send_buffer_bytes = 5000;
    ends.window = 0;
    established();
    std::vector<Slice> slices;
    int taken = 0;
    for (int i = 0; i < 5; ++i) {
        const Slice slice = packets.make(ours, queued, 1);
        if (send(tcb, slice, context)) {
            ++taken;
            ++queued;
        } else {
            packets.release(slice);
        }
    }
    EXPECT_EQ(taken, 3);
    const std::byte free = pattern(ours, queued);
    EXPECT_TRUE(send(tcb, {&free, 1, OwnerKind::nobody, 0}, context));
    ++queued;
    arrive({.window = 1000});
    EXPECT_SENT(sent, {.flags = PA, .length = 4});
}

TEST_F(SegmentationTest, E6_dry_pools_refuse_what_is_new) {
    established();
    Rope all;
    std::uint32_t charged = 0;
    const std::vector<std::byte> bytes(Chunk::capacity * 1023);
    ASSERT_EQ(buffers.append_copy(all, bytes, charged), bytes.size());
    EXPECT_EQ(queue(5000), 2040U);
    EXPECT_EQ(queue(1), 0U);
    const std::byte byte{};
    Rope nodes;
    while (buffers.append(nodes, {&byte, 1, OwnerKind::nobody, 0})) {
    }
    EXPECT_FALSE(send(tcb, {&byte, 1, OwnerKind::nobody, 0}, context));
    const Step step = arrive({.seq = 1001, .length = 1200});
    EXPECT_EQ(step.arrival.references, 0U);
    EXPECT_NE(step.arrival.drop, wire::Drop::none);
    user_takes = 0;
    EXPECT_EQ(arrive({.length = 1200}).arrival.drop, wire::Drop::tcp_receive_budget);
    EXPECT_EQ(tcb.rcv.nxt, ends.irs + 1);
    buffers.clear(nodes);
    buffers.clear(all);
}

} // namespace
} // namespace millrace::tcp
