#pragma once

#include "base/counters.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::service {

enum class HttpCounter : std::uint8_t {
#define MILLRACE_HTTP_COUNTER(name, text) name,
#include "service/http_counters.def"
#undef MILLRACE_HTTP_COUNTER
};

inline constexpr std::array http_counter_names{
#define MILLRACE_HTTP_COUNTER(name, text) std::string_view{#name},
#include "service/http_counters.def"
#undef MILLRACE_HTTP_COUNTER
};

inline constexpr std::array http_counter_texts{
#define MILLRACE_HTTP_COUNTER(name, text) std::string_view{text},
#include "service/http_counters.def"
#undef MILLRACE_HTTP_COUNTER
};

enum class StreamCounter : std::uint8_t {
#define MILLRACE_STREAM_COUNTER(name, text) name,
#include "service/stream_counters.def"
#undef MILLRACE_STREAM_COUNTER
};

inline constexpr std::array stream_counter_names{
#define MILLRACE_STREAM_COUNTER(name, text) std::string_view{#name},
#include "service/stream_counters.def"
#undef MILLRACE_STREAM_COUNTER
};

inline constexpr std::array stream_counter_texts{
#define MILLRACE_STREAM_COUNTER(name, text) std::string_view{text},
#include "service/stream_counters.def"
#undef MILLRACE_STREAM_COUNTER
};

using HttpCounters = Counters<HttpCounter, http_counter_names.size()>;
using StreamCounters = Counters<StreamCounter, stream_counter_names.size()>;

/// What the services of one worker count, whatever the number of their listeners: written by that
/// worker, read by anyone.
struct alignas(64) ServiceCounters {
    HttpCounters http;
    StreamCounters echo;
    StreamCounters discard;
    StreamCounters source;
};

/// Counts, where somebody wants to know.
template <class Name, std::size_t size>
void count(Counters<Name, size>* counters, Name counter, std::uint64_t number = 1) {
    if (counters != nullptr) {
        counters->add(counter, number);
    }
}

} // namespace millrace::service
