#include "runtime/secrets.hpp"

#include <gtest/gtest.h>

namespace millrace::runtime {
namespace {

TEST(Secrets, AreDrawnAnewEachTime) {
    const Secrets one = Secrets::draw();
    const Secrets other = Secrets::draw();
    EXPECT_NE(one.sequence_key, other.sequence_key);
    EXPECT_NE(one.hash_key, other.hash_key);
    EXPECT_NE(one.sequence_key, one.hash_key);
}

TEST(Secrets, AKeyOfThisBootIsTheSameForEveryProcess) {
    const SipKey key = sequence_key_of_this_boot();
    EXPECT_EQ(key, sequence_key_of_this_boot());
    EXPECT_NE(key, SipKey{});
    EXPECT_NE(key[0], key[1]);
    EXPECT_NE(key, Secrets::draw().sequence_key);
}

} // namespace
} // namespace millrace::runtime
