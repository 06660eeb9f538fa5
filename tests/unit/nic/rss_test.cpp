#include "flow/toeplitz.hpp"
#include "nic_environment.hpp"

#include <rte_thash.h>

#include <random>

namespace millrace::nic {
namespace {

constexpr std::uint32_t seed = 20'240'614;

std::uint32_t number(const std::uint8_t* bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | bytes[3];
}

/// As DPDK has it: source, destination, both ports, in the machine's order.
template <class Addr>
std::uint32_t hash_of_dpdk(const flow::FourTuple<Addr>& received, const RssKey& key) {
    std::array<std::uint32_t, 2 * sizeof(Addr) / 4 + 1> input{};
    std::size_t next = 0;
    for (const Addr& address : {received.remote, received.local}) {
        for (std::size_t i = 0; i < sizeof(Addr); i += 4) {
            input[next++] = number(&address.bytes[i]);
        }
    }
    input[next++] = std::uint32_t{received.remote_port} << 16 | received.local_port;
    return rte_softrss(input.data(), static_cast<std::uint32_t>(next), key.data());
}

template <class Addr>
class RssHash : public testing::Test {};

using Families = testing::Types<wire::Ipv4Addr, wire::Ipv6Addr>;
TYPED_TEST_SUITE(RssHash, Families);

TYPED_TEST(RssHash, IsTheStacksToeplitz) {
    std::mt19937 random{seed};
    const auto byte = [&random] { return static_cast<std::uint8_t>(random()); };
    for (int round = 0; round < 1'000; ++round) {
        RssKey key;
        std::ranges::generate(key, byte);
        flow::FourTuple<TypeParam> received;
        std::ranges::generate(received.local.bytes, byte);
        std::ranges::generate(received.remote.bytes, byte);
        received.local_port = static_cast<std::uint16_t>(random());
        received.remote_port = static_cast<std::uint16_t>(random());
        ASSERT_EQ(flow::Toeplitz{key}.hash(received), hash_of_dpdk(received, key))
            << "seed " << seed << ", round " << round;
    }
}

} // namespace
} // namespace millrace::nic
