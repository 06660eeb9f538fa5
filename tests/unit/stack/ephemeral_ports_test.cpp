#include "stack/ephemeral_ports.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

// B7.port: which port an active open comes from (RFC 6056 §3.3.4).
namespace millrace::stack {
namespace {

constexpr SipKey key{1, 2};
constexpr PortRange range{40000, 40099};
constexpr flow::FourTuple4 web{{198, 18, 0, 2}, {198, 18, 0, 1}, 0, 80};
constexpr flow::FourTuple4 mail{{198, 18, 0, 2}, {198, 18, 0, 1}, 0, 25};

bool any(std::uint16_t /*port*/) {
    return true;
}

std::vector<std::uint16_t> ports(EphemeralPorts& source, const flow::FourTuple4& tuple, int count) {
    std::vector<std::uint16_t> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(source.choose(tuple, any));
    }
    return all;
}

TEST(EphemeralPorts, ADestinationSeesEachPortOnceBeforeOneReturns) {
    EphemeralPorts source{key, range};
    const std::vector<std::uint16_t> all = ports(source, web, 100);
    EXPECT_EQ(std::set<std::uint16_t>(all.begin(), all.end()).size(), 100U);
    for (const std::uint16_t port : all) {
        EXPECT_TRUE(port >= range.first && port <= range.last) << port;
    }
    EXPECT_EQ(source.choose(web, any), all.front());
}

TEST(EphemeralPorts, OtherDestinationsBeginElsewhere) {
    EphemeralPorts source{key, range};
    EXPECT_NE(ports(source, web, 5), ports(source, mail, 5));
}

TEST(EphemeralPorts, NobodyElseKnowsWhere) {
    EphemeralPorts ours{key, range};
    EphemeralPorts theirs{SipKey{1, 3}, range};
    EXPECT_NE(ports(ours, web, 5), ports(theirs, web, 5));
}

TEST(EphemeralPorts, TheLocalPortOfTheTupleMeansNothing) {
    EphemeralPorts one{key, range};
    EphemeralPorts other{key, range};
    flow::FourTuple4 used = web;
    used.local_port = 40050;
    EXPECT_EQ(ports(one, web, 3), ports(other, used, 3));
}

TEST(EphemeralPorts, GoesOnBehindWhatIsNotUsable) {
    EphemeralPorts source{key, range};
    const std::uint16_t first = source.choose(web, any);
    int asked = 0;
    const std::uint16_t next = source.choose(web, [&](std::uint16_t) { return ++asked == 3; });
    EXPECT_EQ((next - first + 100) % 100, 3);
    EXPECT_EQ((source.choose(web, any) - first + 100) % 100, 4);
}

TEST(EphemeralPorts, SaysThatThereIsNone) {
    EphemeralPorts source{key, range};
    std::set<std::uint16_t> asked;
    const auto none = [&](std::uint16_t port) {
        EXPECT_TRUE(asked.insert(port).second) << port << " was offered twice";
        return false;
    };
    EXPECT_EQ(source.choose(web, none), 0);
    EXPECT_EQ(asked.size(), 100U);
}

TEST(EphemeralPorts, ARangeMayBeOnePortOrEndWithTheLast) {
    EphemeralPorts one{key, {50000, 50000}};
    EXPECT_EQ(ports(one, web, 2), (std::vector<std::uint16_t>{50000, 50000}));
    EphemeralPorts all{key, {1, 65535}};
    std::set<std::uint16_t> seen;
    for (int i = 0; i < 65535; ++i) {
        seen.insert(all.choose(web, any));
    }
    EXPECT_EQ(seen.size(), 65535U);
    EXPECT_FALSE(seen.contains(0));
}

} // namespace
} // namespace millrace::stack
