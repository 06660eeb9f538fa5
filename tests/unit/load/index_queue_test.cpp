#include <gtest/gtest.h>

#include "load/index_queue.hpp"

namespace millrace::load {
namespace {

TEST(IndexQueue, HasEachOnceInOrder) {
    IndexQueue queue{3};
    queue.push(2);
    queue.push(0);
    queue.push(2);
    queue.push(1);
    EXPECT_EQ(queue.pop(), 2U);
    queue.push(2);
    EXPECT_EQ(queue.pop(), 0U);
    EXPECT_EQ(queue.pop(), 1U);
    EXPECT_EQ(queue.pop(), 2U);
    EXPECT_TRUE(queue.empty());
}

} // namespace
} // namespace millrace::load
