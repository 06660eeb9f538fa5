#include "runtime/counters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<CounterInfo> infos{
    {"segments", "segments received"},
    {"busy_permille", "busy share", CounterKind::gauge, Combine::mean},
    {"longest_ns", "the longest turn", CounterKind::gauge, Combine::maximum},
};

enum class Name : std::uint8_t { segments, busy_permille, longest_ns };
using Block = Counters<Name, 3>;

Block block_of(std::uint64_t segments, std::uint64_t busy_permille, std::uint64_t longest_ns) {
    Block block;
    block.add(Name::segments, segments);
    block.add(Name::busy_permille, busy_permille);
    block.add(Name::longest_ns, longest_ns);
    return block;
}

TEST(Counters, AWorkersValuesBecomeOne) {
    const Block first = block_of(10, 300, 7);
    const Block second = block_of(32, 500, 5);
    CounterRegistry registry;
    registry.add_block("tcp", infos, first);
    registry.add_block("tcp", infos, second);
    ASSERT_EQ(registry.size(), 3U);
    const CounterReading segments = registry.read(0);
    EXPECT_EQ(*segments.group, "tcp");
    EXPECT_EQ(segments.info->name, "segments");
    EXPECT_EQ(segments.value, 42U);
    EXPECT_THAT(segments.worker_values, ElementsAre(10U, 32U));
    EXPECT_EQ(registry.read(1).value, 400U);
    EXPECT_EQ(registry.read(2).value, 7U);
}

TEST(Counters, ReadsWhatIsThereNow) {
    Block block;
    CounterRegistry registry;
    registry.add_block("tcp", infos, block);
    EXPECT_EQ(registry.read(0).value, 0U);
    block.add(Name::segments, 5);
    EXPECT_EQ(registry.read(0).value, 5U);
}

TEST(Counters, OneIsAskedFor) {
    std::uint64_t missed = 3;
    CounterRegistry registry;
    registry.add("port net0", {"imissed", "packets the port dropped"}, [&] { return missed; });
    EXPECT_EQ(registry.read(0).value, 3U);
    missed = 8;
    EXPECT_EQ(registry.read(0).value, 8U);
    EXPECT_THAT(registry.read(0).worker_values, IsEmpty());
}

TEST(Counters, GroupsStayTogether) {
    const Block first;
    const Block second;
    CounterRegistry registry;
    registry.add_block("tcp", infos, first);
    registry.add("port net0", {"imissed", ""}, [] { return 0U; });
    registry.add_block("tcp", infos, second);
    registry.add("tcp", {"late", ""}, [] { return 0U; });
    std::vector<std::string> names;
    for (std::size_t i = 0; i < registry.size(); ++i) {
        const CounterReading reading = registry.read(i);
        names.push_back(*reading.group + "/" + reading.info->name);
    }
    EXPECT_THAT(names, ElementsAre("tcp/segments", "tcp/busy_permille", "tcp/longest_ns",
                                   "tcp/late", "port net0/imissed"));
}

/// Under the thread sanitizer this fails when either side is not atomic.
TEST(Counters, AreReadWhileWorkersWrite) {
    constexpr std::uint64_t turns = 200'000;
    std::array<Block, 2> blocks;
    CounterRegistry registry;
    registry.add_block("tcp", infos, blocks[0]);
    registry.add_block("tcp", infos, blocks[1]);
    std::vector<std::thread> workers;
    for (auto& block : blocks) {
        workers.emplace_back([&block] {
            for (std::uint64_t i = 0; i < turns; ++i) {
                block.add(Name::segments);
            }
        });
    }
    std::uint64_t before = 0;
    while (before < turns) {
        const std::uint64_t now = registry.read(0).value;
        EXPECT_GE(now, before) << "a counter never goes back";
        before = now;
    }
    for (std::thread& worker : workers) {
        worker.join();
    }
    EXPECT_EQ(registry.read(0).value, 2 * turns);
}

} // namespace
} // namespace millrace::runtime
