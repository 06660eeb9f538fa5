#include "runtime/secrets.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <system_error>

namespace millrace::runtime {

namespace {

void draw_random(std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t count = getrandom(out.data(), out.size(), 0);
        if (count < 0) {
            throw std::system_error{errno, std::generic_category(), "getrandom"};
        }
        out = out.subspan(static_cast<std::size_t>(count));
    }
}

} // namespace

Secrets Secrets::draw() {
    Secrets secrets;
    draw_random(std::as_writable_bytes(std::span{secrets.sequence_key}));
    draw_random(std::as_writable_bytes(std::span{secrets.hash_key}));
    draw_random(std::as_writable_bytes(std::span{secrets.rss}));
    return secrets;
}

SipKey sequence_key_of_this_boot() {
    std::ifstream file{"/proc/sys/kernel/random/boot_id"};
    std::string boot;
    if (!std::getline(file, boot)) {
        return Secrets::draw().sequence_key;
    }
    const auto half = [&](std::uint64_t which) {
        return siphash(SipKey{which, 0}, std::as_bytes(std::span{boot}));
    };
    return {half(0), half(1)};
}

} // namespace millrace::runtime
