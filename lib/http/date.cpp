#include "http/date.hpp"

#include "text.hpp"

#include <chrono>
#include <cstddef>
#include <cstring>

namespace millrace::http {
namespace {

namespace chrono = std::chrono;

constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

void put_digits(char* at, unsigned value, unsigned digits) {
    for (char* digit = at + digits; digit != at; value /= 10) {
        *--digit = static_cast<char>('0' + value % 10);
    }
}

constexpr unsigned no_name = 12;

/// Which of the three-letter `names` a text begins with, from 0, or `no_name`.
unsigned leading_name(std::string_view text, std::string_view names) {
    for (std::size_t at = 0; at < names.size(); at += 3) {
        if (text.starts_with(names.substr(at, 3))) {
            return static_cast<unsigned>(at / 3);
        }
    }
    return no_name;
}

/// Takes the parts of a date off the front of a text; once one is not there, all that follow fail.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_{text} {}

    void literal(std::string_view wanted) {
        good_ = good_ && text_.starts_with(wanted);
        text_.remove_prefix(good_ ? wanted.size() : 0);
    }

    unsigned digits(std::size_t count) {
        unsigned value = 0;
        for (std::size_t i = 0; i < count && good_; ++i) {
            good_ = !text_.empty() && text_.front() >= '0' && text_.front() <= '9';
            if (good_) {
                value = value * 10 + static_cast<unsigned>(text_.front() - '0');
                text_.remove_prefix(1);
            }
        }
        return value;
    }

    /// Two digits, or a space and one.
    unsigned padded_day() {
        if (text_.starts_with(' ')) {
            text_.remove_prefix(1);
            return digits(1);
        }
        return digits(2);
    }

    unsigned month() {
        const unsigned index = leading_name(text_, months);
        good_ = good_ && index != no_name;
        text_.remove_prefix(good_ ? 3 : 0);
        return index + 1;
    }

    chrono::seconds time_of_day() {
        const unsigned hours = digits(2);
        literal(":");
        const unsigned minutes = digits(2);
        literal(":");
        const unsigned seconds = digits(2);
        good_ = good_ && hours < 24 && minutes < 60 && seconds <= 60; // 60 is a leap second.
        return chrono::hours{hours} + chrono::minutes{minutes} + chrono::seconds{seconds};
    }

    [[nodiscard]] bool done() const { return good_ && text_.empty(); }

  private:
    std::string_view text_;
    bool good_ = true;
};

std::optional<std::int64_t> seconds_of(const Reader& reader, unsigned year, unsigned month,
                                       unsigned day, chrono::seconds time) {
    const chrono::year_month_day date{chrono::year{static_cast<int>(year)}, chrono::month{month},
                                      chrono::day{day}};
    if (!reader.done() || !date.ok()) {
        return std::nullopt;
    }
    return (chrono::sys_days{date} + time).time_since_epoch().count();
}

/// What follows `Sun, `: `06 Nov 1994 08:49:37 GMT`.
std::optional<std::int64_t> parse_fixdate(std::string_view text) {
    Reader reader{text};
    const unsigned day = reader.digits(2);
    reader.literal(" ");
    const unsigned month = reader.month();
    reader.literal(" ");
    const unsigned year = reader.digits(4);
    reader.literal(" ");
    const chrono::seconds time = reader.time_of_day();
    reader.literal(" GMT");
    return seconds_of(reader, year, month, day, time);
}

/// What follows `Sunday, `: `06-Nov-94 08:49:37 GMT`. A date that would be more than 50 years ahead
/// is of the last century that had such a year.
std::optional<std::int64_t> parse_rfc850(std::string_view text, std::int64_t now) {
    Reader reader{text};
    const unsigned day = reader.digits(2);
    reader.literal("-");
    const unsigned month = reader.month();
    reader.literal("-");
    const unsigned short_year = reader.digits(2);
    reader.literal(" ");
    const chrono::seconds time = reader.time_of_day();
    reader.literal(" GMT");
    const chrono::year_month_day today{
        chrono::floor<chrono::days>(chrono::sys_seconds{chrono::seconds{now}})};
    const int this_year = static_cast<int>(today.year());
    int year = this_year - this_year % 100 + static_cast<int>(short_year);
    if (year > this_year + 50) {
        year -= 100;
    }
    return seconds_of(reader, static_cast<unsigned>(year), month, day, time);
}

/// What follows `Sun `: `Nov  6 08:49:37 1994`.
std::optional<std::int64_t> parse_asctime(std::string_view text) {
    Reader reader{text};
    const unsigned month = reader.month();
    reader.literal(" ");
    const unsigned day = reader.padded_day();
    reader.literal(" ");
    const chrono::seconds time = reader.time_of_day();
    reader.literal(" ");
    const unsigned year = reader.digits(4);
    return seconds_of(reader, year, month, day, time);
}

} // namespace

void format_date(std::int64_t unix_seconds, std::span<char, date_bytes> out) {
    const chrono::sys_seconds time{chrono::seconds{unix_seconds}};
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date{day};
    const chrono::hh_mm_ss clock{time - day};
    constexpr std::string_view shape = "Sun, 00 Jan 0000 00:00:00 GMT";
    static_assert(shape.size() == date_bytes);
    std::memcpy(out.data(), shape.data(), shape.size());
    char* const at = out.data();
    std::memcpy(at, &weekdays[chrono::weekday{day}.c_encoding() * 3], 3);
    put_digits(at + 5, static_cast<unsigned>(date.day()), 2);
    std::memcpy(at + 8, &months[(static_cast<unsigned>(date.month()) - 1) * 3], 3);
    put_digits(at + 12, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_digits(at + 17, static_cast<unsigned>(clock.hours().count()), 2);
    put_digits(at + 20, static_cast<unsigned>(clock.minutes().count()), 2);
    put_digits(at + 23, static_cast<unsigned>(clock.seconds().count()), 2);
}

std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t now_unix_seconds) {
    const std::size_t name_length = text.find_first_of(", ");
    if (name_length < 3 || name_length == std::string_view::npos ||
        leading_name(text, weekdays) == no_name) {
        return std::nullopt;
    }
    const std::string_view rest = text.substr(name_length + 1);
    if (text[name_length] == ' ') {
        return parse_asctime(rest);
    }
    if (!rest.starts_with(' ')) {
        return std::nullopt;
    }
    return name_length == 3 ? parse_fixdate(rest.substr(1))
                            : parse_rfc850(rest.substr(1), now_unix_seconds);
}

} // namespace millrace::http
