// E6: what was sent is recorded, and when records run out repair becomes coarser and nothing stops.

#include "recovery_fixture.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::tcp {
namespace {

class FlightTest : public RecoveryTest {
  protected:
    /// Takes records until none is left but those that are kept back.
    void run_dry(Flights& of) {
        while (of.records().available() > of.flights().available()) {
            hogs_.push_back(of.begin(wire::SeqNum{0}));
            ASSERT_NE(hogs_.back(), Flights::none);
            Flight& hog = of[hogs_.back()];
            std::uint32_t records = 0;
            for (wire::SeqNum at{0}; records == 0 || hog.records > records; at += 1) {
                records = hog.records;
                of.append(hog, at, at + 1, Instant{});
            }
        }
    }

    void end_hogs() {
        for (const std::uint32_t hog : hogs_) {
            flights.end(hog);
        }
    }

    std::vector<std::uint32_t> hogs_;
};

// E6.pools
TEST(Flights, NoNumberOfFlightsTakesTheRecordsOfTheNext) {
    Flights flights{{.flights = 20, .records = 8192}};
    const auto sends = [&](wire::SeqNum iss, std::uint32_t segments) -> const Flight& {
        Flight& flight = flights[flights.begin(iss)];
        for (std::uint32_t i = 0; i < segments; ++i) {
            flights.append(flight, iss + i, iss + i + 1, Instant{1s});
        }
        return flight;
    };
    for (std::uint32_t i = 0; i < 15; ++i) {
        EXPECT_GT(sends(wire::SeqNum{i << 16U}, 5000).records, 100U);
    }
    EXPECT_EQ(sends(wire::SeqNum{0}, 100).records, 100U);
}

TEST_F(FlightTest, E6_without_records_streams_go_on_and_losses_are_repaired) {
    run_dry(flights);
    measured_path();
    tcb.congestion.cwnd = 10'000;
    ASSERT_EQ(user_sends(10'000).size(), 10U);
    EXPECT_EQ(flight().records, 1U);
    now += rtt;
    arrive({.ack = first, .sack = {{at(4), at(10)}}}); // Cannot be noted: there is one record.
    EXPECT_EQ(flight().sacked, 0U);
    for (int i = 0; i < 20 && tcb.flight_slot != Flight::none; ++i) {
        if (tcb.next_deadline() == never) {
            break;
        }
        fire();
        const auto all = sent;
        if (!all.empty()) {
            arrive({.ack = all.back().seq + all.back().length});
        }
    }
    EXPECT_EQ(tcb.flight_slot, Flight::none);
    EXPECT_EQ(tcb.snd.una, ends.iss + at(10));
    end_hogs();
}

TEST_F(FlightTest, E6_without_records_round_trips_are_not_mismeasured) {
    run_dry(flights);
    measured_path();
    tcb.congestion.cwnd = 100'000;
    for (std::uint32_t i = 0; i < 40; ++i) { // Each joins the one record, and makes it look young.
        user_sends(1000);
        now += 5ms;
        if (i >= 20) {
            arrive({.ack = at(i - 19)}); // What was sent 100 ms ago.
        }
    }
    EXPECT_GE(tcb.rtt.srtt_us, 90'000U);
    release(tcb, context);
    end_hogs();
}

TEST_F(FlightTest, E6_a_connection_that_finds_no_flight_sends_later) {
    measured_path();
    std::vector<std::uint32_t> all;
    for (std::uint32_t index = flights.begin({}); index != Flights::none;
         index = flights.begin({})) {
        all.push_back(index);
    }
    EXPECT_SENT_NOTHING(user_sends(1000));
    EXPECT_EQ(counters[Counter::flight_pool_dry], 1U);
    flights.end(all.back());
    all.pop_back();
    fire();
    EXPECT_SENT(sent, {.seq = first, .flags = PA, .length = 1000});
    for (const std::uint32_t index : all) {
        flights.end(index);
    }
}

// B7.exhausted
TEST_F(FlightTest, B7_an_active_open_that_finds_no_flight_fails) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t index = flights.begin({}); index != Flights::none;
         index = flights.begin({})) {
        all.push_back(index);
    }
    EXPECT_FALSE(open(tcb, {ends.iss, 0, ends.mss}, now, context));
    for (const std::uint32_t index : all) {
        flights.end(index);
    }
}

} // namespace
} // namespace millrace::tcp
