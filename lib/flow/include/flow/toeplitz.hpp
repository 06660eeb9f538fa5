#pragma once

#include "flow/four_tuple.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::flow {

/// The Toeplitz hash of RSS by its definition: the exclusive or of the 32-bit windows of the key
/// that begin where the input has a one. `key` has at least `input.size() + 4` bytes. For tests and
/// set-up; Toeplitz is the fast form.
[[nodiscard]] std::uint32_t toeplitz_by_definition(std::span<const std::uint8_t> key,
                                                   std::span<const std::uint8_t> input);

/// The same function with a table per input byte, exactly as the NIC computes it on packets that
/// are received: source (remote) first, in network order. It is linear in its input, so it says
/// only which queue a packet comes by and is no hash for a table.
class Toeplitz {
  public:
    /// RSS keys have 40 bytes, some NICs' more; only the first 40 matter to TCP and UDP.
    static constexpr std::size_t key_length_least = 40;

    explicit Toeplitz(std::span<const std::uint8_t> key);

    /// Over addresses and ports: the NIC's hash types TCP and UDP.
    template <class Addr>
    [[nodiscard]] std::uint32_t hash(const FourTuple<Addr>& received) const {
        constexpr std::size_t ports = 2 * sizeof(Addr);
        return hash(received.remote, received.local) ^ at(ports, received.remote_port >> 8) ^
               at(ports + 1, received.remote_port & 0xff) ^
               at(ports + 2, received.local_port >> 8) ^ at(ports + 3, received.local_port & 0xff);
    }

    /// Over the addresses alone: the hash type of fragments and of other protocols.
    template <class Addr>
    [[nodiscard]] std::uint32_t hash(const Addr& source, const Addr& destination) const {
        std::uint32_t result = 0;
        for (std::size_t i = 0; i < sizeof(Addr); ++i) {
            result ^= at(i, source.bytes[i]) ^ at(sizeof(Addr) + i, destination.bytes[i]);
        }
        return result;
    }

  private:
    static constexpr std::size_t input_length_most = sizeof(FourTuple6);
    using Row = std::array<std::uint32_t, 256>;

    [[nodiscard]] std::uint32_t at(std::size_t position, unsigned byte) const {
        return rows_[position][byte];
    }

    std::vector<Row> rows_; ///< What each value of each input byte contributes.
};

} // namespace millrace::flow
