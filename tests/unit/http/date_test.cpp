#include "http/date.hpp"

#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <random>
#include <string>

namespace millrace::http::test {
namespace {

constexpr std::int64_t example = 784111777; // The RFC's: Sun, 06 Nov 1994 08:49:37 GMT.
constexpr std::int64_t now = 1'700'000'000; // November 2023.

std::string formatted(std::int64_t seconds) {
    std::array<char, date_bytes> text;
    format_date(seconds, text);
    return {text.data(), text.size()};
}

TEST(Date, FormatsTheExample) {
    EXPECT_EQ(formatted(example), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Date, FormatsTheEnds) {
    EXPECT_EQ(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(formatted(951782399), "Mon, 28 Feb 2000 23:59:59 GMT");
    EXPECT_EQ(formatted(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
    EXPECT_EQ(formatted(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(Date, AgreesWithTheCLibraryAndReadsItsOwn) {
    constexpr unsigned seed = 7;
    std::mt19937_64 random{seed};
    for (int i = 0; i < 20'000; ++i) {
        const auto seconds = static_cast<std::int64_t>(random() % 253402300800U);
        const std::time_t time = seconds;
        std::tm parts{};
        ASSERT_NE(::gmtime_r(&time, &parts), nullptr);
        std::array<char, 64> wanted{};
        std::strftime(wanted.data(), wanted.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        ASSERT_EQ(formatted(seconds), wanted.data()) << seconds << ", seed " << seed;
        ASSERT_EQ(parse_date(wanted.data(), now), seconds) << wanted.data();
        if (seconds > 160'000'000 && seconds < 3'200'000'000) { // 1975 to 2071.
            std::strftime(wanted.data(), wanted.size(), "%A, %d-%b-%y %H:%M:%S GMT", &parts);
            ASSERT_EQ(parse_date(wanted.data(), now), seconds) << wanted.data();
        }
        std::strftime(wanted.data(), wanted.size(), "%a %b %e %H:%M:%S %Y", &parts);
        ASSERT_EQ(parse_date(wanted.data(), now), seconds) << wanted.data();
    }
}

TEST(Date, ReadsAllThreeForms) {
    EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now), example);
    EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now), example);
    EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", now), example);
}

TEST(Date, TakesAShortYearForThePastWhenItIsFarAhead) {
    EXPECT_EQ(parse_date("Monday, 06-Nov-73 08:49:37 GMT", now), 3277183777) << "2073";
    EXPECT_EQ(parse_date("Tuesday, 06-Nov-74 08:49:37 GMT", now), 152959777) << "1974";
}

TEST(Date, RefusesWhatIsNone) {
    for (const char* const text : {"",
                                   "Sun",
                                   "now",
                                   "784111777",
                                   "Sun, 06 Nov 1994 08:49:37",
                                   "Sun, 6 Nov 1994 08:49:37 GMT",
                                   "Sun, 06 Nov 1994 08:49:37 UTC",
                                   "Sun, 06 Nov 1994 08:49:37 GMT ",
                                   "Sun, 31 Feb 1994 08:49:37 GMT",
                                   "Sun, 00 Nov 1994 08:49:37 GMT",
                                   "Sun, 06 Nvo 1994 08:49:37 GMT",
                                   "Xyz, 06 Nov 1994 08:49:37 GMT",
                                   "Sun, 06 Nov 1994 24:49:37 GMT",
                                   "Sun, 06 Nov 1994 08:60:37 GMT",
                                   "Sun, 06 Nov 1994 08:49:61 GMT",
                                   "Sun, 06 Nov 94 08:49:37 GMT",
                                   "sun, 06 Nov 1994 08:49:37 GMT",
                                   "Sun Nov 6 08:49:37 1994",
                                   "Sun Nov  6 08:49:37 94",
                                   "Sunday, 06-Nov-1994 08:49:37 GMT",
                                   "Sun, 06 Nov -994 08:49:37 GMT"}) {
        EXPECT_EQ(parse_date(text, now), std::nullopt) << text;
    }
}

TEST(DateCache, ChangesWithTheSecondOnly) {
    DateCache date{example};
    const auto text = [&] { return std::string{date.text().data(), date.text().size()}; };
    EXPECT_EQ(text(), "Sun, 06 Nov 1994 08:49:37 GMT");
    date.update(example);
    EXPECT_EQ(text(), "Sun, 06 Nov 1994 08:49:37 GMT");
    date.update(example + 1);
    EXPECT_EQ(text(), "Sun, 06 Nov 1994 08:49:38 GMT");
    EXPECT_EQ(date.unix_seconds(), example + 1);
}

} // namespace
} // namespace millrace::http::test
