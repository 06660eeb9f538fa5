#include "timer/wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace millrace::timer {
namespace {

constexpr Duration one_tick = Wheel::tick_length;
constexpr Instant beginning{1h};

std::vector<Node*> fired_at(Wheel& wheel, Instant now, std::uint32_t allowance = Wheel::unlimited) {
    std::vector<Node*> fired;
    const auto count = wheel.advance(
        now, [&](Node& node) { fired.push_back(&node); }, allowance);
    EXPECT_EQ(count, fired.size());
    return fired;
}

TEST(Node, CarriesItsKindThroughTheWheel) {
    Wheel wheel{beginning};
    Node node{0xa5};
    EXPECT_FALSE(node.is_scheduled());
    EXPECT_EQ(node.deadline(), never);
    wheel.schedule(node, beginning + 3h);
    EXPECT_TRUE(node.is_scheduled());
    EXPECT_EQ(node.kind(), 0xa5);
    EXPECT_EQ(fired_at(wheel, beginning + 4h), std::vector<Node*>{&node});
    EXPECT_EQ(node.kind(), 0xa5);
    EXPECT_FALSE(node.is_scheduled());
}

TEST(Wheel, FiresNeitherEarlyNorMoreThanATickLate) {
    // Every power of two of ticks, and a nanosecond either side, from the next tick to 200 years.
    for (unsigned bits = 1; bits < 63; ++bits) {
        for (const std::int64_t beside : {-1, 0, 1}) {
            const Duration delay{(std::int64_t{1} << bits) + beside};
            Wheel wheel{Instant{}};
            Node node;
            const Instant deadline{delay};
            wheel.schedule(node, deadline);
            EXPECT_TRUE(fired_at(wheel, deadline - 1ns).empty()) << delay.count();
            EXPECT_GE(node.deadline(), deadline);
            EXPECT_LE(node.deadline() - deadline, one_tick);
            EXPECT_EQ(fired_at(wheel, node.deadline()).size(), 1u) << delay.count();
        }
    }
}

TEST(Wheel, KeepsTheLastInstantThereIs) {
    Wheel wheel{beginning};
    Node last;
    wheel.schedule(last, never - 1ns);
    EXPECT_TRUE(last.is_scheduled());
    EXPECT_TRUE(fired_at(wheel, never - 2ns).empty());
    EXPECT_EQ(wheel.size(), 1u);
}

TEST(Wheel, LeavesOutWhatNeverComes) {
    Wheel wheel{beginning};
    Node node;
    wheel.schedule(node, never);
    EXPECT_FALSE(node.is_scheduled());
    wheel.schedule(node, beginning + 1s);
    wheel.reschedule(node, never);
    EXPECT_FALSE(node.is_scheduled());
    EXPECT_EQ(wheel.next_deadline(), never);
    EXPECT_EQ(wheel.size(), 0u);
}

TEST(Wheel, FiresAPastDeadlineWithTheNextTick) {
    Wheel wheel{beginning};
    Node node;
    wheel.schedule(node, beginning - 30min);
    EXPECT_TRUE(fired_at(wheel, beginning).empty());
    EXPECT_EQ(fired_at(wheel, beginning + one_tick).size(), 1u);
}

TEST(Wheel, CancelsAnyNodeOfASlot) {
    for (const Duration delay : {Duration{1ms}, Duration{200ms}, Duration{60s}, Duration{72h}}) {
        for (std::size_t gone = 0; gone < 3; ++gone) {
            Wheel wheel{beginning};
            std::vector<Node> nodes(3);
            for (Node& node : nodes) {
                wheel.schedule(node, beginning + delay);
            }
            wheel.cancel(nodes[gone]);
            wheel.cancel(nodes[gone]);
            EXPECT_EQ(wheel.size(), 2u);
            const auto fired = fired_at(wheel, beginning + delay + one_tick);
            EXPECT_EQ(fired.size(), 2u);
            EXPECT_EQ(std::ranges::count(fired, &nodes[gone]), 0);
        }
    }
}

TEST(Wheel, KnowsWhenItIsEmptyAgain) {
    Wheel wheel{beginning};
    std::vector<Node> nodes(8);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        wheel.schedule(nodes[i], beginning + Duration{std::int64_t{1} << (14 + 6 * i)});
    }
    for (Node& node : nodes) {
        EXPECT_NE(wheel.next_deadline(), never);
        wheel.cancel(node);
    }
    EXPECT_EQ(wheel.next_deadline(), never);
}

