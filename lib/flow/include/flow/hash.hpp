#pragma once

#include "base/siphash.hpp"
#include "flow/four_tuple.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::flow {

/// The secret of a connection hash: 128 bits drawn at boot, expanded once.
class HashKey {
  public:
    explicit HashKey(const SipKey& secret);

    [[nodiscard]] std::uint64_t operator[](std::size_t word) const { return words_[word]; }

  private:
    std::array<std::uint64_t, 8> words_;
};

namespace detail {

/// Both halves of the product of two words, folded into one.
[[nodiscard]] inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const wire::Uint128 product = wire::Uint128{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

template <class Word, class Object>
[[nodiscard]] Word load(const Object& object, std::size_t offset) {
    Word word;
    std::memcpy(&word, reinterpret_cast<const std::byte*>(&object) + offset, sizeof word);
    return word;
}

} // namespace detail

/// A keyed hash of a connection's name that someone who does not know the key cannot make collide:
/// unlike RSS's, it is not linear. It is made for tables, not for secrets that go out on the wire;
/// for those there is siphash(). docs/decisions/0001-connection-hash.md says why this one.
///
/// All 64 bits are good. Table uses bits 0 to 7 and 32 to 63, spread() bits 8 to 31.
[[nodiscard]] inline std::uint64_t hash(const HashKey& key, const FourTuple4& tuple) {
    const std::uint64_t addresses = detail::load<std::uint64_t>(tuple, 0);
    const std::uint32_t ports = detail::load<std::uint32_t>(tuple, 8);
    const std::uint64_t mixed = detail::fold(addresses ^ key[0], ports ^ key[1]);
    return detail::fold(mixed ^ key[2], key[3]);
}

[[nodiscard]] inline std::uint64_t hash(const HashKey& key, const FourTuple6& tuple) {
    const auto word = [&](std::size_t i) { return detail::load<std::uint64_t>(tuple, 8 * i); };
    const std::uint64_t local = detail::fold(word(0) ^ key[4], word(1) ^ key[5]);
    const std::uint64_t remote = detail::fold(word(2) ^ key[6], word(3) ^ key[7]);
    const std::uint32_t ports = detail::load<std::uint32_t>(tuple, 32);
    const std::uint64_t mixed = detail::fold(local ^ remote ^ key[0], ports ^ key[1]);
    return detail::fold(mixed ^ key[2], key[3]);
}

/// One of `count` (at least 1) numbers from 0, each for an equal part of all hashes.
[[nodiscard]] inline std::uint16_t spread(std::uint64_t hash, std::uint16_t count) {
    const std::uint32_t bits = static_cast<std::uint32_t>(hash) >> 8;
    return static_cast<std::uint16_t>(std::uint64_t{bits} * count >> 24);
}

} // namespace millrace::flow
