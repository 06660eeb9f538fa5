// D9.tso: segments that follow each other go down as one packet, which the port cuts; on the wire
// nothing differs.

#include "stack/transmitter.hpp"
#include "support/memory_nic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace millrace::stack {
namespace {

namespace flag = wire::tcp_flag;

template <class Addr>
class LargePacketsTest : public ::testing::Test {
  protected:
    static constexpr TxOffloads all{.ipv4_checksum = true,
                                    .tcp_checksum = true,
                                    .tcp_segmentation = true,
                                    .multi_segment = true};
    static constexpr TxOffloads none{};

    LargePacketsTest() {
        for (std::size_t i = 0; i < document.size(); ++i) {
            document[i] = static_cast<std::byte>(i * 7 + i / 256);
        }
        path.source.bytes[3] = 1;
        path.destination.bytes[3] = 2;
        path.source_port = 80;
        path.destination_port = 40000;
    }
    ~LargePacketsTest() override { buffers.clear(queue); }

    void queue_document(std::size_t pieces = 1, OwnerKind owner = OwnerKind::store) {
        const std::size_t length = document.size() / pieces;
        for (std::size_t i = 0; i < pieces; ++i) {
            // Pieces of one document lie side by side; others do not.
            EXPECT_TRUE(buffers.append(queue, Slice{document.data() + i * length,
                                                    static_cast<std::uint32_t>(length), owner, 0}));
        }
    }

    /// `count` segments of `size` bytes and one of `last`, as the engine puts them out.
    std::vector<tcp::OutSegment> segments(std::size_t count, std::uint32_t size,
                                          std::uint32_t last = 0) {
        std::vector<tcp::OutSegment> made;
        std::uint32_t at = 0;
        for (std::size_t i = 0; i < count + (last > 0 ? 1U : 0U); ++i) {
            tcp::OutSegment segment;
            segment.header.seq = wire::SeqNum{0U - 3000U} + at; // Across the wrap.
            segment.header.ack = wire::SeqNum{77};
            segment.header.flags = flag::ack;
            segment.header.window = 1000;
            segment.header.options.has_timestamps = true;
            segment.header.options.ts_val = 5;
            segment.payload = buffers.advanced(queue, {}, at);
            segment.payload_length = i < count ? size : last;
            at += segment.payload_length;
            made.push_back(segment);
        }
        made.back().header.flags |= flag::psh | flag::fin;
        return made;
    }

    /// What is on the wire, and how many packets went down to the port for it.
    std::vector<support::Frame> sent_by(const TxOffloads& offloads,
                                        std::span<const tcp::OutSegment> rest) {
        support::MemoryNic nic{256, offloads};
        std::vector<support::Frame> frames;
        {
            Transmitter<support::MemoryNic> transmitter{nic, counters, drops};
            packets = 0;
            while (!rest.empty()) {
                const std::size_t count = transmitter.large_run(rest, buffers, &queue);
                const auto packet =
                    count > 1 ? transmitter.build_large(path, rest.first(count), buffers, queue)
                              : transmitter.build(path, rest.front(), buffers, &queue);
                EXPECT_TRUE(packet);
                transmitter.send(packet);
                rest = rest.subspan(count);
                ++packets;
            }
            transmitter.flush();
            support::Frame frame;
            while (nic.take_sent(frame)) {
                frames.push_back(frame);
            }
        }
        EXPECT_EQ(nic.packets_in_use(), 0U);
        return frames;
    }

    /// IPv4's id, which means nothing in a datagram that is never fragmented, and the checksum over
    /// it are made zero.
    static std::vector<support::Frame> without_id(std::vector<support::Frame> frames) {
        if (std::is_same_v<Addr, wire::Ipv4Addr>) {
            for (support::Frame& frame : frames) {
                auto& ip =
                    wire::header_at<wire::Ipv4Header>(frame.data() + wire::ethernet_header_bytes);
                EXPECT_TRUE(wire::ipv4_header_is_intact(
                    std::span{frame}.subspan(wire::ethernet_header_bytes, 20)));
                ip.id = std::uint16_t{0};
                ip.checksum = std::uint16_t{0};
            }
        }
        return frames;
    }

    void expect_the_same_on_the_wire(const std::vector<tcp::OutSegment>& made,
                                     std::size_t packets_expected) {
        const auto large = without_id(sent_by(all, made));
        EXPECT_EQ(packets, packets_expected);
        const auto one_by_one = without_id(sent_by(none, made));
        EXPECT_EQ(packets, made.size());
        EXPECT_EQ(large, one_by_one);
    }

    std::vector<std::byte> document = std::vector<std::byte>(60'000);
    tcp::Buffers buffers{{.nodes = 128, .chunks = 8}};
    tcp::Rope queue;
    Path<Addr> path;
    Counters counters;
    Drops drops;
    std::size_t packets = 0;
};

using Families = ::testing::Types<wire::Ipv4Addr, wire::Ipv6Addr>;
TYPED_TEST_SUITE(LargePacketsTest, Families);

TYPED_TEST(LargePacketsTest, D9_tso_one_packet_for_many_segments) {
    this->queue_document();
    this->expect_the_same_on_the_wire(this->segments(20, 1448, 700), 1);
    EXPECT_EQ(this->counters[Counter::large_packets_sent], 1U);
    EXPECT_EQ(this->counters[Counter::tcp_segments_sent], 2 * 21U); // Both ways.
}

TYPED_TEST(LargePacketsTest, D9_tso_what_a_port_cannot_make_alike_is_not_put_together) {
    this->queue_document();
    auto made = this->segments(8, 1448);
    made[1].header.flags |= flag::psh;
    made[3].header.window += 1;
    made[4].header.ack += 1;
    made[5].header.options.ts_val += 1;
    // 0 1 | 2 | 3 | 4 | 5 | 6 7
    this->expect_the_same_on_the_wire(made, 6);
    made = this->segments(4, 1448);
    made[1].header.seq += 1;
    made[2].header.seq += 1;
    made[3].header.seq += 1;
    this->expect_the_same_on_the_wire(made, 2);
    made = this->segments(4, 1000);
    made[0].payload_length = 999;
    this->expect_the_same_on_the_wire(made, 2);
}

TYPED_TEST(LargePacketsTest, D9_tso_small_segments_are_copied_and_go_alone) {
    this->queue_document();
    this->expect_the_same_on_the_wire(this->segments(5, 400), 5);
}

TYPED_TEST(LargePacketsTest, D9_tso_bytes_that_cannot_be_attached_go_alone) {
    this->queue_document(1, OwnerKind::nobody);
    this->expect_the_same_on_the_wire(this->segments(5, 1448), 5);
}

TYPED_TEST(LargePacketsTest, D9_tso_pieces_are_bounded) {
    // 60 pieces of 1000 bytes that do not lie side by side.
    for (std::size_t i = 60; i-- > 0;) {
        EXPECT_TRUE(this->buffers.append(
            this->queue, Slice{this->document.data() + i * 1000, 1000, OwnerKind::store, 0}));
    }
    this->expect_the_same_on_the_wire(this->segments(40, 1000), 3);
}

} // namespace
} // namespace millrace::stack
