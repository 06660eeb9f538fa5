#include "runtime/connections.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::runtime {
namespace {

using tcp::State;
using testing::ElementsAre;
using testing::IsEmpty;

Endpoint endpoint(std::string_view address, std::uint16_t port) {
    return {ip_from_string(address).value(), port};
}

const std::vector<ConnectionInfo> connections{
    {State::listen, endpoint("0.0.0.0", 80), endpoint("0.0.0.0", 0), 0, 0, "http", 0},
    {State::established, endpoint("198.18.0.2", 80), endpoint("198.18.0.1", 40001), 0, 0, "http",
     0},
    {State::established, endpoint("2001:db8::2", 7), endpoint("2001:db8::1", 40002), 0, 0, "echo",
     0},
    {State::time_wait, endpoint("198.18.0.2", 80), endpoint("198.18.9.9", 40003), 0, 0, "http", 0},
    {State::syn_received, endpoint("198.18.0.2", 7), endpoint("198.18.0.1", 40004), 0, 0, "echo",
     0},
    {State::syn_sent, endpoint("198.18.0.2", 50000), endpoint("198.18.0.1", 9), 0, 0, "", 0},
};

/// Which of the above a filter lets through.
std::vector<std::size_t> matching(const std::vector<std::string>& words) {
    const ConnectionFilter::Parsed parsed = ConnectionFilter::parse(words);
    EXPECT_THAT(parsed.error, IsEmpty());
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < connections.size(); ++i) {
        if (parsed.filter.matches(connections[i])) {
            indices.push_back(i);
        }
    }
    return indices;
}

std::vector<std::size_t> matching(const std::string& words) {
    return matching(std::vector<std::string>{words});
}

std::string error_of(const std::string& words) {
    return ConnectionFilter::parse(std::vector<std::string>{words}).error;
}

