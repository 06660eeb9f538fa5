#pragma once

#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>

/// How a program lets `bench/instructions` count: that runs it under callgrind with
/// `--instr-atstart=no --collect-atstart=no`, finds each figure in a dump of its name, and takes
/// the figure `nothing` off the others, an operation for an operation. Without callgrind nothing of
/// this does anything.
namespace millrace::bench {

/// From here on callgrind looks at every instruction; what is made ready before costs little time.
inline void begin_instrumentation() {
    CALLGRIND_START_INSTRUMENTATION;
}

/// Counts while it lives.
class Counted {
  public:
    Counted() { CALLGRIND_TOGGLE_COLLECT; }
    ~Counted() { CALLGRIND_TOGGLE_COLLECT; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
};

/// What was counted since the last figure is the cost of this many operations of `name`.
inline void end_figure(const char* name, std::uint32_t operations) {
    CALLGRIND_DUMP_STATS_AT(name);
    std::printf("%s\t%u\n", name, operations);
}

/// Operations of a figure that is a loop.
inline constexpr std::uint32_t rounds = 1'000;

/// Counts `operation(i)`, inlined, in a loop of three or four instructions; `nothing` is that loop
/// alone.
template <class Operation>
[[gnu::noinline]] void count(const char* name, Operation&& operation) {
    {
        const Counted counted;
        for (std::uint32_t i = 0; i < rounds; ++i) {
            operation(i);
        }
    }
    end_figure(name, rounds);
}

/// The compiler must have made the value, and may not know what becomes of memory.
template <class Value>
void keep(const Value& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

} // namespace millrace::bench
