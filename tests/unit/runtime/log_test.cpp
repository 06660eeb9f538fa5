#include "runtime/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace millrace::runtime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string logged_at(LogLevel level) {
    testing::internal::CaptureStderr();
    set_up_log(level);
    spdlog::error("an error");
    spdlog::warn("a warning");
    spdlog::info("a word");
    spdlog::debug("a detail");
    return testing::internal::GetCapturedStderr();
}

TEST(Log, LevelDecidesWhatIsWorthALine) {
    EXPECT_THAT(logged_at(LogLevel::error),
                AllOf(HasSubstr("an error"), Not(HasSubstr("warning"))));
    EXPECT_THAT(logged_at(LogLevel::warn), AllOf(HasSubstr("a warning"), Not(HasSubstr("word"))));
    EXPECT_THAT(logged_at(LogLevel::info), AllOf(HasSubstr("a word"), Not(HasSubstr("detail"))));
    EXPECT_THAT(logged_at(LogLevel::debug), HasSubstr("a detail"));
}

} // namespace
} // namespace millrace::runtime