TEST(Wheel, BringForwardMovesOnlyToEarlier) {
    Wheel wheel{beginning};
    Node node;
    wheel.bring_forward(node, beginning + 1s);
    const Instant first = node.deadline();
    wheel.bring_forward(node, beginning + 2s);
    EXPECT_EQ(node.deadline(), first);
    wheel.bring_forward(node, never);
    EXPECT_EQ(node.deadline(), first);
    wheel.bring_forward(node, beginning + 1ms);
    EXPECT_LT(node.deadline(), beginning + 2ms);
    EXPECT_EQ(wheel.size(), 1u);
}

TEST(Wheel, DoesNotFireInTheSameCallWhatACallbackSchedules) {
    Wheel wheel{beginning};
    Node node;
    wheel.schedule(node, beginning + 1ms);
    int fired = 0;
    const auto again = [&](Node& due) {
        ++fired;
        wheel.schedule(due, beginning); // Long past.
    };
    wheel.advance(beginning + 5h, again);
    EXPECT_EQ(fired, 1);
    wheel.advance(beginning + 5h, again);
    EXPECT_EQ(fired, 1);
    wheel.advance(beginning + 5h + one_tick, again);
    EXPECT_EQ(fired, 2);
}

TEST(Wheel, LetsACallbackCancelWhatIsDueWithIt) {
    Wheel wheel{beginning};
    std::vector<Node> nodes(3);
    for (Node& node : nodes) {
        wheel.schedule(node, beginning + 1ms);
    }
    int fired = 0;
    wheel.advance(beginning + 10ms, [&](Node&) {
        ++fired;
        for (Node& node : nodes) {
            wheel.cancel(node);
        }
    });
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(wheel.size(), 0u);
}

TEST(Wheel, LetsACallbackPutOffWhatIsDueWithIt) {
    Wheel wheel{beginning};
    Node first;
    Node second;
    wheel.schedule(first, beginning + 1ms);
    wheel.schedule(second, beginning + 1ms);
    int fired = 0;
    wheel.advance(beginning + 10ms, [&](Node& due) {
        ++fired;
        wheel.reschedule(&due == &first ? second : first, beginning + 1min);
    });
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(fired_at(wheel, beginning + 1min + one_tick).size(), 1u);
}

TEST(Wheel, StopsWhenTheAllowanceIsUsedUpAndGoesOn) {
    // 60 s puts the nodes in a coarse slot, so bringing them down uses the allowance as well.
    for (const Duration delay : {Duration{1ms}, Duration{60s}}) {
        Wheel wheel{beginning};
        std::vector<Node> nodes(1000);
        for (Node& node : nodes) {
            wheel.schedule(node, beginning + delay);
        }
        const Instant now = beginning + delay + one_tick;
        std::size_t fired = 0;
        std::size_t calls = 0;
        while (wheel.size() > 0 && calls < 1000) {
            EXPECT_LE(wheel.next_deadline(), now);
            const auto some = fired_at(wheel, now, 10);
            EXPECT_LE(some.size(), 10u);
            fired += some.size();
            ++calls;
        }
        EXPECT_EQ(fired, nodes.size());
        EXPECT_GE(calls, nodes.size() / 10);
        EXPECT_TRUE(fired_at(wheel, now, 10).empty());
    }
}

TEST(Wheel, DoesNothingWhenTheClockStepsBackInABacklog) {
    for (const Duration delay : {Duration{20ms}, Duration{60s}}) {
        Wheel wheel{beginning};
        std::vector<Node> nodes(20);
        for (Node& node : nodes) {
            wheel.schedule(node, beginning + delay);
        }
        const Instant now = beginning + delay + 5s;
        const auto before = fired_at(wheel, now, 15).size();
        EXPECT_TRUE(fired_at(wheel, beginning + 1ms).empty());
        EXPECT_EQ(before + fired_at(wheel, now).size(), nodes.size());
    }
}

TEST(Wheel, QueuesWhatIsScheduledInABacklogBehindIt) {
    Wheel wheel{beginning};
    std::vector<Node> due(20);
    for (Node& node : due) {
        wheel.schedule(node, beginning + 1ms);
    }
    const Instant now = beginning + 10ms;
    EXPECT_EQ(fired_at(wheel, now, 5).size(), 5u);
    Node late;
    wheel.schedule(late, beginning + 2ms);
    EXPECT_EQ(fired_at(wheel, now, 15).size(), 15u);
    EXPECT_TRUE(late.is_scheduled());
    EXPECT_EQ(fired_at(wheel, now + one_tick).size(), 1u);
}

