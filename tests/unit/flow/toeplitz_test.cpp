#include "flow/toeplitz.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::flow {
namespace {

/// The key and the results of "Verifying the RSS Hash Calculation" in Microsoft's driver manual.
constexpr std::array<std::uint8_t, 40> published_key{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct Vector {
    std::string_view destination;
    std::uint16_t destination_port;
    std::string_view source;
    std::uint16_t source_port;
    std::uint32_t addresses_only;
    std::uint32_t with_ports;
};

constexpr Vector ipv4_vectors[] = {
    {"161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178},
    {"65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea},
    {"12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a},
    {"209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f},
    {"202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2},
};

constexpr Vector ipv6_vectors[] = {
    {"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d},
    {"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf},
    {"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985,
     0x02d1feef},
};

template <class Addr>
void check(std::span<const Vector> vectors) {
    const Toeplitz toeplitz{published_key};
    for (const Vector& vector : vectors) {
        const Addr source = Addr::from_string(vector.source).value();
        const Addr destination = Addr::from_string(vector.destination).value();
        const FourTuple<Addr> received{destination, source, vector.destination_port,
                                       vector.source_port};
        EXPECT_EQ(toeplitz.hash(source, destination), vector.addresses_only) << vector.source;
        EXPECT_EQ(toeplitz.hash(received), vector.with_ports) << vector.source;
    }
}

TEST(Toeplitz, GivesThePublishedResultsForIpv4) {
    check<wire::Ipv4Addr>(ipv4_vectors);
}
TEST(Toeplitz, GivesThePublishedResultsForIpv6) {
    check<wire::Ipv6Addr>(ipv6_vectors);
}

std::vector<std::uint8_t> random_bytes(std::mt19937& random, std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(random());
    }
    return bytes;
}

template <class Addr>
void check_against_definition(std::uint32_t seed) {
    std::mt19937 random{seed};
    for (int i = 0; i < 50; ++i) {
        const auto key = random_bytes(random, 40 + 4 * (random() % 4));
        const auto input = random_bytes(random, 2 * sizeof(Addr) + 4);
        FourTuple<Addr> received;
        std::copy_n(input.begin(), sizeof(Addr), received.remote.bytes.begin());
        std::copy_n(input.begin() + sizeof(Addr), sizeof(Addr), received.local.bytes.begin());
        const std::size_t ports = 2 * sizeof(Addr);
        received.remote_port =
            static_cast<std::uint16_t>(unsigned{input[ports]} << 8 | input[ports + 1]);
        received.local_port =
            static_cast<std::uint16_t>(unsigned{input[ports + 2]} << 8 | input[ports + 3]);
        ASSERT_EQ(Toeplitz{key}.hash(received), toeplitz_by_definition(key, input)) << i;
    }
}

TEST(Toeplitz, TableAgreesWithTheDefinition) {
    check_against_definition<wire::Ipv4Addr>(1);
    check_against_definition<wire::Ipv6Addr>(2);
}

/// Why it is no hash for the connection table: with *any* key, four inputs that cancel out have
/// hashes that cancel out.
TEST(Toeplitz, IsLinear) {
    std::mt19937 random{3};
    for (int i = 0; i < 20; ++i) {
        const auto key = random_bytes(random, 40);
        const auto of = [&](std::uint8_t host, std::uint16_t port) {
            const FourTuple4 received{{198, 18, 0, 1}, {198, 18, 1, host}, 80, port};
            return Toeplitz{key}.hash(received);
        };
        EXPECT_EQ(of(7, 1000) ^ of(9, 1000) ^ of(7, 2000) ^ of(9, 2000), 0u);
    }
}

} // namespace
} // namespace millrace::flow
