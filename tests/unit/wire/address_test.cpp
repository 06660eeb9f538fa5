#include "wire/address.hpp"

#include <gtest/gtest.h>

namespace millrace::wire {
namespace {

Ipv4Addr ipv4(const char* text) {
    const auto address = Ipv4Addr::from_string(text);
    EXPECT_TRUE(address.has_value()) << text;
    return address.value_or(Ipv4Addr{});
}

Ipv6Addr ipv6(const char* text) {
    const auto address = Ipv6Addr::from_string(text);
    EXPECT_TRUE(address.has_value()) << text;
    return address.value_or(Ipv6Addr{});
}

constexpr MacAddr mac{{0x02, 0x00, 0x5e, 0x10, 0xab, 0xcd}};

TEST(MacAddr, TextBothWays) {
    EXPECT_EQ(mac.to_string(), "02:00:5e:10:ab:cd");
    EXPECT_EQ(MacAddr::from_string("02:00:5E:10:ab:cd"), mac);
}

TEST(MacAddr, RefusesEverythingElse) {
    for (const char* text : {"", "02:00:5e:10:ab", "02:00:5e:10:ab:cd:", "02-00-5e-10-ab-cd",
                             "02:00:5e:10:ab:cg", "2:0:5e:10:ab:cd:0", "02:00:5e:10:ab: 1",
                             "02:00:5e:10:ab:-1", "02:00:5e:10:ab:+1", "02:00:5e:10:ab:0x"}) {
        EXPECT_EQ(MacAddr::from_string(text), std::nullopt) << text;
    }
}

TEST(MacAddr, Kinds) {
    EXPECT_TRUE(MacAddr::broadcast.is_broadcast());
    EXPECT_TRUE(MacAddr::broadcast.is_multicast());
    EXPECT_FALSE(mac.is_multicast());
    EXPECT_FALSE(mac.is_unspecified());
    EXPECT_TRUE(MacAddr{}.is_unspecified());
    EXPECT_TRUE((MacAddr{{0x33, 0x33, 0, 0, 0, 1}}).is_multicast());
    EXPECT_FALSE((MacAddr{{0x33, 0x33, 0, 0, 0, 1}}).is_broadcast());
}

TEST(Ipv4Addr, TextBothWays) {
    constexpr Ipv4Addr address{198, 18, 0, 255};
    EXPECT_EQ(address.to_string(), "198.18.0.255");
    EXPECT_EQ(Ipv4Addr::from_string("198.18.0.255"), address);
    EXPECT_EQ(Ipv4Addr::from_value(0xc61200ff), address);
    EXPECT_EQ(address.value(), 0xc61200ffU);
}

TEST(Ipv4Addr, RefusesEverythingElse) {
    using namespace std::string_view_literals;
    for (const auto text : {""sv, "198.18.0"sv, "198.18.0.256"sv, "198.18.0.1.1"sv, "198.18.0.01"sv,
                            " 198.18.0.1"sv, "198.18.0.1 "sv, "198.18.0.1\0"sv, "0xc6.1.1.1"sv,
                            "198.18.00000000000000000000000000000000000000000000000.1"sv}) {
        EXPECT_EQ(Ipv4Addr::from_string(text), std::nullopt) << text;
    }
}

TEST(Ipv4Addr, Kinds) {
    EXPECT_TRUE(ipv4("0.0.0.0").is_unspecified());
    EXPECT_TRUE(ipv4("0.1.2.3").is_this_network());
    EXPECT_TRUE(ipv4("127.255.0.1").is_loopback());
    EXPECT_FALSE(ipv4("128.0.0.1").is_loopback());
    EXPECT_TRUE(ipv4("169.254.1.1").is_link_local());
    EXPECT_FALSE(ipv4("169.255.1.1").is_link_local());
    EXPECT_FALSE(ipv4("223.255.255.255").is_multicast());
    EXPECT_TRUE(ipv4("224.0.0.1").is_multicast());
    EXPECT_TRUE(ipv4("239.255.255.255").is_multicast());
    EXPECT_FALSE(ipv4("240.0.0.0").is_multicast());
    EXPECT_TRUE(ipv4("240.0.0.0").is_reserved());
    EXPECT_TRUE(ipv4("255.255.255.255").is_broadcast());
    EXPECT_FALSE(ipv4("255.255.255.254").is_broadcast());
    EXPECT_EQ(Ipv4Addr::broadcast, ipv4("255.255.255.255"));
}

TEST(Ipv6Addr, TextBothWays) {
    // RFC 5952 §4: lower case, no leading zeros, the first longest run of zeros shortened, never
    // one.
    for (const char* text : {"::", "::1", "2001:db8::1", "fe80::ff:fe00:a", "2001:db8:0:1:1:1:1:1",
                             "2001:0:0:1::1", "ff02::1:ff00:2", "::ffff:198.18.0.1"}) {
        EXPECT_EQ(ipv6(text).to_string(), text);
    }
    EXPECT_EQ(ipv6("2001:DB8:0000:0:0:0:0:0001").to_string(), "2001:db8::1");
    EXPECT_EQ(ipv6("2001:db8::a0b").bytes[14], 0x0a);
}

TEST(Ipv6Addr, NumberBothWays) {
    const Ipv6Addr address = ipv6("2001:db8::ff:ffff:ffff:ffff");
    EXPECT_TRUE(address.value() == (Uint128{0x2001'0db8'0000'0000} << 64 | 0x00ff'ffff'ffff'ffff));
    EXPECT_EQ(Ipv6Addr::from_value(address.value()), address);
    EXPECT_EQ(Ipv6Addr::from_value(address.value() + 1), ipv6("2001:db8::100:0:0:0"));
}

TEST(Ipv6Addr, RefusesEverythingElse) {
    for (const char* text : {"", ":", ":::", "2001:db8", "2001:db8::1::", "fe80::1%eth0", "::g",
                             "1:2:3:4:5:6:7:8:9", "12345::", "198.18.0.1", "::1 "}) {
        EXPECT_EQ(Ipv6Addr::from_string(text), std::nullopt) << text;
    }
}

TEST(Ipv6Addr, Kinds) {
    EXPECT_TRUE(ipv6("::").is_unspecified());
    EXPECT_TRUE(ipv6("::1").is_loopback());
    EXPECT_EQ(ipv6("::1"), Ipv6Addr::loopback);
    EXPECT_FALSE(ipv6("::2").is_loopback());
    EXPECT_TRUE(ipv6("ff02::1").is_multicast());
    EXPECT_EQ(ipv6("ff02::1"), Ipv6Addr::all_nodes);
    EXPECT_EQ(ipv6("ff02::2"), Ipv6Addr::all_routers);
    EXPECT_TRUE(ipv6("fe80::1").is_link_local());
    EXPECT_TRUE(ipv6("febf::1").is_link_local());
    EXPECT_FALSE(ipv6("fec0::1").is_link_local());
    EXPECT_FALSE(ipv6("2001:db8::1").is_link_local());
    EXPECT_TRUE(ipv6("::ffff:1.2.3.4").is_ipv4_mapped());
    EXPECT_FALSE(ipv6("::fffe:1.2.3.4").is_ipv4_mapped());
    EXPECT_FALSE(ipv6("1::ffff:1.2.3.4").is_ipv4_mapped());
}

TEST(Ipv6Addr, SolicitedNodeGroup) {
    // The example of RFC 4291 §2.7.1.
    const Ipv6Addr group = ipv6("4037::1:800:200e:8c6c").solicited_node();
    EXPECT_EQ(group.to_string(), "ff02::1:ff0e:8c6c");
    EXPECT_TRUE(group.is_solicited_node());
    EXPECT_FALSE(ipv6("ff02::1").is_solicited_node());
    EXPECT_FALSE(ipv6("ff05::1:ff0e:8c6c").is_solicited_node());
    EXPECT_EQ(group.ending(), 0x0e8c6cU);
    EXPECT_EQ(Ipv6Addr::from_value(group.ending()).solicited_node(), group);
}

TEST(Address, TheOrderIsThatOfTheNumbers) {
    EXPECT_LT(ipv4("9.255.255.255"), ipv4("10.0.0.0"));
    EXPECT_LT(ipv4("127.0.0.1"), ipv4("128.0.0.0"));
    EXPECT_LT(ipv6("2001:db8::ffff"), ipv6("2001:db8::1:0"));
    EXPECT_LT(ipv6("2001:db8:0:0:ffff::"), ipv6("2001:db8:0:1::"));
    EXPECT_LT(ipv6("7fff::"), ipv6("8000::"));
}

TEST(Ipv6Addr, LinkLocalFromMac) {
    // The example of RFC 4291 appendix A: 34-56-78-9A-BC-DE, its universal bit turned over.
    EXPECT_EQ(Ipv6Addr::link_local_from({{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}}).to_string(),
              "fe80::3656:78ff:fe9a:bcde");
    EXPECT_EQ(Ipv6Addr::link_local_from({{2, 0, 0, 0, 0, 0x0a}}), ipv6("fe80::ff:fe00:a"));
}

TEST(MulticastMac, DropsTheHighBits) {
    EXPECT_EQ(multicast_mac(ipv4("224.0.0.1")).to_string(), "01:00:5e:00:00:01");
    EXPECT_EQ(multicast_mac(ipv4("239.255.1.2")).to_string(), "01:00:5e:7f:01:02");
    EXPECT_EQ(multicast_mac(ipv6("ff02::1:ff0e:8c6c")).to_string(), "33:33:ff:0e:8c:6c");
}

TEST(Prefix, ContainsExactlyItsNetwork) {
    const Prefix<Ipv4Addr> subnet{ipv4("198.18.64.9"), 20};
    EXPECT_TRUE(subnet.contains(ipv4("198.18.64.0")));
    EXPECT_TRUE(subnet.contains(ipv4("198.18.79.255")));
    EXPECT_FALSE(subnet.contains(ipv4("198.18.80.0")));
    EXPECT_FALSE(subnet.contains(ipv4("198.18.63.255")));
    EXPECT_FALSE(subnet.contains(ipv4("199.18.64.9")));
}

TEST(Prefix, EveryLengthAgreesWithItsBits) {
    for (std::uint8_t length = 0; length <= 32; ++length) {
        const Prefix<Ipv4Addr> prefix{ipv4("198.18.1.2"), length};
        for (unsigned bit = 0; bit < 32; ++bit) {
            const auto other = Ipv4Addr::from_value(prefix.address.value() ^ 0x8000'0000U >> bit);
            EXPECT_EQ(prefix.contains(other), bit >= length) << unsigned{length} << ' ' << bit;
        }
        EXPECT_TRUE(prefix.contains(prefix.address));
    }
    for (std::uint8_t length = 0; length <= 128; ++length) {
        const Prefix<Ipv6Addr> prefix{ipv6("2001:db8:1:2:3:4:5:6"), length};
        for (unsigned bit = 0; bit < 128; ++bit) {
            Ipv6Addr other = prefix.address;
            other.bytes[bit / 8] =
                static_cast<std::uint8_t>(other.bytes[bit / 8] ^ 0x80U >> bit % 8);
            EXPECT_EQ(prefix.contains(other), bit >= length) << unsigned{length} << ' ' << bit;
        }
    }
}

TEST(Prefix, LastAddressAndBroadcast) {
    EXPECT_EQ((Prefix<Ipv4Addr>{ipv4("198.18.64.9"), 20}.last()), ipv4("198.18.79.255"));
    EXPECT_EQ((Prefix<Ipv4Addr>{ipv4("198.18.64.9"), 32}.last()), ipv4("198.18.64.9"));
    EXPECT_EQ((Prefix<Ipv4Addr>{ipv4("198.18.64.9"), 0}.last()), Ipv4Addr::broadcast);
    EXPECT_EQ((Prefix<Ipv6Addr>{ipv6("2001:db8::1"), 65}.last()),
              ipv6("2001:db8::7fff:ffff:ffff:ffff"));
    EXPECT_TRUE(is_directed_broadcast({ipv4("198.18.0.1"), 24}, ipv4("198.18.0.255")));
    EXPECT_FALSE(is_directed_broadcast({ipv4("198.18.0.1"), 24}, ipv4("198.18.1.255")));
    EXPECT_FALSE(is_directed_broadcast({ipv4("198.18.0.0"), 31}, ipv4("198.18.0.1")));
}

TEST(Prefix, TextBothWays) {
    const auto prefix = Prefix<Ipv6Addr>::from_string("2001:db8::1/64");
    ASSERT_TRUE(prefix.has_value());
    EXPECT_EQ(prefix->length, 64);
    EXPECT_EQ(prefix->to_string(), "2001:db8::1/64");
    EXPECT_EQ(Prefix<Ipv4Addr>::from_string("198.18.0.1/32")->to_string(), "198.18.0.1/32");
    for (const char* text : {"198.18.0.1", "198.18.0.1/", "198.18.0.1/33", "198.18.0.1/-1", "/24",
                             "198.18.0.1/2 ", "198.18.0.1/24/24", "198.18.0.1/256"}) {
        EXPECT_EQ(Prefix<Ipv4Addr>::from_string(text), std::nullopt) << text;
    }
}

} // namespace
} // namespace millrace::wire
