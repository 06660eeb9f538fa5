#pragma once

#include "base/counters.hpp"
#include "wire/drop.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::stack {

enum class Counter : std::uint8_t {
#define MILLRACE_STACK_COUNTER(name, text) name,
#include "stack/counters.def"
#undef MILLRACE_STACK_COUNTER
};

inline constexpr std::array counter_names{
#define MILLRACE_STACK_COUNTER(name, text) std::string_view{#name},
#include "stack/counters.def"
#undef MILLRACE_STACK_COUNTER
};

inline constexpr std::array counter_texts{
#define MILLRACE_STACK_COUNTER(name, text) std::string_view{text},
#include "stack/counters.def"
#undef MILLRACE_STACK_COUNTER
};

enum class Gauge : std::uint8_t {
#define MILLRACE_STACK_GAUGE(name, text) name,
#include "stack/gauges.def"
#undef MILLRACE_STACK_GAUGE
};

inline constexpr std::array gauge_names{
#define MILLRACE_STACK_GAUGE(name, text) std::string_view{#name},
#include "stack/gauges.def"
#undef MILLRACE_STACK_GAUGE
};

inline constexpr std::array gauge_texts{
#define MILLRACE_STACK_GAUGE(name, text) std::string_view{text},
#include "stack/gauges.def"
#undef MILLRACE_STACK_GAUGE
};

using Gauges = millrace::Counters<Gauge, gauge_names.size()>;

/// One worker's counters: written by that worker, read by anyone.
using Counters = millrace::Counters<Counter, counter_names.size()>;

/// One worker's dropped packets by reason; likewise.
using Drops = millrace::Counters<wire::Drop, wire::drop_count>;

} // namespace millrace::stack
