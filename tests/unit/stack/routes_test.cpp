// A1, A2 and E5: where packets go, and from whom and for whom they may come.

#include "stack/routes.hpp"

#include "stack/admission.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>

namespace millrace::wire {
inline void PrintTo(Drop drop, std::ostream* out) {
    *out << name(drop);
}
} // namespace millrace::wire

namespace millrace::stack {
namespace {

using wire::Drop;
using wire::Ipv4Addr;
using wire::Ipv6Addr;
using wire::MacAddr;

Ipv6Addr ip6(std::string_view text) {
    return Ipv6Addr::from_string(text).value();
}

Interface usual() {
    Interface interface;
    interface.mac = {{2, 0, 0, 0, 0, 1}};
    interface.ipv4 = {{{198, 18, 0, 1}, 24}, {{198, 18, 1, 1}, 30}};
    interface.ipv6 = {{ip6("2001:db8::1"), 64}, {ip6("2001:db8:0:1::1"), 64}};
    interface.add_link_local();
    return interface;
}

TEST(Interface, link_local_address_is_added_once) {
    Interface interface = usual();
    ASSERT_EQ(interface.ipv6.size(), 3U);
    EXPECT_EQ(interface.ipv6.back().address, ip6("fe80::ff:fe00:1"));
    interface.add_link_local();
    EXPECT_EQ(interface.ipv6.size(), 3U);
}

TEST(Interface, knows_its_own_addresses_and_segment_size) {
    Interface interface = usual();
    EXPECT_TRUE(interface.owns(Ipv4Addr{198, 18, 1, 1}));
    EXPECT_FALSE(interface.owns(Ipv4Addr{198, 18, 0, 2}));
    EXPECT_TRUE(interface.owns(ip6("2001:db8:0:1::1")));
    EXPECT_FALSE(interface.owns(ip6("2001:db8::2")));
    EXPECT_EQ(mss_of<Ipv4Addr>(interface.mtu), 1460);
    EXPECT_EQ(mss_of<Ipv6Addr>(interface.mtu), 1440);
    interface.mtu = 9000;
    EXPECT_EQ(mss_of<Ipv4Addr>(interface.mtu), 8960);
}

// Next hop

TEST(Routes, neighbour_is_its_own_next_hop) {
    const Interface interface = usual();
    for (const Ipv4Addr address : {Ipv4Addr{198, 18, 0, 2}, Ipv4Addr{198, 18, 1, 2}}) {
        EXPECT_EQ(next_hop(interface, address), address);
        EXPECT_TRUE(is_on_link(interface, address));
    }
    for (const char* text : {"2001:db8::2", "2001:db8:0:1:ffff::", "fe80::5", "febf::1"}) {
        EXPECT_EQ(next_hop(interface, ip6(text)), ip6(text)) << text;
    }
}

// A1.routes
TEST(Routes, others_go_by_the_gateway_or_nowhere) {
    Interface interface = usual();
    const Ipv4Addr far{203, 0, 113, 1};
    EXPECT_EQ(next_hop(interface, far), std::nullopt);
    EXPECT_EQ(next_hop(interface, ip6("2001:db8:1::1")), std::nullopt);
    interface.gateway4 = Ipv4Addr{198, 18, 0, 254};
    interface.gateway6 = ip6("fe80::1");
    EXPECT_EQ(next_hop(interface, far), interface.gateway4);
    EXPECT_EQ(next_hop(interface, Ipv4Addr{198, 18, 1, 4}), interface.gateway4)
        << "just outside the small subnet";
    EXPECT_EQ(next_hop(interface, ip6("2001:db8:1::1")), interface.gateway6);
}

TEST(Routes, learnt_router_serves_where_no_gateway_is_configured) {
    Interface interface = usual();
    const std::optional learnt = ip6("fe80::9");
    EXPECT_EQ(next_hop(interface, ip6("2001:db8:1::1"), learnt), learnt);
    interface.gateway6 = ip6("fe80::1");
    EXPECT_EQ(next_hop(interface, ip6("2001:db8:1::1"), learnt), interface.gateway6);
}

TEST(Routes, gateway_outside_our_subnets_is_on_the_link) {
    Interface interface = usual();
    interface.gateway4 = Ipv4Addr{203, 0, 113, 254};
    EXPECT_TRUE(is_on_link(interface, *interface.gateway4));
    EXPECT_EQ(next_hop(interface, *interface.gateway4), interface.gateway4);
}

TEST(Routes, what_is_no_other_host_has_no_next_hop) {
    Interface interface = usual();
    interface.gateway4 = Ipv4Addr{198, 18, 0, 254};
    interface.gateway6 = ip6("fe80::1");
    for (const Ipv4Addr address :
         {Ipv4Addr{}, Ipv4Addr::broadcast, Ipv4Addr{198, 18, 0, 255}, Ipv4Addr{224, 0, 0, 1},
          Ipv4Addr{127, 0, 0, 1}, Ipv4Addr{198, 18, 0, 1}}) {
        EXPECT_EQ(next_hop(interface, address), std::nullopt) << address.to_string();
    }
    for (const char* text : {"::", "::1", "ff02::1", "2001:db8::1"}) {
        EXPECT_EQ(next_hop(interface, ip6(text)), std::nullopt) << text;
    }
}

// Source address

TEST(Routes, source_is_the_address_in_the_destinations_subnet) {
    const Interface interface = usual();
    EXPECT_EQ(source_for(interface, Ipv4Addr{198, 18, 0, 2}), (Ipv4Addr{198, 18, 0, 1}));
    EXPECT_EQ(source_for(interface, Ipv4Addr{198, 18, 1, 2}), (Ipv4Addr{198, 18, 1, 1}));
    EXPECT_EQ(source_for(interface, ip6("2001:db8:0:1::5")), ip6("2001:db8:0:1::1"));
}

// A1.routes
TEST(Routes, longest_subnet_gives_the_source) {
    Interface interface = usual();
    interface.ipv4 = {{{198, 18, 0, 1}, 16}, {{198, 18, 5, 1}, 24}};
    EXPECT_EQ(source_for(interface, Ipv4Addr{198, 18, 5, 9}), (Ipv4Addr{198, 18, 5, 1}));
    EXPECT_EQ(source_for(interface, Ipv4Addr{198, 18, 6, 9}), (Ipv4Addr{198, 18, 0, 1}));
}

TEST(Routes, source_for_afar_is_the_one_beside_the_gateway) {
    Interface interface = usual();
    const Ipv4Addr far{203, 0, 113, 1};
    EXPECT_EQ(source_for(interface, far), (Ipv4Addr{198, 18, 0, 1}));
    interface.gateway4 = Ipv4Addr{198, 18, 1, 2};
    EXPECT_EQ(source_for(interface, far), (Ipv4Addr{198, 18, 1, 1}));
    interface.gateway6 = ip6("2001:db8:0:1::2");
    EXPECT_EQ(source_for(interface, ip6("2001:db8:9::1")), ip6("2001:db8:0:1::1"));
    interface.gateway6 = ip6("fe80::2");
    EXPECT_EQ(source_for(interface, ip6("2001:db8:9::1")), ip6("2001:db8::1"));
}

TEST(Routes, scopes_do_not_mix) {
    Interface interface = usual();
    const Ipv6Addr link_local = ip6("fe80::ff:fe00:1");
    for (const char* text : {"fe80::9", "ff02::2", "ff02::1:ff00:1"}) {
        EXPECT_EQ(source_for(interface, ip6(text)), link_local) << text;
    }
    interface.ipv6 = {{link_local, 64}};
    EXPECT_EQ(source_for(interface, ip6("2001:db8:9::1")), std::nullopt);
}

TEST(Routes, no_addresses_no_source) {
    const Interface interface;
    EXPECT_EQ(source_for(interface, Ipv4Addr{198, 18, 0, 2}), std::nullopt);
    EXPECT_EQ(source_for(interface, ip6("2001:db8::2")), std::nullopt);
}

// Admission

Drop admitted(const Ipv4Addr& source, const Ipv4Addr& destination, std::uint8_t protocol) {
    wire::Ipv4Packet packet;
    packet.source = source;
    packet.destination = destination;
    packet.protocol = protocol;
    return admit(usual(), packet);
}

Drop admitted(std::string_view source, std::string_view destination, std::uint8_t protocol) {
    wire::Ipv6Packet packet;
    packet.source = ip6(source);
    packet.destination = ip6(destination);
    packet.protocol = protocol;
    return admit(usual(), packet);
}

constexpr std::uint8_t tcp = wire::ip_protocol::tcp;
constexpr std::uint8_t udp = wire::ip_protocol::udp;
constexpr std::uint8_t icmpv6 = wire::ip_protocol::icmpv6;

TEST(Admission, packets_for_us_come_in) {
    EXPECT_EQ(admitted({203, 0, 113, 1}, {198, 18, 0, 1}, tcp), Drop::none);
    EXPECT_EQ(admitted({198, 18, 0, 2}, {198, 18, 1, 1}, udp), Drop::none);
    EXPECT_EQ(admitted("2001:db8:9::1", "2001:db8::1", tcp), Drop::none);
    EXPECT_EQ(admitted("fe80::2", "fe80::ff:fe00:1", tcp), Drop::none);
}

TEST(Admission, packets_for_others_do_not) {
    EXPECT_EQ(admitted({198, 18, 0, 2}, {198, 18, 0, 3}, tcp), Drop::ip_not_our_address);
    EXPECT_EQ(admitted("2001:db8::2", "2001:db8::3", tcp), Drop::ip_not_our_address);
}

// A2.martians
TEST(Admission, martian_sources) {
    const Ipv4Addr us{198, 18, 0, 1};
    for (const Ipv4Addr source :
         {Ipv4Addr{}, Ipv4Addr{0, 1, 2, 3}, Ipv4Addr{127, 0, 0, 1}, Ipv4Addr{224, 0, 0, 1},
          Ipv4Addr{240, 0, 0, 1}, Ipv4Addr::broadcast, Ipv4Addr{198, 18, 0, 255},
          Ipv4Addr{198, 18, 1, 3}}) {
        EXPECT_EQ(admitted(source, us, tcp), Drop::ip_martian_source) << source.to_string();
    }
    for (const char* source : {"::", "::1", "ff02::1", "::ffff:198.18.0.2"}) {
        EXPECT_EQ(admitted(source, "2001:db8::1", tcp), Drop::ip_martian_source) << source;
    }
    EXPECT_EQ(admitted("::", "ff02::1:ff00:1", icmpv6), Drop::none) << "a probe for duplicates";
}

// A2.martians
// E5.land
TEST(Admission, own_sources) {
    EXPECT_EQ(admitted({198, 18, 0, 1}, {198, 18, 0, 1}, tcp), Drop::ip_own_source);
    EXPECT_EQ(admitted({198, 18, 1, 1}, {198, 18, 0, 1}, udp), Drop::ip_own_source);
    EXPECT_EQ(admitted("2001:db8::1", "2001:db8::1", tcp), Drop::ip_own_source);
}

TEST(Admission, martian_destinations) {
    EXPECT_EQ(admitted({198, 18, 0, 2}, {127, 0, 0, 1}, tcp), Drop::ip_martian_destination);
    EXPECT_EQ(admitted("2001:db8::2", "::1", tcp), Drop::ip_martian_destination);
    EXPECT_EQ(admitted("2001:db8::2", "ff01::1", udp), Drop::ip_martian_destination);
}

// A2.group_destination
TEST(Admission, broadcast_and_groups_are_not_for_tcp) {
    for (const Ipv4Addr to : {Ipv4Addr::broadcast, Ipv4Addr{198, 18, 0, 255},
                              Ipv4Addr{198, 18, 1, 3}, Ipv4Addr{224, 0, 0, 1}}) {
        EXPECT_EQ(admitted({198, 18, 0, 2}, to, tcp), Drop::tcp_not_unicast) << to.to_string();
        EXPECT_EQ(admitted({198, 18, 0, 2}, to, udp), Drop::none) << to.to_string();
    }
    for (const char* to : {"ff02::1", "ff02::1:ff00:1"}) {
        EXPECT_EQ(admitted("2001:db8::2", to, tcp), Drop::tcp_not_unicast) << to;
        EXPECT_EQ(admitted("2001:db8::2", to, udp), Drop::none) << to;
    }
}

TEST(Admission, groups_of_others_are_not_ours) {
    EXPECT_EQ(admitted({198, 18, 0, 2}, {224, 0, 0, 251}, udp), Drop::ip_not_our_address);
    EXPECT_EQ(admitted("2001:db8::2", "ff02::1:ff00:2", icmpv6), Drop::ip_not_our_address);
    EXPECT_EQ(admitted("2001:db8::2", "ff02::fb", udp), Drop::ip_not_our_address);
}

// A1.ethernet
TEST(Admission, frames_for_us) {
    const Interface interface = usual();
    const auto check = [&](const MacAddr& to) { return check_frame_destination(interface, to); };
    EXPECT_EQ(check(interface.mac), Drop::none);
    EXPECT_EQ(check(MacAddr::broadcast), Drop::none);
    EXPECT_EQ(check({{0x33, 0x33, 0, 0, 0, 1}}), Drop::none);
    EXPECT_EQ(check({{0x33, 0x33, 0xff, 0, 0, 1}}), Drop::none);
    EXPECT_EQ(check({{0x01, 0x00, 0x5e, 0, 0, 1}}), Drop::none);
    EXPECT_EQ(check({{0x33, 0x33, 0xff, 0, 0, 2}}), Drop::frame_not_for_us);
    EXPECT_EQ(check({{0x01, 0x80, 0xc2, 0, 0, 0}}), Drop::frame_not_for_us);
    EXPECT_EQ(check({{2, 0, 0, 0, 0, 2}}), Drop::frame_not_for_us);
}

TEST(Admission, packet_for_one_host_does_not_come_in_a_frame_for_many) {
    wire::Ipv4Packet packet;
    packet.destination = {198, 18, 0, 1};
    EXPECT_EQ(check_cast(usual(), MacAddr::broadcast, packet), Drop::frame_not_for_us);
    EXPECT_EQ(check_cast(usual(), usual().mac, packet), Drop::none);
    packet.destination = Ipv4Addr::broadcast;
    EXPECT_EQ(check_cast(usual(), MacAddr::broadcast, packet), Drop::none);
}

} // namespace
} // namespace millrace::stack
