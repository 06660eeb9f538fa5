#include "runtime/worker_thread.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Le;

/// Time that only the test moves, and what the loop did with it.
struct World {
    Instant now{1s};
    int pauses = 0;
    std::vector<Duration> sleeps;
};

struct FakeClock {
    World* world;
    [[nodiscard]] Instant now() const { return world->now; }
};

struct FakeRest {
    World* world;
    void pause() const {
        ++world->pauses;
        world->now += 1us;
    }
    void sleep(Duration length) const {
        world->sleeps.push_back(length);
        world->now += length;
    }
};

/// A worker whose every poll takes `poll_length` and does what the script says, then nothing.
struct FakeWorker {
    World& world;
    std::vector<std::size_t> work;
    Duration poll_length = 10us;
    Instant deadline = never;
    std::function<void()> when_done;
    std::size_t idle_polls = 0;
    std::size_t polls = 0;

    std::size_t poll_once(Instant now) {
        EXPECT_EQ(now, world.now);
        world.now += poll_length;
        if (polls < work.size()) {
            return work[polls++];
        }
        if (idle_polls-- == 0) {
            when_done();
        }
        return 0;
    }
    [[nodiscard]] Instant next_deadline() const { return deadline; }
};

using FakeLoop = WorkerLoop<FakeWorker, FakeClock, FakeRest>;

std::uint64_t value(const FakeLoop& loop, LoopCounter counter) {
    return loop.meter().counters()[counter];
}

/// Runs `worker` until it has polled `idle_polls` times in vain.
void run(FakeLoop& loop, FakeWorker& worker, std::size_t idle_polls) {
    worker.idle_polls = idle_polls;
    worker.when_done = [&loop] { loop.stop(); };
    loop.run();
}

TEST(WorkerLoop, RestsOnlyWhenThereIsNothingToDo) {
    World world;
    FakeWorker worker{world, std::vector<std::size_t>(100, 32)};
    FakeLoop loop{worker, IdlePolicy{IdleMode::adaptive, 100us}, FakeClock{&world},
                  FakeRest{&world}};
    run(loop, worker, 0);
    EXPECT_EQ(worker.polls, 100U);
    EXPECT_EQ(world.pauses, 0);
    EXPECT_THAT(world.sleeps, ElementsAre());
}

TEST(WorkerLoop, SleepsUpToTheLatencyWhenNoTimerIsDue) {
    World world;
    FakeWorker worker{world, {1}};
    FakeLoop loop{worker, IdlePolicy{IdleMode::adaptive, 100us}, FakeClock{&world},
                  FakeRest{&world}};
    run(loop, worker, 100);
    EXPECT_GT(world.pauses, 0);
    ASSERT_FALSE(world.sleeps.empty());
    EXPECT_THAT(world.sleeps, Each(Le(100us)));
    EXPECT_EQ(world.sleeps.back(), 100us);
    EXPECT_EQ(value(loop, LoopCounter::sleeps), world.sleeps.size());
}

TEST(WorkerLoop, WakesForTheNextDeadline) {
    World world;
    FakeWorker worker{world, {1}};
    worker.poll_length = 100us;
    // The poll in vain that leads to the sleep begins 100 us after the start and takes as long.
    worker.deadline = world.now + 100us + 100us + 40us;
    FakeLoop loop{worker, IdlePolicy{IdleMode::adaptive, 100us}, FakeClock{&world},
                  FakeRest{&world}};
    run(loop, worker, 0);
    EXPECT_THAT(world.sleeps, ElementsAre(40us));
}

TEST(WorkerLoop, PollModeNeverSleeps) {
    World world;
    FakeWorker worker{world, {1}};
    FakeLoop loop{worker, IdlePolicy{IdleMode::poll, 100us}, FakeClock{&world}, FakeRest{&world}};
    run(loop, worker, 1000);
    EXPECT_EQ(world.pauses, 0);
    EXPECT_THAT(world.sleeps, ElementsAre());
}

TEST(WorkerLoop, CountsBusyTimeByTheTurnsThatDidSomething) {
    World world;
    FakeWorker worker{world, {5, 0, 7, 0}};
    FakeLoop loop{worker, IdlePolicy{IdleMode::poll, 100us}, FakeClock{&world}, FakeRest{&world}};
    run(loop, worker, 3);
    EXPECT_EQ(value(loop, LoopCounter::polls), 8U);
    EXPECT_EQ(value(loop, LoopCounter::polls_with_work), 2U);
    EXPECT_EQ(value(loop, LoopCounter::busy_ns), 20'000U);
    EXPECT_EQ(value(loop, LoopCounter::elapsed_ns), 80'000U);
}

TEST(LoopMeter, BusyShareIsThatOfTheLastWholeWindow) {
    LoopMeter meter;
    const auto share = [&] { return meter.counters()[LoopCounter::busy_permille]; };
    meter.turn(250ms, true);
    meter.turn(700ms, false);
    EXPECT_EQ(share(), 0U) << "no window is whole yet";
    meter.turn(50ms, false);
    EXPECT_EQ(share(), 250U);
    meter.turn(999ms, true);
    EXPECT_EQ(share(), 250U);
    meter.turn(1ms, true);
    EXPECT_EQ(share(), 1000U);
    meter.turn(2s, false);
    EXPECT_EQ(share(), 0U);
}

TEST(LoopMeter, EveryCounterHasAName) {
    for (const CounterInfo& info : loop_counter_infos()) {
        EXPECT_FALSE(info.name.empty());
        EXPECT_FALSE(info.help.empty());
    }
}

TEST(StartThread, IsNamedPinnedAndDeafToSignals) {
    const int here = sched_getcpu();
    ASSERT_GE(here, 0);
    const auto core = static_cast<unsigned>(here);
    ASSERT_TRUE(core_available(core));
    std::string name(16, '\0');
    bool blocked = false;
    std::vector<std::string> order;
    std::thread thread =
        start_thread(ThreadPlace{"millrace-worker-0", core, [&] { order.emplace_back("start"); },
                                 [&] { order.emplace_back("end"); }},
                     [&] {
                         order.emplace_back("body");
                         pthread_getname_np(pthread_self(), name.data(), name.size());
                         sigset_t mask;
                         pthread_sigmask(SIG_SETMASK, nullptr, &mask);
                         blocked = sigismember(&mask, SIGTERM) == 1;
                     });
    thread.join();
    EXPECT_STREQ(name.c_str(), "millrace-worker");
    EXPECT_TRUE(blocked);
    EXPECT_THAT(order, ElementsAre("start", "body", "end"));
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGTERM), 0) << "the caller still hears them";
}

TEST(StartThread, IsPinnedBeforeItsFirstWords) {
    const auto core = static_cast<unsigned>(sched_getcpu());
    bool pinned = false;
    const auto look = [&] {
        cpu_set_t set;
        CPU_ZERO(&set);
        pthread_getaffinity_np(pthread_self(), sizeof set, &set);
        pinned = CPU_COUNT(&set) == 1 && CPU_ISSET(core, &set);
    };
    std::thread thread = start_thread(ThreadPlace{"pinned", core, look, {}}, [] {});
    thread.join();
    EXPECT_TRUE(pinned);
}

TEST(CoreAvailable, KnowsCoresThatAreNotThere) {
    EXPECT_FALSE(core_available(1'000'000));
}

} // namespace
} // namespace millrace::runtime
