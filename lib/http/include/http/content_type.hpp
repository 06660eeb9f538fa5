#pragma once

#include <string_view>

namespace millrace::http {

/// The media type for a file of this name, by what follows its last dot, in any case;
/// `application/octet-stream` when that says nothing.
[[nodiscard]] std::string_view content_type_of(std::string_view file_name);

} // namespace millrace::http
