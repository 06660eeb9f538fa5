#include "http/target.hpp"

#include "fuzz_check.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Any target: its key begins with a slash, has no segment that could leave the root and no NUL, and
// encoding it again and normalising that gives the same key.

namespace {

using namespace millrace::http;

std::string encoded(std::string_view path) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : path) {
        if (c == '/') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

void check_key(std::string_view path) {
    FUZZ_CHECK(path.starts_with('/'));
    FUZZ_CHECK(path.find('\0') == std::string_view::npos);
    const std::string framed = std::string{path} + '/';
    FUZZ_CHECK(framed.find("/../") == std::string::npos);
    FUZZ_CHECK(framed.find("/./") == std::string::npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) {
        return 0;
    }
    std::string raw;
    for (const std::uint8_t byte : std::span{data + 1, size - 1}) {
        if (byte > 0x20 && byte < 0x7f) { // What the request parser lets through.
            raw += static_cast<char>(byte);
        }
    }
    std::vector<char> buffer(data[0]);
    Target target;
    const Status status = normalise_target(raw, buffer, target);
    if (status != Status::ok) {
        FUZZ_CHECK(status == Status::bad_request || status == Status::not_found ||
                   status == Status::uri_too_long);
        return 0;
    }
    check_key(target.path);
    std::vector<char> more_room(3 * size + 1);
    Target again;
    const std::string raw_again = encoded(target.path);
    FUZZ_CHECK(normalise_target(raw_again, more_room, again) == Status::ok);
    FUZZ_CHECK(again.path == target.path);
    return 0;
}
