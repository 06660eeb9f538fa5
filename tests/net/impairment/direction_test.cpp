#include "direction.hpp"

#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <variant>

namespace millrace::impairment {
namespace {

constexpr Instant beginning{1h};
constexpr std::size_t frame_bytes = 1'000;

/// An IPv4 frame that carries its number.
Frame numbered(std::uint32_t number, std::uint16_t ethertype = wire::ethertype::ipv4) {
    Frame frame(frame_bytes);
    wire::write_ethernet(frame.data(), {.ethertype = ethertype});
    std::memcpy(frame.data() + wire::ethernet_header_bytes, &number, sizeof number);
    return frame;
}

std::uint32_t number_of(const Frame& frame) {
    std::uint32_t number = 0;
    std::memcpy(&number, frame.data() + wire::ethernet_header_bytes, sizeof number);
    return number;
}

/// Sends frames 0 to count-1, one each `interval`, and says in which order which arrive.
std::vector<std::uint32_t> pass(Direction& direction, std::uint32_t count,
                                Duration interval = 100us) {
    std::vector<std::uint32_t> arrived;
    const auto take = [&](Instant until) {
        for (const Frame& frame : direction.take(until, SIZE_MAX)) {
            arrived.push_back(number_of(frame));
        }
    };
    Instant now = beginning;
    for (std::uint32_t number = 0; number < count; ++number, now += interval) {
        take(now);
        direction.enter(numbered(number), now);
    }
    take(now + 1h);
    return arrived;
}

Frame header_of(const Frame& frame) {
    return {frame.begin(), frame.begin() + wire::ethernet_header_bytes};
}

unsigned different_bits(const Frame& one, const Frame& other) {
    unsigned count = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        count += static_cast<unsigned>(std::popcount(std::to_integer<unsigned>(one[i] ^ other[i])));
    }
    return count;
}

/// 100,000 frames, of which a share `p` is struck: five standard deviations either side.
void expect_share(std::uint64_t struck, double p) {
    const double n = 100'000;
    EXPECT_NEAR(static_cast<double>(struck), n * p, 5 * std::sqrt(n * p * (1 - p)));
}

TEST(Direction, LosesTheSameFramesForTheSameSeed) {
    const Impairments impairments{.loss = 0.05, .delay = 10ms};
    Direction one{7, impairments};
    Direction same{7, impairments};
    Direction other{8, impairments};
    const auto arrived = pass(one, 1'000);
    EXPECT_EQ(one.counters().lost, 61u);
    EXPECT_EQ(arrived.size(), 939u);
    EXPECT_EQ(pass(same, 1'000), arrived);
    EXPECT_NE(pass(other, 1'000), arrived);
}

TEST(Direction, FateDependsOnTheNumberOfTheFrameAndNotOnItsTime) {
    const Impairments impairments{.loss = 0.1, .duplication = 0.1, .jitter = 2ms};
    Direction quick{7, impairments};
    Direction slow{7, impairments};
    EXPECT_EQ(pass(quick, 1'000, 1us), pass(slow, 1'000, 50ms));
}

TEST(Direction, StrikesTheShareThatWasAskedFor) {
    Direction direction{
        3, {.loss = 0.01, .duplication = 0.02, .reordering = 0.03, .corruption = 0.04}};
    pass(direction, 100'000);
    const DirectionCounters& counters = direction.counters();
    EXPECT_EQ(counters.frames, 100'000u);
    EXPECT_EQ(counters.bytes, 100'000u * frame_bytes);
    expect_share(counters.lost, 0.01);
    // Of what was not lost.
    expect_share(counters.duplicated, 0.02 * 0.99);
    expect_share(counters.reordered, 0.03 * 0.99);
    expect_share(counters.corrupted, 0.04 * 0.99);
    EXPECT_EQ(counters.delivered, counters.frames - counters.lost + counters.duplicated);
}

TEST(Direction, DelaysEachFrameByAsMuch) {
    Direction direction{1, {.delay = 10ms}};
    direction.enter(numbered(0), beginning);
    EXPECT_EQ(direction.next_departure(), beginning + 10ms);
    EXPECT_TRUE(direction.take(beginning + 10ms - 1ns, 10).empty());
    EXPECT_EQ(direction.take(beginning + 10ms, 10).size(), 1u);
    EXPECT_EQ(direction.next_departure(), never);
}

TEST(Direction, JitterDelaysAndKeepsTheOrder) {
    Direction direction{1, {.delay = 10ms, .jitter = 5ms}};
    for (std::uint32_t number = 0; number < 100; ++number) {
        direction.enter(numbered(number), beginning);
    }
    EXPECT_GE(direction.next_departure(), beginning + 10ms);
    EXPECT_LT(direction.take(beginning + 12ms, SIZE_MAX).size(), 100u);
    const auto rest = direction.take(beginning + 15ms, SIZE_MAX);
    EXPECT_FALSE(rest.empty());
    EXPECT_EQ(number_of(rest.back()), 99u);
    EXPECT_EQ(direction.next_departure(), never);
}

TEST(Direction, AReorderedFrameIsOvertaken) {
    Direction direction{2, {.reordering = 0.2, .reordering_delay = 1ms}};
    const auto arrived = pass(direction, 1'000, 600us);
    EXPECT_EQ(arrived.size(), 1'000u);
    EXPECT_GT(direction.counters().reordered, 100u);
    EXPECT_FALSE(std::ranges::is_sorted(arrived));
}

TEST(Direction, ADuplicateFollowsItsOriginalAndIsWhole) {
    Direction direction{2, {.duplication = 1, .corruption = 1}};
    direction.enter(numbered(5), beginning);
    const auto taken = direction.take(beginning, 10);
    ASSERT_EQ(taken.size(), 2u);
    EXPECT_EQ(taken[0], numbered(5));
    EXPECT_EQ(different_bits(taken[1], numbered(5)), 1u);
}

TEST(Direction, DamagesOneBitBehindTheEthernetHeaderOfIpOnly) {
    Direction direction{4, {.corruption = 1}};
    for (std::uint32_t number = 0; number < 1'000; ++number) {
        direction.enter(numbered(number), beginning);
        direction.enter(numbered(number, wire::ethertype::arp), beginning);
        const auto taken = direction.take(beginning, 10);
        ASSERT_EQ(taken.size(), 2u);
        EXPECT_EQ(different_bits(taken[0], numbered(number)), 1u);
        EXPECT_EQ(header_of(taken[0]), header_of(numbered(number)));
        EXPECT_EQ(taken[1], numbered(number, wire::ethertype::arp));
    }
}

TEST(Direction, MarksEcnCapablePacketsOfBothFamilies) {
    Direction direction{1, {.marking = 1}};
    const auto passed = [&](Frame frame) {
        direction.enter(std::move(frame), beginning);
        return direction.take(beginning, 1).at(0);
    };
    Frame ipv4 = numbered(0);
    wire::write_ipv4(ipv4.data() + wire::ethernet_header_bytes,
                     {.protocol = wire::ip_protocol::tcp, .ttl = 64}, 100);
    Frame capable = ipv4;
    capable[wire::ethernet_header_bytes + 1] |= std::byte{0x02};
    wire::fill_ipv4_checksum(capable.data() + wire::ethernet_header_bytes);
    EXPECT_EQ(passed(ipv4), ipv4) << "not capable";
    const Frame marked = passed(capable);
    EXPECT_EQ(marked[wire::ethernet_header_bytes + 1] & std::byte{0x03}, std::byte{0x03});
    EXPECT_TRUE(wire::ipv4_header_is_intact(
        std::span{marked}.subspan(wire::ethernet_header_bytes, wire::ipv4_header_bytes_min)));
    EXPECT_EQ(direction.counters().marked, 1u);
    EXPECT_EQ(passed(marked), marked);

    Frame ipv6 = numbered(0, wire::ethertype::ipv6);
    ipv6[wire::ethernet_header_bytes] = std::byte{0x60};
    ipv6[wire::ethernet_header_bytes + 1] = std::byte{0x20};
    const Frame marked6 = passed(ipv6);
    EXPECT_EQ(marked6[wire::ethernet_header_bytes + 1], std::byte{0x30});
    EXPECT_EQ(different_bits(marked6, ipv6), 1u);
    EXPECT_EQ(direction.counters().marked, 2u);
}

TEST(Direction, ABottleneckSpacesFramesAndDropsWhatItsQueueCannotHold) {
    // 1000 bytes take 1 ms, and four frames fit.
    Direction direction{1, {.rate_bits_per_second = 8'000'000, .queue_bytes = 4'000}};
    for (std::uint32_t number = 0; number < 6; ++number) {
        direction.enter(numbered(number), beginning);
    }
    EXPECT_EQ(direction.counters().queue_dropped, 2u);
    for (std::int64_t place = 1; place <= 4; ++place) {
        EXPECT_EQ(direction.next_departure(), beginning + place * 1ms);
        EXPECT_EQ(direction.take(direction.next_departure(), 10).size(), 1u);
    }
    direction.enter(numbered(6), beginning + 1s);
    EXPECT_EQ(direction.next_departure(), beginning + 1s + 1ms) << "an idle line saves nothing up";
}

TEST(Direction, ABottleneckPassesAFrameThatIsLargerThanItsQueueWhenIdle) {
    Direction direction{1, {.rate_bits_per_second = 8'000'000, .queue_bytes = 10}};
    direction.enter(numbered(0), beginning);
    direction.enter(numbered(1), beginning);
    EXPECT_EQ(direction.counters().queue_dropped, 1u);
    EXPECT_EQ(direction.next_departure(), beginning + 1ms);
}

TEST(Direction, ReportsAsJson) {
    Direction direction{1, {.loss = 1}};
    direction.enter(numbered(0), beginning);
    EXPECT_EQ(direction.counters().to_json("a_to_b"),
              R"({"direction": "a_to_b", "frames": 1, "bytes": 1000, "queue_dropped": 0, )"
              R"("lost": 1, "duplicated": 0, "reordered": 0, "corrupted": 0, "marked": 0, )"
              R"("delivered": 0})");
}

TEST(Specification, NamesEveryImpairment) {
    const auto parsed = parse_impairments(
        "loss=0.01,duplication=0.02,reordering=0.03,corruption=0.04,marking=0.05,delay_ms=10.5,"
        "jitter_ms=1,reordering_delay_ms=4,rate_mbit=50,queue_bytes=125000");
    ASSERT_TRUE(std::holds_alternative<Impairments>(parsed));
    const auto& got = std::get<Impairments>(parsed);
    EXPECT_EQ(got.loss, 0.01);
    EXPECT_EQ(got.duplication, 0.02);
    EXPECT_EQ(got.reordering, 0.03);
    EXPECT_EQ(got.corruption, 0.04);
    EXPECT_EQ(got.marking, 0.05);
    EXPECT_EQ(got.delay, 10'500us);
    EXPECT_EQ(got.jitter, 1ms);
    EXPECT_EQ(got.reordering_delay, 4ms);
    EXPECT_EQ(got.rate_bits_per_second, 50'000'000u);
    EXPECT_EQ(got.queue_bytes, 125'000u);
}

TEST(Specification, RefusesWhatItDoesNotKnow) {
    for (const char* const wrong :
         {"lost=0.1", "loss", "loss=", "loss=x", "loss=1.1", "loss=-0.1", "loss=0.1x", "loss=nan",
          "rate_mbit=5", "queue_bytes=5", "delay_ms=1e9", ",", "loss=0.1,,delay_ms=1"}) {
        EXPECT_TRUE(std::holds_alternative<SpecificationError>(parse_impairments(wrong))) << wrong;
    }
    EXPECT_TRUE(std::holds_alternative<Impairments>(parse_impairments("")));
}

} // namespace
} // namespace millrace::impairment
