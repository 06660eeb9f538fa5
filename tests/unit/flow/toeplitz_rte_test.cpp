#include "flow/toeplitz.hpp"

#include <gtest/gtest.h>

#include <rte_thash.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <random>

namespace millrace::flow {
namespace {

/// rte_softrss takes the input as 32-bit words in the machine's order: addresses and ports as
/// numbers.
template <class Addr>
std::uint32_t by_dpdk(const FourTuple<Addr>& received, const std::uint8_t* key, bool with_ports) {
    constexpr std::size_t address_words = sizeof(Addr) / 4;
    std::array<std::uint32_t, 2 * address_words + 1> words{};
    std::memcpy(&words[0], &received.remote, sizeof(Addr));
    std::memcpy(&words[address_words], &received.local, sizeof(Addr));
    for (std::size_t i = 0; i < 2 * address_words; ++i) {
        words[i] = __builtin_bswap32(words[i]);
    }
    words[2 * address_words] =
        std::uint32_t{received.remote_port} << 16 | std::uint32_t{received.local_port};
    return rte_softrss(words.data(),
                       static_cast<std::uint32_t>(words.size() - (with_ports ? 0 : 1)), key);
}

template <class Addr>
void compare(std::uint32_t seed) {
    std::mt19937 random{seed};
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    for (int i = 0; i < 200; ++i) {
        std::array<std::uint8_t, 40> key;
        for (auto& one : key) {
            one = byte();
        }
        FourTuple<Addr> received;
        for (std::size_t j = 0; j < sizeof(Addr); ++j) {
            received.local.bytes[j] = byte();
            received.remote.bytes[j] = byte();
        }
        received.local_port = static_cast<std::uint16_t>(random());
        received.remote_port = static_cast<std::uint16_t>(random());
        const Toeplitz ours{key};
        ASSERT_EQ(ours.hash(received), by_dpdk(received, key.data(), true)) << i;
        ASSERT_EQ(ours.hash(received.remote, received.local), by_dpdk(received, key.data(), false))
            << i;
    }
}

TEST(Toeplitz, AgreesWithDpdkForIpv4) {
    compare<wire::Ipv4Addr>(1);
}
TEST(Toeplitz, AgreesWithDpdkForIpv6) {
    compare<wire::Ipv6Addr>(2);
}

} // namespace
} // namespace millrace::flow
