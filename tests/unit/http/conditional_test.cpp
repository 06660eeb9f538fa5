#include "http/conditional.hpp"

#include <gtest/gtest.h>

namespace millrace::http::test {
namespace {

constexpr std::int64_t modified = 784111777;
constexpr std::int64_t now = 1'700'000'000;
constexpr const char* modified_text = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* before_text = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* after_text = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr Validators validators{"\"tag\"", modified};

Precondition judge(const Request& request) {
    return evaluate_preconditions(request, validators, now);
}

TEST(Conditional, ProceedsWithoutPreconditions) {
    EXPECT_EQ(judge({}), Precondition::proceed);
}

// F2.conditional
TEST(Conditional, IfNoneMatchComparesWeakly) {
    for (const char* const list : {"\"tag\"", "W/\"tag\"", "*", "\"a\", \"tag\"", "\"a\",W/\"tag\"",
                                   " , \"a,b\" ,, \"tag\" , x"}) {
        Request request;
        request.if_none_match = list;
        EXPECT_EQ(judge(request), Precondition::not_modified) << list;
        request.method = Method::head;
        EXPECT_EQ(judge(request), Precondition::not_modified) << list;
        request.method = Method::post;
        EXPECT_EQ(judge(request), Precondition::failed) << list;
    }
    for (const char* const list : {"", "\"a\"", "tag", "\"tag", "\"a, \"tag\"", "\"TAG\"",
                                   "w/\"tag\"", "W/ \"tag\"", "\"atag\"", "x, \"tag\""}) {
        Request request;
        request.if_none_match = list;
        EXPECT_EQ(judge(request), Precondition::proceed) << list;
    }
}

TEST(Conditional, IfMatchComparesStrongly) {
    Request request;
    request.if_match = "\"a\", \"tag\"";
    EXPECT_EQ(judge(request), Precondition::proceed);
    request.if_match = "*";
    EXPECT_EQ(judge(request), Precondition::proceed);
    request.if_match = "W/\"tag\"";
    EXPECT_EQ(judge(request), Precondition::failed);
    request.if_match = "\"a\"";
    EXPECT_EQ(judge(request), Precondition::failed);
    request.if_match = "";
    EXPECT_EQ(judge(request), Precondition::failed);
}

TEST(Conditional, DatesAreToTheSecond) {
    Request request;
    request.if_modified_since = modified_text;
    EXPECT_EQ(judge(request), Precondition::not_modified);
    request.if_modified_since = after_text;
    EXPECT_EQ(judge(request), Precondition::not_modified);
    request.if_modified_since = before_text;
    EXPECT_EQ(judge(request), Precondition::proceed);
    request.if_modified_since = "yesterday";
    EXPECT_EQ(judge(request), Precondition::proceed);
    request.if_modified_since = modified_text;
    request.method = Method::post;
    EXPECT_EQ(judge(request), Precondition::proceed) << "for GET and HEAD only";

    request = {};
    request.if_unmodified_since = modified_text;
    EXPECT_EQ(judge(request), Precondition::proceed);
    request.if_unmodified_since = before_text;
    EXPECT_EQ(judge(request), Precondition::failed);
    request.if_unmodified_since = "yesterday";
    EXPECT_EQ(judge(request), Precondition::proceed);
}

TEST(Conditional, TagsGoBeforeDates) {
    Request request;
    request.if_none_match = "\"other\"";
    request.if_modified_since = modified_text;
    EXPECT_EQ(judge(request), Precondition::proceed);
    request = {};
    request.if_match = "\"tag\"";
    request.if_unmodified_since = before_text;
    EXPECT_EQ(judge(request), Precondition::proceed);
    request = {};
    request.if_match = "\"other\"";
    request.if_none_match = "\"tag\"";
    EXPECT_EQ(judge(request), Precondition::failed);
}

TEST(Conditional, IfRangeNamesThisVeryVersion) {
    Request request;
    const auto applies = [&](const char* value, std::int64_t at = now) {
        request.if_range = value;
        return range_applies(request, validators, at);
    };
    EXPECT_TRUE(range_applies(Request{}, validators, now));
    EXPECT_TRUE(applies("\"tag\""));
    EXPECT_FALSE(applies("W/\"tag\""));
    EXPECT_FALSE(applies("\"other\""));
    EXPECT_TRUE(applies(modified_text));
    EXPECT_FALSE(applies(before_text));
    EXPECT_FALSE(applies(after_text));
    EXPECT_FALSE(applies("yesterday"));
    EXPECT_FALSE(applies(""));
    EXPECT_TRUE(applies(modified_text, modified + 60));
    EXPECT_FALSE(applies(modified_text, modified + 59)) << "it may change again in that second";
}

} // namespace
} // namespace millrace::http::test
