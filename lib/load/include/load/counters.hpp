#pragma once

#include "base/counters.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::load {

enum class Counter : std::uint8_t {
#define MILLRACE_LOAD_COUNTER(name, text) name,
#define MILLRACE_LOAD_ERROR(name, text) name,
#include "load/counters.def"
#undef MILLRACE_LOAD_COUNTER
#undef MILLRACE_LOAD_ERROR
};

/// What is known of a counter beside its value.
struct CounterInfo {
    std::string_view name;
    std::string_view text;
    bool is_error;
};

inline constexpr std::array counter_infos{
#define MILLRACE_LOAD_COUNTER(name, text) CounterInfo{#name, text, false},
#define MILLRACE_LOAD_ERROR(name, text) CounterInfo{#name, text, true},
#include "load/counters.def"
#undef MILLRACE_LOAD_COUNTER
#undef MILLRACE_LOAD_ERROR
};

/// One worker's counters of one job: written by that worker, read by anyone.
using Counters = millrace::Counters<Counter, counter_infos.size()>;

/// What goes up and down.
enum class Gauge : std::uint8_t {
    connections,    ///< In any state but TIME-WAIT.
    opening,        ///< Of these, those whose SYN is on its way.
    open,           ///< Of these, those that can carry operations.
    pending,        ///< Operations begun and not completed.
    last_completed, ///< When an operation was completed last, in the worker's nanoseconds.
    runs_ended,     ///< Orders to run after which nothing more is begun.
    count,          ///< Of the gauges, and none itself.
};

using Gauges = millrace::Counters<Gauge, static_cast<std::size_t>(Gauge::count)>;

} // namespace millrace::load
