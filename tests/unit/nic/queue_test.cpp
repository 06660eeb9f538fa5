#include "nic_environment.hpp"

#include <rte_malloc.h>

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::nic {
namespace {

using namespace std::string_view_literals;

/// A queue whose transmit ring is its receive ring: packets come back as they were sent, by
/// pointer.
class QueueUnit : public PortTest {
  protected:
    void SetUp() override { port_ = &open("net_ring0"); }

    Queue& queue() { return port_->queue(0); }
    [[nodiscard]] const Port& port() const { return *port_; }

    Packet packet(std::string_view text) { return packet_with(queue(), text); }

    static Slice slice_of(Packet packet, std::uint32_t first, std::uint32_t length) {
        return {.data = packet.bytes().data() + first,
                .length = length,
                .owner = OwnerKind::packet,
                .handle = packet.handle()};
    }

    /// A packet of several segments that all have buffers of their own.
    Packet chain(std::initializer_list<std::string_view> texts) {
        Packet head;
        for (const std::string_view text : texts) {
            const Packet piece = packet(text);
            if (head) {
                EXPECT_EQ(rte_pktmbuf_chain(head.mbuf(), piece.mbuf()), 0);
            } else {
                head = piece;
            }
        }
        return head;
    }

  private:
    Port* port_ = nullptr;
};

/// Some EAL memory with a text in it, as the content store has.
class StoreMemory {
  public:
    explicit StoreMemory(std::string_view text)
        : memory_{static_cast<std::byte*>(rte_malloc(nullptr, text.size(), 64))} {
        std::memcpy(memory_, text.data(), text.size());
    }
    ~StoreMemory() { rte_free(memory_); }
    StoreMemory(const StoreMemory&) = delete;
    StoreMemory& operator=(const StoreMemory&) = delete;

    [[nodiscard]] Slice slice(std::uint32_t first, std::uint32_t length) const {
        return {.data = memory_ + first, .length = length, .owner = OwnerKind::store};
    }

  private:
    std::byte* memory_;
};

TEST_F(QueueUnit, BringsAPacketBackUnchanged) {
    const Packet back = send_and_receive(queue(), packet("hello"));
    EXPECT_EQ(text_of(back), "hello");
    EXPECT_EQ(back.length(), 5U);
    queue().release(back);
}

// D9.receive_chain, D9.send_chain
TEST_F(QueueUnit, BringsAChainBackUnchanged) {
    const Packet back = send_and_receive(queue(), chain({"one", "two", "three"}));
    EXPECT_EQ(text_of(back), "onetwothree");
    EXPECT_EQ(back.length(), 11U);
    queue().release(back);
}

TEST_F(QueueUnit, SendsFromTheFrontAndLeavesTheRest) {
    std::vector<Packet> burst(1'500);
    std::array<Packet, 64> back;
    ASSERT_TRUE(queue().allocate(burst));
    const std::size_t first = queue().transmit(burst);
    EXPECT_EQ(first, 1'023U) << "what a ring of 1024 takes";
    std::size_t received = 0;
    while (const std::size_t count = queue().receive(back)) {
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(back[i], burst[received++]);
            queue().release(back[i]);
        }
    }
    EXPECT_EQ(received, first);
    for (const Packet packet : std::span{burst}.subspan(first)) {
        queue().release(packet);
    }
}

TEST_F(QueueUnit, AllocatesAllOrNone) {
    std::vector<Packet> burst(pool_packets + 1);
    EXPECT_FALSE(queue().allocate(burst));
    EXPECT_EQ(pool().in_use(), 0U);
    EXPECT_TRUE(queue().allocate(std::span{burst}.first(pool_packets)));
    EXPECT_EQ(pool().in_use(), pool_packets);
    for (const Packet packet : std::span{burst}.first(pool_packets)) {
        queue().release(packet);
    }
}

TEST_F(QueueUnit, FreesAPacketWithItsLastUser) {
    const Packet shared = packet("x");
    queue().retain(shared);
    queue().release(shared);
    EXPECT_EQ(pool().in_use(), 1U);
    queue().release(shared);
    EXPECT_EQ(pool().in_use(), 0U);
}

TEST_F(QueueUnit, FreesAWholeChain) {
    queue().release(chain({"a", "b", "c"}));
    EXPECT_EQ(pool().in_use(), 0U);
}

TEST_F(QueueUnit, KeepsAWholeChainForWhoRetainedItsHead) {
    const Packet head = chain({"a", "b", "c"});
    queue().retain(head);
    queue().release(head);
    EXPECT_EQ(text_of(head), "abc");
    EXPECT_EQ(pool().in_use(), 3U);
    queue().release(head);
}

TEST_F(QueueUnit, KeepsASegmentForWhoRetainedItAlone) {
    const Packet head = chain({"a", "b", "c"});
    const Packet middle = head.next();
    queue().retain(middle);
    queue().release(head);
    EXPECT_EQ(pool().in_use(), 1U) << "what follows it was not retained";
    EXPECT_EQ(text_of(middle), "b");
    EXPECT_FALSE(middle.next()) << "it must not point at what was freed";
    queue().release(middle);
}

TEST_F(QueueUnit, AttachesAReceivedPacketsBytes) {
    const Packet received = packet("0123456789");
    const Packet reply = packet("head:");
    ASSERT_TRUE(queue().attach(reply, slice_of(received, 2, 3)));
    ASSERT_TRUE(queue().attach(reply, slice_of(received, 7, 1)));
    EXPECT_EQ(reply.length(), 9U);
    queue().release(received);
    EXPECT_EQ(pool().in_use(), 4U) << "two headers, the reply, and what they point into";
    const Packet back = send_and_receive(queue(), reply);
    EXPECT_EQ(text_of(back), "head:2347");
    queue().release(back);
    EXPECT_EQ(pool().in_use(), 0U);
}

TEST_F(QueueUnit, AttachesBytesOfALaterSegmentByTheHeadsHandle) {
    const Packet received = chain({"first", "second"});
    Slice slice = slice_of(received.next(), 0, 6);
    slice.handle = received.handle();
    const Packet reply = packet("> ");
    ASSERT_TRUE(queue().attach(reply, slice));
    queue().release(received);
    EXPECT_EQ(text_of(reply), "> second");
    EXPECT_EQ(pool().in_use(), 3U);
    queue().release(reply);
}

TEST_F(QueueUnit, DoesNotAttachBytesThatAreNotTheOwners) {
    const Packet received = packet("text");
    const Packet other = packet("other");
    const Packet reply = packet("r");
    Slice slice = slice_of(received, 0, 4);
    slice.handle = other.handle();
    EXPECT_FALSE(queue().attach(reply, slice));
    EXPECT_EQ(text_of(reply), "r");
    for (const Packet packet : {received, other, reply}) {
        queue().release(packet);
    }
}

// D9.send_chain
TEST_F(QueueUnit, AttachesTheStoresMemory) {
    const StoreMemory document{"a document of the store"};
    const Packet reply = packet("200 ");
    ASSERT_TRUE(queue().attach(reply, document.slice(2, 8)));
    ASSERT_TRUE(queue().attach(reply, document.slice(10, 13)));
    EXPECT_EQ(queue().store_references(), 2U);
    const Packet back = send_and_receive(queue(), reply);
    EXPECT_EQ(text_of(back), "200 document of the store");
    queue().release(back);
    EXPECT_EQ(queue().store_references(), 0U);
    EXPECT_EQ(pool().in_use(), 0U);
}

TEST_F(QueueUnit, RequestLeavesAnAttachedSegmentsOwnerKnown) {
    const StoreMemory document{"text"};
    const Packet reply = packet("r");
    ASSERT_TRUE(queue().attach(reply, document.slice(0, 4)));
    Packet attached = reply.next();
    queue().retain(attached);
    queue().release(reply);
    attached.request({});
    queue().release(attached);
    EXPECT_EQ(queue().store_references(), 0U);
}

TEST_F(QueueUnit, AttachesAtMostWhatALengthOfSixteenBitsSays) {
    const std::string text(70'000, 'x');
    const StoreMemory document{text};
    const Packet reply = packet("");
    EXPECT_FALSE(queue().attach(reply, document.slice(0, 65'536)));
    EXPECT_TRUE(queue().attach(reply, document.slice(0, 65'535)));
    queue().release(reply);
}

TEST_F(QueueUnit, DoesNotAttachMemoryOutsideEal) {
    const std::string elsewhere = "not in EAL's memory";
    const Packet reply = packet("r");
    EXPECT_FALSE(
        queue().attach(reply, {.data = reinterpret_cast<const std::byte*>(elsewhere.data()),
                               .length = static_cast<std::uint32_t>(elsewhere.size()),
                               .owner = OwnerKind::store}));
    EXPECT_EQ(queue().store_references(), 0U);
    queue().release(reply);
}

TEST_F(QueueUnit, DoesNotAttachAcrossTheEndOfEalMemory) {
    const StoreMemory document{"x"};
    const Packet reply = packet("r");
    ASSERT_TRUE(queue().attach(reply, document.slice(0, 1)));
    const rte_memseg_list* const list = rte_mem_virt2memseg_list(document.slice(0, 1).data);
    const auto* const end = static_cast<const std::byte*>(list->base_va) + list->len;
    EXPECT_FALSE(
        queue().attach(reply, {.data = end - 10, .length = 11, .owner = OwnerKind::store}));
    queue().release(reply);
}

TEST_F(QueueUnit, AttachesNothingElse) {
    const StoreMemory document{"in EAL memory"};
    const Packet reply = packet("r");
    for (const OwnerKind owner : {OwnerKind::nobody, OwnerKind::chunk}) {
        Slice slice = document.slice(0, 5);
        slice.owner = owner;
        EXPECT_FALSE(queue().attach(reply, slice));
    }
    queue().release(reply);
}

TEST_F(QueueUnit, StopsAttachingWhenHeadersRunOut) {
    const StoreMemory document{"x"};
    std::vector<Packet> replies;
    unsigned attached = 0;
    for (unsigned i = 0; i < 512; ++i) {
        replies.push_back(packet("r"));
        attached += queue().attach(replies.back(), document.slice(0, 1)) ? 1U : 0U;
    }
    EXPECT_EQ(attached, 255U);
    for (const Packet packet : replies) {
        queue().release(packet);
    }
    EXPECT_EQ(queue().store_references(), 0U);
}

TEST_F(QueueUnit, LimitsTheSegmentsOfAPacket) {
    const StoreMemory document{"x"};
    const Packet reply = packet("r");
    unsigned segments = 1;
    while (queue().attach(reply, document.slice(0, 1))) {
        ++segments;
        ASSERT_LT(segments, 1'000U);
    }
    EXPECT_EQ(segments, 32U);
    queue().release(reply);
}

TEST_F(QueueUnit, CopiesAChainOfTooManySegments) {
    std::vector<std::string_view> texts(40, "ab");
    Packet head;
    for (const std::string_view text : texts) {
        const Packet piece = packet(text);
        if (!head) {
            head = piece;
        } else {
            ASSERT_EQ(rte_pktmbuf_chain(head.mbuf(), piece.mbuf()), 0);
        }
    }
    const Packet back = send_and_receive(queue(), head);
    EXPECT_FALSE(back.next());
    EXPECT_EQ(text_of(back).size(), 80U);
    EXPECT_EQ(queue().trouble().copied.load(), 1U);
    queue().release(back);
}

TEST_F(QueueUnit, DropsAFrameThatIsTooLongAndSendsWhatFollows) {
    Packet longest = packet("");
    ASSERT_NE(longest.append(1'518), nullptr);
    Packet too_long = packet("");
    ASSERT_NE(too_long.append(1'519), nullptr);
    std::array<Packet, 4> burst{packet("before"), too_long, longest, packet("after")};
    EXPECT_EQ(queue().transmit(burst), 4U);
    EXPECT_EQ(queue().trouble().refused.load(), 1U);
    EXPECT_EQ(port().stats().tx_refused, 1U) << "where everyone looks";
    std::array<Packet, 4> back;
    ASSERT_EQ(queue().receive(back), 3U);
    EXPECT_EQ(text_of(back[0]), "before");
    EXPECT_EQ(back[1], longest);
    EXPECT_EQ(text_of(back[2]), "after");
    for (const Packet packet : std::span{back}.first(3)) {
        queue().release(packet);
    }
}

TEST_F(QueueUnit, OffersChainsOnlyToAWorkerWithATransmitQueue) {
    close_ports();
    make_pools(1);
    Port& port = open(PortConfig{.device = "net_ring1", .tx_queues = 1});
    ASSERT_EQ(port.report().tx_queues, 1U);
    EXPECT_TRUE(port.queue(0).has_tx());
    EXPECT_TRUE(port.queue(0).offloads().multi_segment);
    Queue& without = port.queue(1);
    EXPECT_FALSE(without.has_tx());
    EXPECT_FALSE(without.offloads().multi_segment);
    const StoreMemory document{"x"};
    std::array<Packet, 1> one{packet_with(without, "to be handed over")};
    EXPECT_FALSE(without.attach(one[0], document.slice(0, 1)));
    EXPECT_EQ(without.transmit(one), 0U);
    without.release(one[0]);
}

TEST_F(QueueUnit, ReceivesNothingWithoutAReceiveQueue) {
    close_ports();
    make_pools(1);
    Port& port = open(PortConfig{.device = "net_ring1", .rx_queues = 1});
    EXPECT_TRUE(port.queue(0).has_rx());
    EXPECT_FALSE(port.queue(1).has_rx());
    std::array<Packet, 1> one;
    EXPECT_EQ(port.queue(1).receive(one), 0U);
}

} // namespace
} // namespace millrace::nic
