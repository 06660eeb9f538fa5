#include "wire/drop.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace millrace::wire {
namespace {

TEST(Drop, NoneIsTheFirst) {
    EXPECT_EQ(static_cast<int>(Drop::none), 0);
    EXPECT_EQ(name(Drop::none), "none");
}

TEST(Drop, NamesStandWhereTheirValuesSay) {
    EXPECT_EQ(name(Drop::frame_too_short), "frame_too_short");
    EXPECT_EQ(name(Drop::tcp_bad_options), "tcp_bad_options");
    EXPECT_EQ(text(Drop::tcp_bad_options), "TCP options are malformed");
    EXPECT_EQ(name(Drop{drop_count - 1}), "neighbour_pool_dry");
}

TEST(Drop, EveryReasonHasItsOwnNameAndText) {
    std::set<std::string_view> names;
    std::set<std::string_view> texts;
    for (std::size_t i = 0; i < drop_count; ++i) {
        const auto drop = static_cast<Drop>(i);
        EXPECT_FALSE(text(drop).empty());
        EXPECT_TRUE(names.insert(name(drop)).second) << name(drop);
        EXPECT_TRUE(texts.insert(text(drop)).second) << text(drop);
    }
}

TEST(DropDeathTest, AValueThatIsNoReasonIsOurError) {
    EXPECT_DEATH(static_cast<void>(name(Drop{drop_count})), "assertion failed");
}

} // namespace
} // namespace millrace::wire
