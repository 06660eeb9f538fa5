#include "wire/drop.hpp"

#include "base/assert.hpp"

#include <array>

namespace millrace::wire {
namespace {

struct Words {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<Words, drop_count> words{{
    {"none", "not dropped"},
#define MILLRACE_DROP(name, text) {#name, text},
#include "wire/drop.def"
#undef MILLRACE_DROP
}};

const Words& words_of(Drop drop) {
    const auto index = static_cast<std::size_t>(drop);
    MILLRACE_ASSERT(index < words.size());
    return words[index];
}

} // namespace

std::string_view name(Drop drop) {
    return words_of(drop).name;
}

std::string_view text(Drop drop) {
    return words_of(drop).text;
}

} // namespace millrace::wire
