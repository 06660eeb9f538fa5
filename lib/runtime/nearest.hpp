#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::runtime {

/// The candidate that `word` is most likely a slip of, or an empty view when none is near: at most
/// a third of the letters inserted, removed, changed or swapped with their neighbour.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

/// "a", "b" or "c": the words in quotes, joined for a sentence.
[[nodiscard]] std::string quoted_choices(std::span<const std::string_view> words);

} // namespace millrace::runtime
