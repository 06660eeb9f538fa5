#pragma once

#include "base/counters.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::tcp {

enum class Counter : std::uint8_t {
#define MILLRACE_TCP_COUNTER(name, text) name,
#include "tcp/counters.def"
#undef MILLRACE_TCP_COUNTER
};

inline constexpr std::array counter_names{
#define MILLRACE_TCP_COUNTER(name, text) std::string_view{#name},
#include "tcp/counters.def"
#undef MILLRACE_TCP_COUNTER
};

inline constexpr std::array counter_texts{
#define MILLRACE_TCP_COUNTER(name, text) std::string_view{text},
#include "tcp/counters.def"
#undef MILLRACE_TCP_COUNTER
};

/// One worker's counters: written by that worker, read by anyone.
using Counters = millrace::Counters<Counter, counter_names.size()>;

} // namespace millrace::tcp
