// A2.reassembly, A2.overlap, E3.fragments: datagrams that come in fragments.

#include "stack/fragments.hpp"

#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "worker_harness.hpp"

namespace millrace::stack {
namespace {

using wire::Drop;

/// A pattern in which every place differs from its neighbours.
std::vector<std::byte> pattern(std::size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::size_t i = 0; i < length; ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
    }
    return bytes;
}

template <class Addr>
class FragmentsTest : public ::testing::Test {
  protected:
    using Type = Fragments<Addr>;
    using IpPacket = typename Type::IpPacket;
    static constexpr bool is_ipv4 = Type::is_ipv4;

    static Addr host(std::uint8_t n) {
        Addr address{};
        address.bytes[0] = 32;
        address.bytes[3] = n;
        return address;
    }

    /// The piece of `datagram` from `offset` on.
    IpPacket piece(std::uint32_t id, std::size_t offset, std::size_t length, bool more,
                   std::uint8_t source = 1) {
        IpPacket packet;
        packet.source = host(source);
        packet.destination = host(9);
        packet.protocol = wire::ip_protocol::udp;
        packet.more_fragments = more;
        packet.fragment_offset = static_cast<std::uint16_t>(offset);
        packet.payload = std::span{datagram}.subspan(offset, length);
        if constexpr (is_ipv4) {
            packet.id = static_cast<std::uint16_t>(id);
            packet.ttl = 61;
        } else {
            packet.fragment_id = id;
            packet.hop_limit = 61;
        }
        return packet;
    }

    typename Type::Taken take(const IpPacket& packet) { return fragments.take(frame, packet, now); }

    /// What the datagram is behind its IP header.
    std::vector<std::byte> whole(std::uint32_t index) {
        const auto bytes = fragments.whole_frame(index).subspan(wire::ethernet_header_bytes);
        IpPacket packet;
        if constexpr (is_ipv4) {
            EXPECT_EQ(wire::parse_ipv4(bytes, packet), Drop::none);
            EXPECT_TRUE(wire::ipv4_header_is_intact(packet.header));
            EXPECT_EQ(packet.ttl, 61);
        } else {
            EXPECT_EQ(wire::parse_ipv6(bytes, packet), Drop::none);
            EXPECT_EQ(packet.hop_limit, 61);
        }
        EXPECT_FALSE(packet.is_fragment());
        EXPECT_EQ(packet.source, host(1));
        EXPECT_EQ(packet.destination, host(9));
        traffic_class = packet.traffic_class;
        return {packet.payload.begin(), packet.payload.end()};
    }

