#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::http {

/// What a Range field asks of a representation.
struct RangeRequest {
    enum class Kind : std::uint8_t {
        whole,         ///< Send all of it: several ranges, another unit, or not a range at all.
        part,          ///< Send `length` bytes from `first` on (206).
        unsatisfiable, ///< 416.
    };

    Kind kind = Kind::whole;
    std::uint64_t first = 0;
    std::uint64_t length = 0;
};

/// Reads a Range field for a representation of `size_bytes` (RFC 9110 §14.1.2). One range only;
/// several are answered with the whole, as §14.2 allows.
[[nodiscard]] RangeRequest parse_range(std::string_view value, std::uint64_t size_bytes);

} // namespace millrace::http
