#include "flow/home.hpp"

#include "base/assert.hpp"

#include <bit>

namespace millrace::flow {

Home::Home(const HashKey& key, std::uint16_t workers) : key_{key}, workers_{workers} {
    MILLRACE_ASSERT(workers > 0);
}

Home::Home(std::span<const std::uint8_t> rss_key, std::span<const std::uint16_t> indirection)
    : rss_{std::in_place, rss_key}, indirection_(indirection.begin(), indirection.end()) {
    MILLRACE_ASSERT(std::has_single_bit(indirection.size()));
}

} // namespace millrace::flow
