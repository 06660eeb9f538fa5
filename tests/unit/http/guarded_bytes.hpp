#pragma once

#include "base/assert.hpp"

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <sys/mman.h>

namespace millrace::http::test {

/// A copy of some bytes that touches a page which cannot be read, after its end or before its
/// beginning: a parser that looks too far is found out without a sanitizer.
class GuardedBytes {
  public:
    enum class Guard { after, before };

    explicit GuardedBytes(std::string_view text, Guard guard = Guard::after)
        : length_{text.size()} {
        const std::size_t pages = text.size() / page + 1;
        mapped_bytes_ = (pages + 2) * page;
        mapped_ = ::mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MILLRACE_ASSERT(mapped_ != MAP_FAILED);
        std::byte* const room = static_cast<std::byte*>(mapped_) + page;
        MILLRACE_ASSERT(::mprotect(room, pages * page, PROT_READ | PROT_WRITE) == 0);
        data_ = guard == Guard::after ? room + (pages * page - text.size()) : room;
        if (!text.empty()) {
            std::memcpy(data_, text.data(), text.size());
        }
    }
    GuardedBytes(const GuardedBytes&) = delete;
    GuardedBytes& operator=(const GuardedBytes&) = delete;
    ~GuardedBytes() { ::munmap(mapped_, mapped_bytes_); }

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, length_}; }

  private:
    static constexpr std::size_t page = 4096;

    void* mapped_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    std::byte* data_ = nullptr;
    std::size_t length_;
};

} // namespace millrace::http::test
