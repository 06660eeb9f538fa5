#include "flow/published.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>
#include <utility>

namespace millrace::flow {
namespace {

#if defined(__has_feature)
constexpr bool under_thread_sanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool under_thread_sanitizer = false;
#endif

struct Narrow {
    std::uint16_t a;
    std::uint16_t b;
    std::uint32_t c;
    std::uint32_t d;
    friend bool operator==(const Narrow&, const Narrow&) = default;
};

struct Wide {
    std::uint64_t number;
    std::uint64_t copies[255];
};

static_assert(sizeof(Published<Narrow>) == sizeof(Narrow) + 4, "the generation takes one word");
static_assert(sizeof(Published<Wide>) == sizeof(Wide) + 8);

TEST(Published, GivesBackWhatWasPublishedLast) {
    Published<Narrow> published;
    EXPECT_EQ(published.try_copy(), Narrow{});
    published.publish({1, 2, 3, 4});
    EXPECT_EQ(published.try_copy(), (Narrow{1, 2, 3, 4}));
    published.publish({5, 6, 7, 8});
    EXPECT_EQ(published.try_copy(), (Narrow{5, 6, 7, 8}));
    EXPECT_EQ(published.value(), (Narrow{5, 6, 7, 8}));
}

TEST(Published, GivesItsOwnerTheFirstMemberAlone) {
    struct Pair {
        std::uint16_t a;
        std::uint16_t b;
        bool operator==(const Pair&) const = default;
    };
    struct Three {
        std::uint32_t a;
        std::uint32_t b;
        std::uint32_t c;
        bool operator==(const Three&) const = default;
    };
    Published<Narrow> narrow;
    narrow.publish({1, 2, 3, 4});
    EXPECT_EQ(narrow.value_of_first<Pair>(), (Pair{1, 2}));
    EXPECT_EQ(narrow.value_of_first<std::uint16_t>(), 1);
    Published<Wide> whole_words;
    whole_words.publish({0x0000'0002'0000'0001, {3}});
    EXPECT_EQ(whole_words.value_of_first<Three>(), (Three{1, 2, 3}));
}

Wide wide(std::uint64_t number) {
    Wide value{number, {}};
    for (std::uint64_t& copy : value.copies) {
        copy = ~number;
    }
    return value;
}

/// An entry across the border of two pages. The first access to the second page stops in the middle
/// of publish() or try_copy(), lets the test act as the other thread at that very moment, and goes
/// on.
class AcrossAPageBorder : public testing::Test {
  protected:
    void SetUp() override {
        pages_ = mmap(nullptr, 2 * page_length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
        ASSERT_NE(pages_, MAP_FAILED);
        entry_ = ::new (static_cast<std::byte*>(pages_) + page_length - sizeof(Wide) / 2)
            Published<Wide>;
        struct sigaction action {};
        action.sa_handler = [](int) { current_->interrupt(); };
        sigaction(SIGSEGV, &action, &previous_);
        current_ = this;
    }
    void TearDown() override {
        sigaction(SIGSEGV, &previous_, nullptr);
        munmap(pages_, 2 * page_length);
    }

    void interrupt_next_access_with(std::function<void()> act) {
        act_ = std::move(act);
        ASSERT_EQ(mprotect(second_page(), page_length, PROT_NONE), 0);
    }
    Published<Wide>& entry() { return *entry_; }
    bool interrupted() const { return interrupted_; }

  private:
    static constexpr std::size_t page_length = 4096;

    std::byte* second_page() { return static_cast<std::byte*>(pages_) + page_length; }
    void interrupt() {
        if (interrupted_ || mprotect(second_page(), page_length, PROT_READ | PROT_WRITE) != 0) {
            std::abort(); // A fault that is not ours.
        }
        interrupted_ = true;
        act_();
    }

    static inline AcrossAPageBorder* current_ = nullptr;
    void* pages_ = nullptr;
    Published<Wide>* entry_ = nullptr;
    struct sigaction previous_ {};
    std::function<void()> act_;
    bool interrupted_ = false;
};

TEST_F(AcrossAPageBorder, ACopyThatThePublisherOvertakesIsThrownAway) {
    entry().publish(wide(1));
    interrupt_next_access_with([&] { entry().publish(wide(2)); });
    EXPECT_FALSE(entry().try_copy().has_value());
    EXPECT_TRUE(interrupted());
    EXPECT_EQ(entry().try_copy().value().number, 2u);
}

TEST_F(AcrossAPageBorder, NoCopyIsMadeInTheMiddleOfAPublication) {
    if constexpr (under_thread_sanitizer) {
        GTEST_SKIP() << "its atomic stores hold a lock when they are interrupted";
    }
    entry().publish(wide(1));
    bool copied = true;
    interrupt_next_access_with([&] { copied = entry().try_copy().has_value(); });
    entry().publish(wide(2));
    EXPECT_TRUE(interrupted());
    EXPECT_FALSE(copied);
    EXPECT_EQ(entry().try_copy().value().number, 2u);
}

/// Never a mixture of two publications, never one older than a copy made before.
TEST(Published, IsNeverTornNorGoesBack) {
    constexpr std::uint64_t publications = 60'000;
    Published<Wide> published;
    std::atomic<bool> reading{false};
    std::thread owner{[&] {
        while (!reading.load()) {
            std::this_thread::yield();
        }
        for (std::uint64_t number = 1; number <= publications; ++number) {
            published.publish(wide(number));
            // Leave readers a moment in which to begin, and now and then one in which to succeed.
            for (std::uint64_t pause = number % 16 == 0 ? 400 : 20; pause > 0; --pause) {
                std::atomic_signal_fence(std::memory_order_seq_cst);
            }
        }
    }};
    std::uint64_t last = 0;
    std::uint64_t torn = 0;
    std::uint64_t backwards = 0;
    while (last < publications) {
        reading.store(true);
        const auto copy = published.try_copy();
        if (!copy || copy->number == 0) {
            continue;
        }
        for (const std::uint64_t each : copy->copies) {
            torn += each != ~copy->number;
        }
        backwards += copy->number < last;
        last = copy->number;
    }
    owner.join();
    EXPECT_EQ(torn, 0u);
    EXPECT_EQ(backwards, 0u);
}

} // namespace
} // namespace millrace::flow
