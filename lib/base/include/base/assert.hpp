#pragma once

namespace millrace {

/// Prints what was broken and where, and ends the process: an error of ours, never of the world's.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

} // namespace millrace

/// Checks something that only a mistake in this code could make false. Stays on in release builds.
#define MILLRACE_ASSERT(condition)                                                                 \
    do {                                                                                           \
        if (!(condition)) [[unlikely]] {                                                           \
            ::millrace::assertion_failed(#condition, __FILE__, __LINE__);                          \
        }                                                                                          \
    } while (false)
