#pragma once

#include <bit>
#include <concepts>
#include <cstring>

namespace millrace {

/// An unsigned integer as it stands on the wire: most significant byte first, aligned to one byte,
/// so that structs of them are laid out exactly as the RFC's diagrams.
template <std::unsigned_integral T>
class BigEndian {
  public:
    BigEndian() = default;
    constexpr BigEndian(T value) : bytes_{std::bit_cast<Bytes>(swapped(value))} {}

    constexpr operator T() const { return swapped(std::bit_cast<T>(bytes_)); }

  private:
    struct Bytes {
        unsigned char byte[sizeof(T)];
    };

    static constexpr T swapped(T value) {
        if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
            return value;
        } else if constexpr (sizeof(T) == 2) {
            return __builtin_bswap16(value);
        } else if constexpr (sizeof(T) == 4) {
            return __builtin_bswap32(value);
        } else {
            static_assert(sizeof(T) == 8);
            return __builtin_bswap64(value);
        }
    }

    Bytes bytes_;
};

static_assert(sizeof(BigEndian<unsigned>) == 4 && alignof(BigEndian<unsigned>) == 1);

} // namespace millrace
