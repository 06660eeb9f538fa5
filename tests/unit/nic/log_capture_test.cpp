#include "nic/log_capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rte_log.h>

namespace millrace::nic {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LogCaptureUnit : public testing::Test {
  protected:
    void SetUp() override { install_log_sink(LogLevel::critical); }

    static void log(std::uint32_t level, const char* text) {
        rte_log(level, RTE_LOGTYPE_EAL, "%s", text);
    }
};

TEST_F(LogCaptureUnit, KeepsWarningsAndErrors) {
    const LogCapture capture;
    log(RTE_LOG_WARNING, "a warning\n");
    log(RTE_LOG_ERR, "an error 7.\n");
    log(RTE_LOG_NOTICE, "a notice\n");
    EXPECT_THAT(capture.lines(), ElementsAre("a warning", "an error 7"));
}

TEST_F(LogCaptureUnit, GivesTheFirstErrorAsReason) {
    const LogCapture capture;
    log(RTE_LOG_WARNING, "EAL: a warning\n");
    log(RTE_LOG_ERR, "EAL: eth_from(): net_x0: the cause: no such thing\n");
    log(RTE_LOG_ERR, "EAL: what followed from it\n");
    EXPECT_EQ(capture.reason(), "net_x0: the cause: no such thing");
}

TEST_F(LogCaptureUnit, GivesAWarningAsReasonWhereThereIsNoError) {
    const LogCapture capture;
    EXPECT_EQ(capture.reason(), "");
    log(RTE_LOG_WARNING, "EAL: a warning\n");
    EXPECT_EQ(capture.reason(), "a warning");
}

TEST_F(LogCaptureUnit, BeginsEmptyEachTime) {
    {
        const LogCapture capture;
        log(RTE_LOG_ERR, "old\n");
    }
    const LogCapture capture;
    EXPECT_THAT(capture.lines(), IsEmpty());
}

TEST_F(LogCaptureUnit, SeesInsideAnotherWhatThatOneHasSeen) {
    const LogCapture outer;
    log(RTE_LOG_ERR, "before\n");
    {
        const LogCapture inner;
        log(RTE_LOG_ERR, "within\n");
        EXPECT_THAT(inner.lines(), ElementsAre("before", "within"));
    }
    log(RTE_LOG_ERR, "after\n");
    EXPECT_THAT(outer.lines(), ElementsAre("before", "within", "after"));
}

TEST_F(LogCaptureUnit, ShowsNothingBelowTheLevel) {
    testing::internal::CaptureStderr();
    log(RTE_LOG_ERR, "outside a capture\n");
    {
        const LogCapture capture;
        log(RTE_LOG_ERR, "in a capture\n");
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(LogCaptureUnit, ShowsWhatReachesTheLevelWhenTheCaptureEnds) {
    install_log_sink(LogLevel::error);
    testing::internal::CaptureStderr();
    {
        const LogCapture capture;
        log(RTE_LOG_WARNING, "a warning\n");
        log(RTE_LOG_ERR, "an error\n");
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "an error\n");
}

} // namespace
} // namespace millrace::nic