TEST(ConnectionFilter, NothingSaidIsEverything) {
    EXPECT_THAT(matching(""), ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_TRUE(ConnectionFilter{}.matches(connections[3]));
}

TEST(ConnectionFilter, States) {
    EXPECT_THAT(matching("state established"), ElementsAre(1, 2));
    EXPECT_THAT(matching("state ESTAB"), ElementsAre(1, 2));
    EXPECT_THAT(matching("state time-wait state syn-recv"), ElementsAre(3, 4));
    EXPECT_THAT(matching("state bucket"), ElementsAre(3, 4));
    EXPECT_THAT(matching("state big"), ElementsAre(0, 1, 2, 5));
    EXPECT_THAT(matching("state connected"), ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(matching("state synchronized"), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(matching("exclude listening"), ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(matching("state connected exclude time-wait"), ElementsAre(1, 2, 4, 5));
}

TEST(ConnectionFilter, Ports) {
    EXPECT_THAT(matching("sport = :80"), ElementsAre(0, 1, 3));
    EXPECT_THAT(matching("sport=:80"), ElementsAre(0, 1, 3));
    EXPECT_THAT(matching("sport eq 80"), ElementsAre(0, 1, 3));
    EXPECT_THAT(matching("sport != :80"), ElementsAre(2, 4, 5));
    EXPECT_THAT(matching("dport > 40002"), ElementsAre(3, 4));
    EXPECT_THAT(matching("dport >= 40002"), ElementsAre(2, 3, 4));
    EXPECT_THAT(matching("dport lt 9"), ElementsAre(0));
    EXPECT_THAT(matching("dport le 9"), ElementsAre(0, 5));
}

TEST(ConnectionFilter, Addresses) {
    EXPECT_THAT(matching("dst 198.18.0.1"), ElementsAre(1, 4, 5));
    EXPECT_THAT(matching("dst 198.18.0.1:40004"), ElementsAre(4));
    EXPECT_THAT(matching("dst 198.18.0.0/16"), ElementsAre(1, 3, 4, 5));
    EXPECT_THAT(matching("dst != 198.18.0.0/16"), ElementsAre(0, 2));
    EXPECT_THAT(matching("src 2001:db8::2"), ElementsAre(2));
    EXPECT_THAT(matching("src [2001:db8::2]:7"), ElementsAre(2));
    EXPECT_THAT(matching("src [2001:db8::2]:8"), IsEmpty());
    EXPECT_THAT(matching("src [2001:db8::]/32"), ElementsAre(2));
    EXPECT_THAT(matching("src :7"), ElementsAre(2, 4));
    EXPECT_THAT(matching("src *:7"), ElementsAre(2, 4));
}

TEST(ConnectionFilter, Services) {
    EXPECT_THAT(matching("service echo"), ElementsAre(2, 4));
    EXPECT_THAT(matching("not service = echo"), ElementsAre(0, 1, 3, 5));
}

TEST(ConnectionFilter, TermsAreJoined) {
    EXPECT_THAT(matching("state established sport = :80"), ElementsAre(1));
    EXPECT_THAT(matching("sport = :80 dport = :40003"), ElementsAre(3));
    EXPECT_THAT(matching("sport = :80 and dport = :40003"), ElementsAre(3));
    EXPECT_THAT(matching("sport = :7 or dport = :9"), ElementsAre(2, 4, 5));
    EXPECT_THAT(matching("sport = :80 dport = :40001 or service echo"), ElementsAre(1, 2, 4));
    EXPECT_THAT(matching("sport = :80 and (dport = :40001 or dport = :40003)"), ElementsAre(1, 3));
    EXPECT_THAT(matching("!(sport = :80 or sport = :7)"), ElementsAre(5));
    EXPECT_THAT(matching({"state", "established", "(", "sport", "=", ":7", ")"}), ElementsAre(2));
}

TEST(ConnectionFilter, SaysWhatIsWrong) {
    EXPECT_EQ(error_of("state etsablished"),
              "\"etsablished\" is not a state; did you mean \"established\"?");
    EXPECT_EQ(error_of("state"),
              "\"\" is not a state; the states are established, estab, syn-sent, syn-recv, "
              "syn-received, fin-wait-1, fin-wait-2, time-wait, closed, close-wait, last-ack, "
              "listening, listen, closing, all, connected, synchronized, bucket, big");
    EXPECT_EQ(error_of("sport = :http"), "\"sport\" needs a port number, as in: sport = :80");
    EXPECT_EQ(error_of("sport = :65536"), "\"sport\" needs a port number, as in: sport = :80");
    EXPECT_EQ(error_of("dst localhost"),
              "\"dst\" needs an address, as in: dst 198.18.0.1, dst 198.18.0.0/24 or dst "
              "[2001:db8::1]:80");
    EXPECT_EQ(error_of("dst < 198.18.0.1"),
              "\"dst\" needs an address, as in: dst 198.18.0.1, dst 198.18.0.0/24 or dst "
              "[2001:db8::1]:80");
    EXPECT_EQ(error_of("port 80"),
              "\"port\" is not known; a filter is made of state, exclude, src, dst, sport, dport, "
              "service, and, or, not, ( )");
    EXPECT_EQ(error_of("(sport = :80"), "a \")\" is missing");
    EXPECT_EQ(error_of("sport = :80)"), "\")\" is not expected here");
    EXPECT_EQ(error_of("sport = :80 and"), "the filter ends too early");
    EXPECT_EQ(error_of("service"), "\"service\" needs a name, as in: service http");
    EXPECT_EQ(error_of(std::string(100'000, '(')), "the filter is nested too deep");
    std::string nots;
    for (int i = 0; i < 10'000; ++i) {
        nots += "not ";
    }
    EXPECT_EQ(error_of(nots), "the filter is nested too deep");
}

TEST(SsName, IsThatOfSs) {
    EXPECT_EQ(ss_name(State::established), "ESTAB");
    EXPECT_EQ(ss_name(State::syn_received), "SYN-RECV");
    EXPECT_EQ(ss_name(State::time_wait), "TIME-WAIT");
    EXPECT_EQ(ss_name(State::fin_wait_2), "FIN-WAIT-2");
    EXPECT_EQ(ss_name(State::listen), "LISTEN");
    EXPECT_EQ(ss_name(State::closed), "UNCONN");
}

} // namespace
} // namespace millrace::runtime