TEST(Wheel, BringsCoarseSlotsDownBeforeTheirTime) {
    // Half a minute of connections in slots of 2.1 s; no single tick may have to move a crowd.
    Wheel wheel{Instant{}};
    std::vector<Node> nodes(300'000);
    const auto deadline_of = [&](const Node& node) {
        return Instant{60s + Duration{100'000} * (&node - nodes.data())};
    };
    for (Node& node : nodes) {
        wheel.schedule(node, deadline_of(node));
    }
    std::size_t fired = 0;
    Duration latest{};
    for (Instant now{one_tick}; now <= Instant{91s}; now += one_tick) {
        fired += wheel.advance(
            now, [&](Node& node) { latest = std::max(latest, now - deadline_of(node)); }, 100);
    }
    EXPECT_EQ(fired, nodes.size());
    EXPECT_LT(latest, one_tick);
}

TEST(Wheel, NextDeadlineIsExactWhenNear) {
    Wheel wheel{beginning};
    Node node;
    wheel.schedule(node, beginning + 5ms);
    EXPECT_EQ(wheel.next_deadline(), node.deadline());
}

TEST(Wheel, SleepingUntilNextDeadlineWakesAFewTimesAndNeverLate) {
    for (const Duration delay : {Duration{1ms}, Duration{40ms}, Duration{200ms}, Duration{7min},
                                 Duration{2h}, Duration{50h}, Duration{1000h}}) {
        Wheel wheel{beginning + 12345678ns};
        Node node;
        wheel.schedule(node, beginning + 12345678ns + delay);
        const Instant due = node.deadline();
        int wakes = 0;
        while (node.is_scheduled() && wakes < 10) {
            const Instant wake = wheel.next_deadline();
            ASSERT_LE(wake, due);
            wheel.advance(wake, [&](Node&) { EXPECT_EQ(wake, due); });
            ++wakes;
        }
        EXPECT_FALSE(node.is_scheduled());
        EXPECT_LE(wakes, 5);
    }
}

/// The wheel beside a sorted list of (tick at which it must fire, node).
class Referee {
  public:
    explicit Referee(std::uint64_t seed)
        : random_{seed}, now_{Duration{static_cast<std::int64_t>(random_() >> 20)}}, wheel_{now_},
          nodes_(node_count) {
        where_.assign(node_count, expected_.end());
    }

    void step() {
        const auto choice = random_() % 16;
        Node& node = nodes_[random_() % node_count];
        if (choice < 6) {
            wheel_.reschedule(node, note(node, random_deadline()));
        } else if (choice < 8) {
            forget(node);
            wheel_.cancel(node);
        } else if (choice < 10) {
            const Instant deadline = random_deadline();
            if (!node.is_scheduled() || rounded(deadline) < node.deadline()) {
                note(node, deadline);
            }
            wheel_.bring_forward(node, deadline);
        } else {
            now_ += random_jump();
            check_next_deadline();
            advance(choice == 15 ? 1 + random_() % 8 : Wheel::unlimited);
        }
        ASSERT_EQ(wheel_.size(), expected_.size());
    }

    void finish() {
        acting_ = false;
        now_ += Duration{std::int64_t{1} << 61};
        for (int calls = 0; wheel_.size() > 0 && calls < 1000; ++calls) {
            now_ += one_tick;
            advance(Wheel::unlimited);
        }
        EXPECT_EQ(wheel_.size(), 0u);
        EXPECT_EQ(wheel_.next_deadline(), never);
    }

    std::uint64_t fired() const { return fired_; }

  private:
    static constexpr std::size_t node_count = 300;

    static Instant rounded(Instant deadline) {
        const auto ns = deadline.time_since_epoch().count();
        return Instant{Duration{(ns + one_tick.count() - 1) / one_tick.count() * one_tick.count()}};
    }

    /// From one tick to years, every order of magnitude as often as any other; sometimes past.
    Duration random_span(unsigned bits_most) {
        const auto bits = 12 + random_() % (bits_most - 12);
        return Duration{static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << bits) - 1))};
    }
    Instant random_deadline() {
        const Duration span = random_span(58);
        return random_() % 16 == 0 ? now_ - std::min(span, now_.time_since_epoch()) : now_ + span;
    }
    Duration random_jump() { return random_span(random_() % 64 == 0 ? 50 : 32); }

    Instant note(Node& node, Instant deadline) {
        forget(node);
        const auto index = index_of(node);
        where_[index] = expected_.emplace(deadline, &node);
        return deadline;
    }
    void forget(Node& node) {
        const auto index = index_of(node);
        if (where_[index] != expected_.end()) {
            expected_.erase(where_[index]);
            where_[index] = expected_.end();
        }
    }
    std::size_t index_of(const Node& node) const {
        return static_cast<std::size_t>(&node - nodes_.data());
    }

    void check_next_deadline() {
        if (expected_.empty()) {
            EXPECT_EQ(wheel_.next_deadline(), never);
        } else {
            Instant first = never;
            for (const Node& node : nodes_) {
                first = std::min(first, node.deadline());
            }
            EXPECT_LE(wheel_.next_deadline(), first);
        }
    }

    void advance(std::uint32_t allowance) {
        std::vector<Node*> put_back;
        const auto fired = wheel_.advance(
            now_,
            [&](Node& node) {
                const auto index = index_of(node);
                ASSERT_NE(where_[index], expected_.end()) << "fired without being scheduled";
                ASSERT_LE(where_[index]->first, now_) << "fired early";
                ASSERT_FALSE(node.is_scheduled());
                forget(node);
                act_inside_callback(node, put_back);
            },
            allowance);
        fired_ += fired;
        if (fired < allowance && allowance == Wheel::unlimited) {
            expect_nothing_left_due(put_back);
        }
    }

    void act_inside_callback(Node& fired, std::vector<Node*>& put_back) {
        Node& other = nodes_[random_() % node_count];
        switch (acting_ ? random_() % 6 : 6) {
        case 0:
            wheel_.schedule(fired, note(fired, random_deadline()));
            put_back.push_back(&fired);
            break;
        case 1:
            wheel_.reschedule(other, note(other, random_deadline()));
            put_back.push_back(&other);
            break;
        case 2:
            forget(other);
            wheel_.cancel(other);
            break;
        default:
            break;
        }
    }

    /// A node whose rounded deadline has come is gone, unless this call put it back or it was put
    /// in with a deadline that had already passed; then the next tick is early enough.
    void expect_nothing_left_due(const std::vector<Node*>& put_back) {
        for (const auto& [deadline, node] : expected_) {
            if (rounded(deadline) > now_) {
                break;
            }
            const bool excused = std::ranges::count(put_back, node) > 0;
            ASSERT_TRUE(excused || node->deadline() > now_) << "late";
            ASSERT_LE(node->deadline() - now_, one_tick) << "late by more than a tick";
        }
    }

    std::mt19937_64 random_;
    Instant now_;
    Wheel wheel_;
    std::vector<Node> nodes_;
    std::multimap<Instant, Node*> expected_;
    std::vector<std::multimap<Instant, Node*>::iterator> where_;
    std::uint64_t fired_ = 0;
    bool acting_ = true;
};

