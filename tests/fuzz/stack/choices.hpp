#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::fuzz {

/// The fuzzer's bytes, read as one choice after another; zeros when they have run out.
class Choices {
  public:
    explicit Choices(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

    [[nodiscard]] bool have_ended() const { return bytes_.empty(); }

    std::uint8_t byte() {
        if (bytes_.empty()) {
            return 0;
        }
        const std::uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }
    bool flag() { return (byte() & 1U) != 0; }
    std::uint32_t number() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) {
            value = value << 8 | byte();
        }
        return value;
    }
    template <class T, std::size_t n>
    const T& one_of(const std::array<T, n>& all) {
        return all[byte() % n];
    }

  private:
    std::span<const std::uint8_t> bytes_;
};

} // namespace millrace::fuzz
