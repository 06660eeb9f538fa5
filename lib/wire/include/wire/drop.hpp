#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::wire {

/// Why a packet was dropped; `none` when it was not. The reasons are listed in wire/drop.def.
enum class [[nodiscard]] Drop : std::uint8_t{
    none = 0,
#define MILLRACE_DROP(name, text) name,
#include "wire/drop.def"
#undef MILLRACE_DROP
};

/// How many values `Drop` has, `none` among them: the size of an array of counters.
inline constexpr std::size_t drop_count = 1
#define MILLRACE_DROP(name, text) +1
#include "wire/drop.def"
#undef MILLRACE_DROP
    ;

static_assert(drop_count <= 256, "a Drop is one byte");

/// The reason's name as it stands in drop.def: for counters and metrics.
[[nodiscard]] std::string_view name(Drop drop);

/// The reason in words, for people.
[[nodiscard]] std::string_view text(Drop drop);

} // namespace millrace::wire
