#include "runtime/eal.hpp"
#include "runtime/eal_memory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <gtest/gtest.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory_resource>
#include <thread>
#include <vector>

namespace millrace::runtime {
namespace {

/// EAL starts once for each process: each test is a child of its own, which prints what it finds.
class EalUnit : public testing::Test {
  protected:
    static EalOptions ordinary(std::uint32_t memory_mb = 64) {
        return {.hugepages = EalOptions::Hugepages::off, .memory_mb = memory_mb};
    }

    /// Ends the child: with what `check` prints to standard error, and 0 where EAL started.
    [[noreturn]] static void start(
        const EalOptions& options, const std::function<void(Eal&)>& check = [](Eal&) {}) {
        auto eal = Eal::start(options);
        if (!eal) {
            fmt::print(stderr, "{}\n", eal.error().message);
            std::_Exit(2);
        }
        check(*eal.value());
        eal.value().reset();
        std::_Exit(0);
    }
};

TEST_F(EalUnit, StartsOnOrdinaryMemoryAndSaysSo) {
    EXPECT_EXIT(
        start(ordinary(),
              [](const Eal& eal) { fmt::print(stderr, "{}", fmt::join(eal.notes(), "; ")); }),
        testing::ExitedWithCode(0),
        "no hugepages: running on 64 MB of ordinary memory; "
        "'drivers-cfg/hugepages.sh --reserve 64'");
}

TEST_F(EalUnit, FallsBackWhereTooFewHugepagesAreFree) {
    EXPECT_EXIT(start({.memory_mb = 60'000'000}, [](Eal&) { std::_Exit(3); }),
                testing::ExitedWithCode(2), "--no-huge");
}

TEST_F(EalUnit, RefusesToStartWithoutTheHugepagesThatAreAskedFor) {
    EXPECT_EXIT(start({.hugepages = EalOptions::Hugepages::on, .memory_mb = 4'000'000}),
                testing::ExitedWithCode(2),
                "4000000 MB are needed.*drivers-cfg/hugepages.sh --reserve 4000000");
}

TEST_F(EalUnit, NamesTheCommandLineThatWasWrong) {
    EalOptions options = ordinary();
    options.arguments = {"--no-such-option"};
    EXPECT_EXIT(start(options), testing::ExitedWithCode(2),
                "DPDK does not start: .*--no-such-option");
}

TEST_F(EalUnit, KeepsEveryCpuOfTheCallingThread) {
    EXPECT_EXIT(start(ordinary(),
                      [](Eal&) {
                          cpu_set_t set;
                          CPU_ZERO(&set);
                          sched_getaffinity(0, sizeof set, &set);
                          fmt::print(stderr, "{} of {}, lcores {}", CPU_COUNT(&set),
                                     sysconf(_SC_NPROCESSORS_ONLN), rte_lcore_count());
                      }),
                testing::ExitedWithCode(0), "([0-9]+) of .*, lcores 1");
}

TEST_F(EalUnit, GivesMemoryThatAPortCanRead) {
    EXPECT_EXIT(start(ordinary(),
                      [](Eal&) {
                          std::pmr::vector<std::uint64_t> numbers{&eal_memory_resource()};
                          numbers.assign(100'000, 7);
                          const auto* const list = rte_mem_virt2memseg_list(numbers.data());
                          fmt::print(stderr, "{}", list != nullptr ? "EAL's" : "not EAL's");
                      }),
                testing::ExitedWithCode(0), "^EAL's");
}

TEST_F(EalUnit, SaysHowMuchMemoryWouldHaveBeenEnough) {
    EXPECT_EXIT(start(ordinary(),
                      [](Eal&) {
                          try {
                              std::pmr::vector<std::byte> bytes{&eal_memory_resource()};
                              bytes.resize(std::size_t{100} << 20U);
                          } catch (const std::bad_alloc& error) {
                              fmt::print(stderr, "{}", error.what());
                          }
                      }),
                testing::ExitedWithCode(0), "101 MB asked for.*memory_mb must be at least 10[1-9]");
}

TEST_F(EalUnit, TakesBackWhatItGave) {
    EXPECT_EXIT(start(ordinary(),
                      [](Eal&) {
                          constexpr std::size_t half = std::size_t{32} << 20U;
                          std::pmr::memory_resource& memory = eal_memory_resource();
                          for (int round = 0; round < 100; ++round) {
                              memory.deallocate(memory.allocate(half), half);
                          }
                          fmt::print(stderr, "done");
                      }),
                testing::ExitedWithCode(0), "done");
}

TEST_F(EalUnit, KnowsWorkersThatAreThreadsOfOurs) {
    EXPECT_EXIT(start(ordinary(),
                      [](Eal&) {
                          std::thread{[] {
                              const unsigned before = rte_lcore_id();
                              const bool known = register_worker_thread();
                              fmt::print(stderr, "{} {} {}", before == LCORE_ID_ANY, known,
                                         rte_lcore_id() != LCORE_ID_ANY);
                              unregister_worker_thread();
                          }}.join();
                      }),
                testing::ExitedWithCode(0), "true true true");
}

/// Starts and ends, as far as it comes, and says whether there was a runtime directory and still
/// is.
[[noreturn]] void tell_of_runtime_directory(const EalOptions& options) {
    auto eal = Eal::start(options);
    const std::filesystem::path directory{rte_eal_get_runtime_dir()};
    const bool during = std::filesystem::exists(directory);
    if (eal) {
        eal.value().reset();
    }
    fmt::print(stderr, "{} {}", during, std::filesystem::exists(directory));
    std::_Exit(0);
}

TEST_F(EalUnit, LeavesNoFilesBehind) {
    EXPECT_EXIT(tell_of_runtime_directory(ordinary()), testing::ExitedWithCode(0), "true false");
    EalOptions named = ordinary();
    named.file_prefix = fmt::format("eal_test{}", getpid());
    EXPECT_EXIT(tell_of_runtime_directory(named), testing::ExitedWithCode(0), "true false");
}

TEST_F(EalUnit, LeavesNoFilesBehindWhereItDoesNotStart) {
    EalOptions options = ordinary();
    options.arguments = {"--base-virtaddr=nonsense"};
    EXPECT_EXIT(tell_of_runtime_directory(options), testing::ExitedWithCode(0), "false false");
}

TEST_F(EalUnit, LivesOnWhenAPeerIsGone) {
    EXPECT_EXIT(start(ordinary(),
                      [](Eal&) {
                          int ends[2];
                          if (pipe(static_cast<int*>(ends)) == 0) {
                              close(ends[0]);
                              fmt::print(stderr, "{}", write(ends[1], "x", 1));
                          }
                      }),
                testing::ExitedWithCode(0), "-1");
}

} // namespace
} // namespace millrace::runtime