    std::vector<std::byte> datagram = pattern(9000);
    wire::EthernetFrame frame{.destination = {{2, 0, 0, 0, 0, 2}}, .source = {{2, 0, 0, 0, 0, 1}}};
    Instant now{1h};
    std::uint8_t traffic_class = 0;
    static constexpr std::uint32_t places = 32;
    Type fragments{{.memory_bytes = places * 1900, .sources_at_least = 4},
                   1500,
                   SipKey{1, 2},
                   *std::pmr::get_default_resource()};
};

using Families = ::testing::Types<wire::Ipv4Addr, wire::Ipv6Addr>;
TYPED_TEST_SUITE(FragmentsTest, Families);

TYPED_TEST(FragmentsTest, A2_reassembly_in_any_order) {
    std::mt19937 random{7};
    for (std::uint32_t id = 1; id <= 200; ++id) {
        const std::size_t length = std::uniform_int_distribution<std::size_t>{17, 1460}(random);
        std::vector<std::pair<std::size_t, std::size_t>> cuts;
        for (std::size_t at = 0; at < length;) {
            const std::size_t units = std::uniform_int_distribution<std::size_t>{1, 60}(random);
            const std::size_t end = std::min(at + 8 * units, length);
            cuts.emplace_back(at, end);
            at = end;
        }
        std::ranges::shuffle(cuts, random);
        for (std::size_t i = 0; i < cuts.size(); ++i) {
            const auto [at, end] = cuts[i];
            const auto taken = this->take(this->piece(id, at, end - at, end < length));
            ASSERT_EQ(taken.drop, Drop::none);
            ASSERT_EQ(taken.whole != this->fragments.none, i + 1 == cuts.size());
            if (taken.whole != this->fragments.none) {
                const auto sent = std::span{this->datagram}.first(length);
                ASSERT_TRUE(std::ranges::equal(this->whole(taken.whole), sent));
                this->fragments.release(taken.whole);
            }
        }
    }
    EXPECT_EQ(this->fragments.size(), 0U);
}

TYPED_TEST(FragmentsTest, A2_reassembly_datagrams_are_told_apart) {
    EXPECT_EQ(this->take(this->piece(1, 0, 800, true)).whole, this->fragments.none);
    EXPECT_EQ(this->take(this->piece(2, 800, 100, false)).whole, this->fragments.none);
    EXPECT_EQ(this->take(this->piece(1, 800, 100, false, 2)).whole, this->fragments.none);
    auto elsewhere = this->piece(1, 800, 100, false);
    elsewhere.destination = this->host(8);
    EXPECT_EQ(this->take(elsewhere).whole, this->fragments.none);
    EXPECT_EQ(this->fragments.size(), 4U);
    EXPECT_NE(this->take(this->piece(1, 800, 100, false)).whole, this->fragments.none);
}

TYPED_TEST(FragmentsTest, A2_overlap_ends_the_datagram) {
    for (const auto& [at, length, more] : {std::tuple<std::size_t, std::size_t, bool>{0, 408, true},
                                           {392, 408, true},
                                           {0, 800, true},
                                           {8, 8, true},
                                           {400, 400, false}}) {
        SCOPED_TRACE(at);
        EXPECT_EQ(this->take(this->piece(1, 0, 400, true)).drop, Drop::none);
        EXPECT_EQ(this->take(this->piece(1, 600, 200, true)).drop, Drop::none);
        auto overlapping = this->piece(1, at, length, more);
        std::vector<std::byte> other{overlapping.payload.begin(), overlapping.payload.end()};
        other.front() ^= std::byte{1};
        overlapping.payload = other;
        const auto taken = this->take(overlapping);
        EXPECT_TRUE(taken.drop == Drop::fragment_overlap || taken.drop == Drop::fragment_malformed);
        EXPECT_EQ(taken.whole, this->fragments.none);
        // Nothing that comes later brings it back.
        EXPECT_EQ(this->take(this->piece(1, 400, 200, true)).drop, Drop::fragment_of_refused);
        EXPECT_EQ(this->take(this->piece(1, 800, 8, false)).drop, Drop::fragment_of_refused);
        this->now += this->fragments.lifetime;
        const std::uint32_t index = this->fragments.expired(this->now);
        ASSERT_NE(index, this->fragments.none);
        EXPECT_TRUE(this->fragments.was_refused(index));
        this->fragments.release(index);
    }
}

TYPED_TEST(FragmentsTest, A2_reassembly_a_fragment_that_came_twice_is_ignored) {
    EXPECT_EQ(this->take(this->piece(1, 400, 100, false)).drop, Drop::none);
    EXPECT_EQ(this->take(this->piece(1, 400, 100, false)).drop, Drop::fragment_duplicate);
    EXPECT_EQ(this->take(this->piece(1, 200, 200, true)).drop, Drop::none);
    EXPECT_EQ(this->take(this->piece(1, 200, 200, true)).drop, Drop::fragment_duplicate);
    const auto taken = this->take(this->piece(1, 0, 200, true));
    ASSERT_NE(taken.whole, this->fragments.none);
    EXPECT_EQ(this->whole(taken.whole).size(), 500U);
}

TYPED_TEST(FragmentsTest, A2_reassembly_contradicting_ends) {
    // An end before what has come, in whichever order that is.
    EXPECT_EQ(this->take(this->piece(1, 800, 8, true)).drop, Drop::none);
    EXPECT_EQ(this->take(this->piece(1, 40, 10, false)).drop, Drop::fragment_malformed);
    EXPECT_EQ(this->take(this->piece(2, 400, 10, false)).drop, Drop::none);
    EXPECT_EQ(this->take(this->piece(2, 416, 8, true)).drop, Drop::fragment_malformed);
    EXPECT_EQ(this->take(this->piece(3, 400, 10, false)).drop, Drop::none);
    EXPECT_EQ(this->take(this->piece(3, 408, 10, false)).drop, Drop::fragment_malformed);
}

TYPED_TEST(FragmentsTest, A2_reassembly_lengths_are_bounded) {
    // With its header it comes to 1500 bytes.
    constexpr std::size_t last = TestFixture::is_ipv4 ? 1472 : 1456;
    constexpr std::size_t last_bytes = TestFixture::is_ipv4 ? 8 : 4;
    EXPECT_EQ(this->take(this->piece(1, last + 8, 8, true)).drop, Drop::fragment_too_long);
    EXPECT_EQ(this->take(this->piece(2, 8000, 8, false)).drop, Drop::fragment_too_long);
    EXPECT_EQ(this->take(this->piece(3, last, last_bytes + 1, false)).drop,
              Drop::fragment_too_long);
    EXPECT_EQ(this->take(this->piece(4, last, last_bytes, false)).drop, Drop::none);
    auto tiny = this->piece(5, 0, 16, true);
    tiny.protocol = wire::ip_protocol::tcp;
    EXPECT_EQ(this->take(tiny).drop, Drop::fragment_too_short);
}

TYPED_TEST(FragmentsTest, A2_reassembly_pool_dry_and_a_share_for_each_source) {
    const std::uint32_t share = this->fragments.capacity() / 4;
    for (std::uint32_t id = 0; id < share; ++id) {
        EXPECT_EQ(this->take(this->piece(id, 0, 8, true)).drop, Drop::none);
    }
    EXPECT_EQ(this->take(this->piece(1000, 0, 8, true)).drop, Drop::fragment_source_share);
    for (std::uint32_t n = share; n < this->fragments.capacity(); ++n) {
        const auto source = static_cast<std::uint8_t>(2 + n / share);
        EXPECT_EQ(this->take(this->piece(n, 0, 8, true, source)).drop, Drop::none);
    }
    EXPECT_EQ(this->take(this->piece(1000, 0, 8, true, 200)).drop, Drop::fragment_pool_dry);
    // What has a place keeps it, and time gives all back.
    EXPECT_NE(this->take(this->piece(0, 8, 8, false)).whole, this->fragments.none);
    EXPECT_EQ(this->fragments.expired(this->now + this->fragments.lifetime - 1ns),
              this->fragments.none);
    this->now += this->fragments.lifetime;
    for (std::uint32_t index; (index = this->fragments.expired(this->now)) != UINT32_MAX;) {
        this->fragments.release(index);
    }
    EXPECT_EQ(this->fragments.size(), 0U);
    EXPECT_EQ(this->fragments.next_deadline(), never);
}

TYPED_TEST(FragmentsTest, A2_reassembly_keeps_a_mark_of_congestion) {
    auto first = this->piece(1, 0, 8, true);
    auto second = this->piece(1, 8, 8, false);
    first.traffic_class = 2;
    second.traffic_class = 3;
    EXPECT_EQ(this->take(first).drop, Drop::none);
    const auto taken = this->take(second);
    ASSERT_NE(taken.whole, this->fragments.none);
    static_cast<void>(this->whole(taken.whole));
    EXPECT_EQ(this->traffic_class, 3);
    this->fragments.release(taken.whole);
    // Half of it may be marked, half may not: somebody has tampered (RFC 3168 §5.3).
    first = this->piece(2, 0, 8, true);
    second = this->piece(2, 8, 8, false);
    second.traffic_class = 3;
    EXPECT_EQ(this->take(first).drop, Drop::none);
    EXPECT_EQ(this->take(second).drop, Drop::fragment_malformed);
}

TEST(Fragments, A2_reassembly_refuses_neighbour_discovery) {
    Fragments<wire::Ipv6Addr> fragments{{}, 1500, SipKey{1, 2}, *std::pmr::get_default_resource()};
    std::vector<std::byte> message(16);
    message[0] = std::byte{wire::icmpv6_type::neighbour_advertisement};
    wire::Ipv6Packet packet;
    packet.protocol = wire::ip_protocol::icmpv6;
    packet.more_fragments = true;
    packet.payload = message;
    EXPECT_EQ(fragments.take({}, packet, Instant{1h}).drop, Drop::nd_fragmented);
}

// On a whole worker

using testing::WorkerHarness;

/// The IPv4 packet of a frame in fragments of at most `most` bytes of payload.
std::vector<support::Frame> in_fragments(const support::Frame& frame, std::size_t most,
                                         std::uint16_t id) {
    constexpr std::size_t headers = wire::ethernet_header_bytes + wire::ipv4_header_bytes_min;
    wire::Ipv4Packet packet;
    EXPECT_EQ(wire::parse_ipv4(std::span{frame}.subspan(wire::ethernet_header_bytes), packet),
              Drop::none);
    std::vector<support::Frame> all;
    for (std::size_t at = 0; at < packet.payload.size(); at += most) {
        const auto piece = packet.payload.subspan(at, std::min(most, packet.payload.size() - at));
        wire::Ipv4Packet header = packet;
        header.id = id;
        header.more_fragments = at + piece.size() < packet.payload.size();
        header.fragment_offset = static_cast<std::uint16_t>(at);
        support::Frame one{frame.begin(), frame.begin() + headers};
        std::byte* const ip = one.data() + wire::ethernet_header_bytes;
        wire::write_ipv4(ip, header, piece.size());
        wire::fill_ipv4_checksum(ip);
        one.insert(one.end(), piece.begin(), piece.end());
        all.push_back(one);
    }
    return all;
}

wire::TcpSegment syn() {
    wire::TcpSegment segment;
    segment.source_port = 30000;
    segment.destination_port = testing::echo_port;
    segment.seq = wire::SeqNum{1000};
    segment.flags = wire::tcp_flag::syn;
    segment.window = 65535;
    return segment;
}

TEST(FragmentsOnAWorker, A2_reassembly_a_segment_in_fragments_is_answered) {
    WorkerHarness harness;
    const auto frames = in_fragments(testing::frame_of(syn(), std::string(1000, 'x')), 328, 77);
    ASSERT_EQ(frames.size(), 4U);
    for (const std::size_t i : {3U, 0U, 2U}) {
        harness.arrives(frames[i]);
        EXPECT_TRUE(harness.sent().empty());
    }
    harness.arrives(frames[1]);
    const auto sent = harness.sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].segment.ack, wire::SeqNum{1001});
    EXPECT_EQ(harness.worker.core().counters[Counter::datagrams_reassembled], 1U);
    EXPECT_EQ(harness.worker.core().counters[Counter::fragments_received], 4U);
    harness.worker.release_everything(harness.now);
    EXPECT_EQ(harness.nic.packets_in_use(), 0U);
}