TEST(Wheel, AgreesWithASortedList) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        Referee referee{seed};
        for (int i = 0; i < 5000; ++i) {
            referee.step();
            if (testing::Test::HasFatalFailure()) {
                return;
            }
        }
        EXPECT_GT(referee.fired(), 100u);
        referee.finish();
    }
}

/// Advanced every tick, nothing is late by a whole tick, over several turns of the two finest
/// levels.
TEST(Wheel, IsNeverATickLateWhenAdvancedEveryTick) {
    std::mt19937_64 random{7};
    struct Timer {
        Node node;
        Instant deadline;
    };
    std::vector<std::unique_ptr<Timer>> timers;
    Wheel wheel{beginning};
    const auto restart = [&](Timer& timer, Instant now) {
        timer.deadline = now + Duration{static_cast<std::int64_t>(random() % 10'000'000'000)};
        wheel.schedule(timer.node, timer.deadline);
    };
    for (int i = 0; i < 2000; ++i) {
        timers.push_back(std::make_unique<Timer>());
        restart(*timers.back(), beginning);
    }
    std::uint64_t fired = 0;
    for (int i = 0; i < 400'000; ++i) {
        const Instant now = beginning + i * one_tick + 1ns;
        wheel.advance(now, [&](Node& node) {
            auto& timer = reinterpret_cast<Timer&>(node);
            ASSERT_LE(timer.deadline, now);
            ASSERT_LE(now - timer.deadline, 2 * one_tick - 1ns);
            ++fired;
            restart(timer, now);
        });
    }
    EXPECT_GT(fired, 4000u);
}

} // namespace
} // namespace millrace::timer
