#pragma once

#include <string_view>

namespace millrace::runtime {

/// This program's version, "0.1.0".
[[nodiscard]] std::string_view version();

} // namespace millrace::runtime