TEST(FragmentsOnAWorker, A2_reassembly_bytes_changed_on_the_way_are_noticed) {
    WorkerHarness harness;
    auto frames = in_fragments(testing::frame_of(syn(), std::string(1000, 'x')), 600, 77);
    frames[1].back() ^= std::byte{1};
    for (const auto& frame : frames) {
        harness.arrives(frame);
    }
    EXPECT_TRUE(harness.sent().empty());
    EXPECT_EQ(harness.drops(Drop::tcp_bad_checksum), 1U);
}

/// The ICMP errors among what was sent.
std::vector<wire::IcmpMessage> errors_of(support::MemoryNic& nic,
                                         std::vector<support::Frame>& frames) {
    std::vector<wire::IcmpMessage> all;
    support::Frame frame;
    while (nic.take_sent(frame)) {
        frames.push_back(frame);
        wire::Ipv4Packet ip;
        wire::IcmpMessage message;
        const auto bytes = std::span{frames.back()}.subspan(wire::ethernet_header_bytes);
        if (wire::parse_ipv4(bytes, ip) == Drop::none && ip.protocol == wire::ip_protocol::icmp &&
            wire::parse_icmp(ip.payload, message) == Drop::none) {
            all.push_back(message);
        }
    }
    return all;
}

TEST(FragmentsOnAWorker, A2_reassembly_what_stays_incomplete_is_reported_after_its_time) {
    WorkerHarness harness;
    const auto frames = in_fragments(testing::frame_of(syn(), std::string(1000, 'x')), 328, 77);
    harness.arrives(frames[0]);
    const Instant deadline = harness.now + 30s;
    harness.now += 10s;
    harness.arrives(frames[3]); // Does not begin the time anew.
    EXPECT_LE(harness.worker.next_deadline(), deadline);
    harness.poll(deadline - harness.now - 1ms);
    std::vector<support::Frame> kept;
    kept.reserve(64);
    EXPECT_TRUE(errors_of(harness.nic, kept).empty());
    harness.poll(1ms);
    const auto errors = errors_of(harness.nic, kept);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].type, wire::icmp_type::time_exceeded);
    EXPECT_EQ(errors[0].code, wire::icmp_time_exceeded_reassembly);
    // The first fragment as it came.
    EXPECT_TRUE(std::ranges::equal(errors[0].data,
                                   std::span{frames[0]}.subspan(wire::ethernet_header_bytes)));
    EXPECT_EQ(harness.drops(Drop::fragment_timeout), 1U);
    harness.worker.release_everything(harness.now);
    EXPECT_EQ(harness.nic.packets_in_use(), 0U);
}

TEST(FragmentsOnAWorker, A2_reassembly_without_its_beginning_nothing_is_reported) {
    WorkerHarness harness;
    const auto frames = in_fragments(testing::frame_of(syn(), std::string(1000, 'x')), 328, 77);
    harness.arrives(frames[1]);
    harness.poll(30s);
    std::vector<support::Frame> kept;
    kept.reserve(64);
    EXPECT_TRUE(errors_of(harness.nic, kept).empty());
    EXPECT_EQ(harness.drops(Drop::fragment_timeout), 1U);
}

} // namespace
} // namespace millrace::stack
