#pragma once

#include "engine_fixture.hpp"

#include <cstdint>

namespace millrace::tcp {

/// A connection with SACK whose path takes 100 ms for a round trip, as it has measured, and which
/// has ten segments of 1000 bytes in flight.
class RecoveryTest : public EngineTest {
  protected:
    static constexpr Duration rtt = 100ms;

    void measured_path() {
        ends.sack = true;
        established();
        user_sends(1000);
        now += rtt;
        arrive({.ack = 1001});
        first = 1001;
    }

    void ten_in_flight(std::uint32_t behind = 0) {
        measured_path();
        tcb.congestion.cwnd = 10'000;
        ASSERT_EQ(user_sends(10'000 + behind).size(), 10U);
        now += rtt;
    }

    /// Where the `n`-th of the ten segments begins, counted from 0.
    [[nodiscard]] std::uint32_t at(std::uint32_t n) const { return first + n * 1000; }

    /// A duplicate acknowledgement that tells of segments `from` to `to`, without the last.
    [[nodiscard]] Seg sacking(std::uint32_t from, std::uint32_t to) const {
        return {.ack = first, .sack = {{at(from), at(to)}}};
    }

    [[nodiscard]] Flight& flight() { return flights[tcb.flight_slot]; }

    std::uint32_t first = 1;
};

} // namespace millrace::tcp
