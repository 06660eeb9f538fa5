#pragma once

#include "tcp/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

/// What must hold of a rope: its length and the memory it pins are the sums of its slices'.
inline void expect_sound(const Rope& rope, std::uint32_t charge, const Buffers& buffers) {
    std::uint32_t length = 0;
    std::uint32_t charged = 0;
    std::uint32_t last = UINT32_MAX;
    for (std::uint32_t index = rope.head; index != UINT32_MAX; index = buffers.node(index).next) {
        EXPECT_GT(buffers.node(index).slice.length, 0U);
        length += buffers.node(index).slice.length;
        charged += buffers.charge(buffers.node(index).slice);
        last = index;
    }
    EXPECT_EQ(rope.length, length);
    EXPECT_EQ(rope.tail, last);
    EXPECT_EQ(charge, charged);
}

/// How far into the rope a cursor stands, in bytes.
inline std::uint32_t place_of(const Cursor& cursor, const Rope& rope, const Buffers& buffers) {
    std::uint32_t before = 0;
    if (cursor.node == UINT32_MAX) {
        return cursor.offset;
    }
    for (std::uint32_t index = rope.head; index != cursor.node; index = buffers.node(index).next) {
        if (index == UINT32_MAX) {
            ADD_FAILURE() << "a cursor names a node that is not in its rope";
            return 0;
        }
        before += buffers.node(index).slice.length;
    }
    return before + cursor.offset;
}

/// What must hold of a connection between any two calls.
inline void expect_sound(const Tcb& tcb, const Context& context) {
    expect_sound(tcb.queue, tcb.send_charge, context.buffers);
    expect_sound(tcb.unread, tcb.receive_charge, context.buffers);
    EXPECT_LE(tcb.snd.una, tcb.snd.at);
    EXPECT_LE(tcb.snd.at, tcb.snd.nxt);
    EXPECT_LE(tcb.snd.nxt - tcb.snd.una, static_cast<std::int64_t>(tcb.queue.length) + 1);
    const auto at = static_cast<std::uint32_t>(tcb.snd.at - tcb.snd.una);
    EXPECT_EQ(place_of(tcb.queue_at, tcb.queue, context.buffers), std::min(at, tcb.queue.length));
    EXPECT_GE(tcb.rcv.edge, tcb.rcv.nxt);
    EXPECT_LE(tcb.rcv.acked, tcb.rcv.nxt);
    if (tcb.in_recovery) {
        EXPECT_LT(tcb.snd.una, tcb.recover);
    }
}

/// What must hold of a connection that has just been flushed: whatever waits, waits for a deadline.
inline void expect_nothing_forgotten(const Tcb& tcb) {
    if (tcb.state == State::closed) {
        EXPECT_EQ(tcb.next_deadline(), never);
        return;
    }
    EXPECT_FALSE(tcb.ack_now);
    EXPECT_FALSE(tcb.retransmit_first);
    if (tcb.flight() > 0 || !tcb.queue.empty()) {
        EXPECT_NE(tcb.retransmit_deadline, never) << "data waits for nothing";
    }
    if (tcb.ack_delayed) {
        EXPECT_NE(tcb.ack_deadline, never) << "an acknowledgement waits for nothing";
    }
}

} // namespace millrace::tcp
