#pragma once

#include <cstdint>

namespace millrace::wire {

/// A sequence number: a point on the circle of 2^32 (RFC 9293 §3.4). Of two points less than half
/// the circle apart, one is earlier. Two points exactly 2^31 apart (the antipode) have no order:
/// all four comparisons are false, so a check that wants a number inside an interval refuses it.
///
/// There is no `<=>` on purpose: the relation is not transitive, so these do not sort.
class SeqNum {
  public:
    constexpr SeqNum() = default;
    constexpr explicit SeqNum(std::uint32_t value) : value_{value} {}

    [[nodiscard]] constexpr std::uint32_t value() const { return value_; }

    constexpr SeqNum& operator+=(std::uint32_t count) {
        value_ += count;
        return *this;
    }

    [[nodiscard]] friend constexpr SeqNum operator+(SeqNum seq, std::uint32_t count) {
        return SeqNum{seq.value_ + count};
    }
    [[nodiscard]] friend constexpr SeqNum operator-(SeqNum seq, std::uint32_t count) {
        return SeqNum{seq.value_ - count};
    }

    /// How far `to` lies ahead of `from`; negative when it lies behind.
    [[nodiscard]] friend constexpr std::int32_t operator-(SeqNum to, SeqNum from) {
        return static_cast<std::int32_t>(to.value_ - from.value_);
    }

    [[nodiscard]] friend constexpr bool operator==(SeqNum a, SeqNum b) = default;
    [[nodiscard]] friend constexpr bool operator<(SeqNum a, SeqNum b) { return b - a > 0; }
    [[nodiscard]] friend constexpr bool operator>(SeqNum a, SeqNum b) { return a - b > 0; }
    [[nodiscard]] friend constexpr bool operator<=(SeqNum a, SeqNum b) { return b - a >= 0; }
    [[nodiscard]] friend constexpr bool operator>=(SeqNum a, SeqNum b) { return a - b >= 0; }

    /// True when this number is one of the `size` numbers that begin with `first`; an empty window
    /// holds nothing.
    [[nodiscard]] constexpr bool in_window(SeqNum first, std::uint32_t size) const {
        return value_ - first.value_ < size;
    }

  private:
    std::uint32_t value_ = 0;
};

/// The later of two sequence numbers; `b` where they have no order.
[[nodiscard]] constexpr SeqNum later(SeqNum a, SeqNum b) {
    return a > b ? a : b;
}

/// The earlier of two sequence numbers; `b` where they have no order.
[[nodiscard]] constexpr SeqNum earlier(SeqNum a, SeqNum b) {
    return a < b ? a : b;
}

} // namespace millrace::wire
