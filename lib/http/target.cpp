#include "http/target.hpp"

#include "text.hpp"

#include <cstddef>
#include <cstring>

namespace millrace::http {
namespace {

/// True when the path is its own key: nothing to decode, and no segment that begins with a dot.
bool is_plain(std::string_view path) {
    char previous = '\0';
    for (const char c : path) {
        if (c == '%' || c == '#' || (c == '.' && previous == '/')) {
            return false;
        }
        previous = c;
    }
    return path.starts_with('/');
}

/// One decoded character at the front of `path`, and how many it took; none when it is broken.
struct Decoded {
    char character;
    std::size_t taken;
};

Decoded decode(std::string_view path) {
    if (path.front() != '%') {
        return {path.front(), 1};
    }
    if (path.size() < 3 || hex_value(path[1]) > 15 || hex_value(path[2]) > 15) {
        return {'\0', 0};
    }
    return {static_cast<char>(hex_value(path[1]) * 16 + hex_value(path[2])), 3};
}

/// Decodes `path` to the front of `buffer`, as many characters as `length` says then.
Status decode_all(std::string_view path, std::span<char> buffer, std::size_t& length) {
    length = 0;
    while (!path.empty()) {
        const Decoded decoded = decode(path);
        if (decoded.character == '\0' || path.front() == '#') {
            return Status::bad_request;
        }
        if (decoded.character == '/' && decoded.taken > 1) {
            return Status::not_found;
        }
        if (length == buffer.size()) {
            return Status::uri_too_long;
        }
        buffer[length++] = decoded.character;
        path.remove_prefix(decoded.taken);
    }
    return Status::ok;
}

/// Removes `.` and `..` segments in place; what is written never overtakes what is read. False when
/// the path climbs above the root.
bool remove_dot_segments(char* path, std::size_t& length) {
    std::size_t kept = 0; // Always ends before a slash that is yet to be copied.
    for (std::size_t at = 0; at < length;) {
        std::size_t segment_end = at + 1;
        while (segment_end < length && path[segment_end] != '/') {
            ++segment_end;
        }
        const std::string_view segment{path + at + 1, segment_end - at - 1};
        const bool last = segment_end == length;
        if (segment == "..") {
            if (kept == 0) {
                return false;
            }
            do {
                --kept;
            } while (path[kept] != '/');
        } else if (segment != ".") {
            std::memmove(path + kept, path + at, segment_end - at);
            kept += segment_end - at;
        }
        if (last && (segment == "." || segment == "..")) {
            path[kept++] = '/';
        }
        at = segment_end;
    }
    length = kept;
    return true;
}

} // namespace

Status normalise_target(std::string_view raw, std::span<char> buffer, Target& out) {
    const std::size_t question = raw.find('?');
    std::string_view path = raw.substr(0, question);
    out.query = question == std::string_view::npos ? std::string_view{} : raw.substr(question + 1);
    if (path.empty()) { // `http://host?query` (RFC 9110 §4.2.3: an empty path is a slash).
        path = "/";
    }
    if (out.query.find('#') != std::string_view::npos) {
        return Status::bad_request;
    }
    if (is_plain(path)) {
        out.path = path;
        return Status::ok;
    }
    if (path.front() != '/') {
        return Status::bad_request;
    }
    std::size_t length = 0;
    if (const Status status = decode_all(path, buffer, length); status != Status::ok) {
        return status;
    }
    if (!remove_dot_segments(buffer.data(), length)) {
        return Status::bad_request;
    }
    out.path = {buffer.data(), length};
    return Status::ok;
}

} // namespace millrace::http
