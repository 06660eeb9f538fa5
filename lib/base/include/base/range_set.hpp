#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <vector>

namespace millrace {

/// A set of unsigned numbers, kept as the ranges that they make up: how much it costs to look for
/// one depends on the gaps between them, not on how many there are.
template <class Number>
class RangeSet {
  public:
    void insert(Number number) {
        const auto next = range_after(number);
        const bool has_before = next != ranges_.begin();
        if (has_before && number <= std::prev(next)->last) {
            return;
        }
        const bool joins_before = has_before && std::prev(next)->last + 1 == number;
        const bool joins_next = next != ranges_.end() && number + 1 == next->first;
        if (joins_before && joins_next) {
            std::prev(next)->last = next->last;
            ranges_.erase(next);
        } else if (joins_before) {
            std::prev(next)->last = number;
        } else if (joins_next) {
            next->first = number;
        } else {
            ranges_.insert(next, {number, number});
        }
    }

    [[nodiscard]] bool contains(Number number) const {
        const auto next = range_after(number);
        return next != ranges_.begin() && number <= std::prev(next)->last;
    }

    /// The least number of the set that is not less than `number`.
    [[nodiscard]] std::optional<Number> at_or_after(Number number) const {
        if (contains(number)) {
            return number;
        }
        const auto next = range_after(number);
        return next == ranges_.end() ? std::nullopt : std::optional{next->first};
    }

    /// Of how many ranges without a gap it is made up.
    [[nodiscard]] std::size_t ranges() const { return ranges_.size(); }

  private:
    struct Range {
        Number first;
        Number last; ///< In the range.
    };

    /// The first range that begins behind `number`.
    [[nodiscard]] auto range_after(Number number) const {
        return std::ranges::upper_bound(ranges_, number, {}, &Range::first);
    }
    [[nodiscard]] auto range_after(Number number) {
        return std::ranges::upper_bound(ranges_, number, {}, &Range::first);
    }

    std::vector<Range> ranges_; ///< In order; between each two there is a gap.
};

} // namespace millrace
