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

/// What must hold of what is in flight: records without gap or overlap, sums that are theirs, and
/// every record that may be under way in the list by time, once.
inline void expect_sound(const Tcb& tcb, const Flight& flight, const Context& context) {
    const Flights& flights = context.flights;
    std::uint32_t sacked = 0;
    std::uint32_t lost = 0;
    std::uint32_t retransmitted = 0;
    std::uint32_t records = 0;
    std::uint32_t under_way = 0;
    wire::SeqNum at = tcb.snd.una;
    for (std::uint32_t index = flight.head; index != Flights::none;
         index = flights.record(index).next) {
        const SentRecord& record = flights.record(index);
        EXPECT_EQ(record.left, at);
        EXPECT_LT(record.left, record.right);
        at = record.right;
        sacked += record.sacked ? record.length() : 0;
        lost += record.lost ? record.length() : 0;
        retransmitted += record.retransmitted ? record.length() : 0;
        EXPECT_FALSE(record.sacked && (record.lost || record.retransmitted));
        under_way += record.under_way() ? 1U : 0U;
        ++records;
    }
    EXPECT_EQ(at, tcb.snd.nxt);
    EXPECT_EQ(flight.records, records);
    EXPECT_EQ(flight.sacked, sacked);
    EXPECT_EQ(flight.lost, lost);
    EXPECT_EQ(flight.retransmitted, retransmitted);
    for (std::uint32_t index = flight.oldest; index != Flights::none;
         index = flights.record(index).younger) {
        EXPECT_TRUE(flights.record(index).under_way());
        --under_way;
    }
    EXPECT_EQ(under_way, 0U) << "the list by time has other records than those under way";
    const auto sent = static_cast<std::uint32_t>(tcb.snd.nxt - tcb.snd.una);
    EXPECT_EQ(place_of(flight.cursors[0], tcb.queue, context.buffers),
              std::min(sent, tcb.queue.length));
}

/// What must hold of a connection between any two calls.
inline void expect_sound(const Tcb& tcb, const Context& context) {
    expect_sound(tcb.queue, tcb.send_charge, context.buffers);
    expect_sound(tcb.unread, tcb.receive_charge, context.buffers);
    EXPECT_LE(tcb.snd.una, tcb.snd.nxt);
    EXPECT_LE(tcb.snd.nxt - tcb.snd.una, static_cast<std::int64_t>(tcb.queue.length) + 1);
    EXPECT_EQ(tcb.flight_slot != Flight::none, tcb.snd.una != tcb.snd.nxt);
    if (tcb.flight_slot != Flight::none) {
        expect_sound(tcb, context.flights[tcb.flight_slot], context);
    }
    EXPECT_GE(tcb.rcv.edge, tcb.rcv.nxt);
    EXPECT_LE(tcb.rcv.acked, tcb.rcv.nxt);
}

/// What must hold of a connection that has just been flushed: whatever waits, waits for a deadline.
inline void expect_nothing_forgotten(const Tcb& tcb) {
    if (tcb.state == State::closed) {
        EXPECT_EQ(tcb.next_deadline(), never);
        return;
    }
    EXPECT_FALSE(tcb.ack_now);
    if (tcb.flight() > 0 || !tcb.queue.empty()) {
        EXPECT_NE(tcb.retransmit_deadline, never) << "data waits for nothing";
    }
    if (tcb.ack_delayed) {
        EXPECT_NE(tcb.ack_deadline, never) << "an acknowledgement waits for nothing";
    }
}

} // namespace millrace::tcp
