#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

/// A 128-bit secret, drawn at boot.
using SipKey = std::array<std::uint64_t, 2>;

/// SipHash-2-4 of `bytes`: a keyed hash whose outputs tell nothing of the key, for sequence
/// numbers, timestamp offsets and cookies.
[[nodiscard]] std::uint64_t siphash(const SipKey& key, std::span<const std::byte> bytes);

} // namespace millrace
