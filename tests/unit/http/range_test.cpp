#include "http/range.hpp"

#include <gtest/gtest.h>

namespace millrace::http::test {
namespace {

using Kind = RangeRequest::Kind;

struct Case {
    const char* value;
    std::uint64_t size;
    Kind kind;
    std::uint64_t first = 0;
    std::uint64_t length = 0;
};

// F2.ranges
TEST(Range, IsReadAsTheRfcSays) {
    for (const Case& wanted : {
             Case{"bytes=0-0", 10, Kind::part, 0, 1},
             Case{"bytes=0-9", 10, Kind::part, 0, 10},
             Case{"bytes=2-4", 10, Kind::part, 2, 3},
             Case{"BYTES=2-4", 10, Kind::part, 2, 3},
             Case{"bytes= 2-4 ", 10, Kind::part, 2, 3},
             Case{"bytes=5-", 10, Kind::part, 5, 5},
             Case{"bytes=9-", 10, Kind::part, 9, 1},
             Case{"bytes=5-99", 10, Kind::part, 5, 5},
             Case{"bytes=5-99999999999999999999999", 10, Kind::part, 5, 5},
             Case{"bytes=0-18446744073709551615", 10, Kind::part, 0, 10},
             Case{"bytes=-3", 10, Kind::part, 7, 3},
             Case{"bytes=-99", 10, Kind::part, 0, 10},
             Case{"bytes=10-", 10, Kind::unsatisfiable},
             Case{"bytes=10-20", 10, Kind::unsatisfiable},
             Case{"bytes=99999999999999999999999-", 10, Kind::unsatisfiable},
             Case{"bytes=-0", 10, Kind::unsatisfiable},
             Case{"bytes=0-", 0, Kind::unsatisfiable},
             Case{"bytes=-1", 0, Kind::whole},
             Case{"bytes=0-1,3-4", 10, Kind::whole},
             Case{"bytes=4-2", 10, Kind::whole},
             Case{"bytes=", 10, Kind::whole},
             Case{"bytes=-", 10, Kind::whole},
             Case{"bytes=1", 10, Kind::whole},
             Case{"bytes=a-b", 10, Kind::whole},
             Case{"bytes=1-b", 10, Kind::whole},
             Case{"bytes=1 - 2", 10, Kind::whole},
             Case{"bytes=--1", 10, Kind::whole},
             Case{"bytes=+1-2", 10, Kind::whole},
             Case{"lines=1-2", 10, Kind::whole},
             Case{"byte", 10, Kind::whole},
             Case{"", 10, Kind::whole},
         }) {
        const RangeRequest range = parse_range(wanted.value, wanted.size);
        EXPECT_EQ(range.kind, wanted.kind) << wanted.value;
        EXPECT_EQ(range.first, wanted.first) << wanted.value;
        EXPECT_EQ(range.length, wanted.length) << wanted.value;
    }
}

} // namespace
} // namespace millrace::http::test
