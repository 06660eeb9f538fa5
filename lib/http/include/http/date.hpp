#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace::http {

/// The length of a date as HTTP sends it.
inline constexpr std::size_t date_bytes = 29;

/// Writes seconds since 1970-01-01 00:00:00 UTC, of the years 1970 to 9999, as an IMF-fixdate
/// (RFC 9110 §5.6.7), `Sun, 06 Nov 1994 08:49:37 GMT`.
void format_date(std::int64_t unix_seconds, std::span<char, date_bytes> out);

/// Reads a date in any of the three forms a server must take (RFC 9110 §5.6.7). `now_unix_seconds`
/// decides the century where the form leaves it out. Nothing when it is not a date.
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text,
                                                     std::int64_t now_unix_seconds);

/// The Date field's value, kept until the second changes.
class DateCache {
  public:
    explicit DateCache(std::int64_t unix_seconds = 0) { format(unix_seconds); }

    /// Call it as often as you like; it costs a comparison unless the second has changed.
    void update(std::int64_t unix_seconds) {
        if (unix_seconds != unix_seconds_) [[unlikely]] {
            format(unix_seconds);
        }
    }

    [[nodiscard]] std::span<const char, date_bytes> text() const { return text_; }
    [[nodiscard]] std::int64_t unix_seconds() const { return unix_seconds_; }

  private:
    void format(std::int64_t unix_seconds) {
        unix_seconds_ = unix_seconds;
        format_date(unix_seconds, text_);
    }

    std::int64_t unix_seconds_ = 0;
    std::array<char, date_bytes> text_{};
};

} // namespace millrace::http
