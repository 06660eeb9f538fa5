#include "http/content_type.hpp"

#include "text.hpp"

#include <algorithm>
#include <array>

namespace millrace::http {
namespace {

struct KnownType {
    std::string_view extension;
    std::string_view type;
};

/// Sorted by extension.
constexpr std::array known_types{
    KnownType{"7z", "application/x-7z-compressed"},
    KnownType{"aac", "audio/aac"},
    KnownType{"avif", "image/avif"},
    KnownType{"bin", "application/octet-stream"},
    KnownType{"bmp", "image/bmp"},
    KnownType{"bz2", "application/x-bzip2"},
    KnownType{"css", "text/css; charset=utf-8"},
    KnownType{"csv", "text/csv; charset=utf-8"},
    KnownType{"flac", "audio/flac"},
    KnownType{"gif", "image/gif"},
    KnownType{"gz", "application/gzip"},
    KnownType{"htm", "text/html; charset=utf-8"},
    KnownType{"html", "text/html; charset=utf-8"},
    KnownType{"ico", "image/vnd.microsoft.icon"},
    KnownType{"ics", "text/calendar; charset=utf-8"},
    KnownType{"jpeg", "image/jpeg"},
    KnownType{"jpg", "image/jpeg"},
    KnownType{"js", "text/javascript; charset=utf-8"},
    KnownType{"json", "application/json"},
    KnownType{"m4a", "audio/mp4"},
    KnownType{"map", "application/json"},
    KnownType{"md", "text/markdown; charset=utf-8"},
    KnownType{"mjs", "text/javascript; charset=utf-8"},
    KnownType{"mp3", "audio/mpeg"},
    KnownType{"mp4", "video/mp4"},
    KnownType{"mpeg", "video/mpeg"},
    KnownType{"oga", "audio/ogg"},
    KnownType{"ogg", "audio/ogg"},
    KnownType{"ogv", "video/ogg"},
    KnownType{"opus", "audio/ogg"},
    KnownType{"otf", "font/otf"},
    KnownType{"pdf", "application/pdf"},
    KnownType{"png", "image/png"},
    KnownType{"svg", "image/svg+xml"},
    KnownType{"tar", "application/x-tar"},
    KnownType{"tif", "image/tiff"},
    KnownType{"tiff", "image/tiff"},
    KnownType{"ttf", "font/ttf"},
    KnownType{"txt", "text/plain; charset=utf-8"},
    KnownType{"wasm", "application/wasm"},
    KnownType{"wav", "audio/wav"},
    KnownType{"webm", "video/webm"},
    KnownType{"webmanifest", "application/manifest+json"},
    KnownType{"webp", "image/webp"},
    KnownType{"woff", "font/woff"},
    KnownType{"woff2", "font/woff2"},
    KnownType{"xhtml", "application/xhtml+xml"},
    KnownType{"xml", "text/xml; charset=utf-8"},
    KnownType{"xz", "application/x-xz"},
    KnownType{"zip", "application/zip"},
    KnownType{"zst", "application/zstd"},
};

static_assert(std::ranges::is_sorted(known_types, {}, &KnownType::extension));

constexpr std::size_t longest_extension = 11;

} // namespace

std::string_view content_type_of(std::string_view file_name) {
    constexpr std::string_view unknown = "application/octet-stream";
    const std::size_t dot = file_name.rfind('.');
    if (dot == std::string_view::npos) {
        return unknown;
    }
    const std::string_view extension = file_name.substr(dot + 1);
    if (extension.size() > longest_extension) {
        return unknown;
    }
    std::array<char, longest_extension> room{};
    std::ranges::transform(extension, room.begin(), lower);
    const std::string_view wanted{room.data(), extension.size()};
    const auto found = std::ranges::lower_bound(known_types, wanted, {}, &KnownType::extension);
    return found != known_types.end() && found->extension == wanted ? found->type : unknown;
}

} // namespace millrace::http
