#pragma once

#include "base/assert.hpp"
#include "tcp/buffers.hpp"
#include "wire/tcp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::tcp {

/// A segment to send. The engine fills in the header but for the ports, and says where in the send
/// queue the payload begins; the pipeline adds ports, addresses and checksum and copies or attaches
/// the payload before it calls the engine again.
struct OutSegment {
    wire::TcpSegment header;
    Cursor payload;
    std::uint32_t payload_length = 0; ///< Bytes.
};

/// The segments that one call of the engine gives out. What comes in makes a few at most, so there
/// is room for those always; `flush` stops when it is full and is called again.
class Output {
  public:
    static constexpr std::size_t capacity = 32;
    /// `flush` leaves this many places free.
    static constexpr std::size_t reserve = 4;

    [[nodiscard]] OutSegment& push() {
        MILLRACE_ASSERT(count_ < capacity);
        segments_[count_] = OutSegment{};
        return segments_[count_++];
    }

    [[nodiscard]] bool full() const { return count_ + reserve >= capacity; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] std::span<OutSegment> segments() { return {segments_.data(), count_}; }
    void clear() { count_ = 0; }

  private:
    std::size_t count_ = 0;
    std::array<OutSegment, capacity> segments_;
};

} // namespace millrace::tcp
