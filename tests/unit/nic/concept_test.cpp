#include "nic/queue.hpp"
#include "stack/nic_concept.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

static_assert(stack::PacketHandle<nic::Packet>);
static_assert(stack::Nic<nic::Queue>);

TEST(NicConcept, QueuesOfWorkersShareNoCacheLine) {
    EXPECT_EQ(alignof(nic::Queue), 64U);
}

} // namespace
} // namespace millrace
