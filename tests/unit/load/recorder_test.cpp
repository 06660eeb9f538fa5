#include <gtest/gtest.h>

#include "load/recorder.hpp"

#include <atomic>
#include <thread>

namespace millrace::load {
namespace {

TEST(Recorder, HandsOverWhenAsked) {
    Recorder recorder;
    Histogram sum;
    recorder.record(1us);
    recorder.turn();
    recorder.ask();
    EXPECT_FALSE(recorder.answered());
    recorder.record(2us);
    recorder.turn();
    EXPECT_TRUE(recorder.answered());
    recorder.record(3us);
    recorder.take(sum);
    EXPECT_EQ(sum.count(), 2U);
    recorder.take_rest(sum);
    EXPECT_EQ(sum.count(), 3U);
    recorder.take_rest(sum);
    EXPECT_EQ(sum.count(), 3U);
}

// Run under the thread sanitizer too: what is recorded arrives once, and nobody waits.
TEST(Recorder, LosesNothingBetweenTwoThreads) {
    constexpr std::uint64_t records = 200'000;
    Recorder recorder;
    std::atomic<bool> done{false};
    std::thread worker{[&] {
        for (std::uint64_t i = 0; i < records; ++i) {
            recorder.record(Duration{static_cast<Duration::rep>(i)});
            recorder.turn();
        }
        done = true;
    }};
    Histogram sum;
    while (!done) {
        recorder.ask();
        while (!recorder.answered() && !done) {
            std::this_thread::yield();
        }
        if (recorder.answered()) {
            recorder.take(sum);
        }
    }
    worker.join();
    recorder.take_rest(sum);
    EXPECT_EQ(sum.count(), records);
}

} // namespace
} // namespace millrace::load
