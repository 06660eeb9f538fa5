// D2.autotuning: buffers that grow with the path. D2.scaling: to 1 GiB.

#include "engine_fixture.hpp"

#include <chrono>

namespace millrace::tcp {
namespace {

class BufferSizesTest : public EngineTest {
  protected:
    static constexpr std::uint32_t length = 1000;

    void SetUp() override {
        config.receive_buffer_bytes = 32 * 1024;
        config.receive_buffer_max_bytes = 200 * 1024;
        config.send_buffer_bytes = 32 * 1024;
        config.send_buffer_max_bytes = 200 * 1024;
        ends.scale = 7;
        ends.timestamps = true;
    }

    /// A connection with this round-trip time.
    void established_over(Duration rtt) {
        established();
        tcb.rtt.srtt_us = static_cast<std::uint32_t>(rtt / 1us);
        seq = 1;
    }

    /// The peer sends `bytes`, evenly over `time`; the user takes `user_takes` of each.
    void receive(std::uint32_t bytes, Duration time) {
        const std::uint32_t segments = bytes / length;
        for (std::uint32_t i = 0; i < segments; ++i) {
            advance(time / segments);
            arrive({.seq = seq, .length = length});
            seq += length;
        }
    }

    std::uint32_t seq = 1;
};

TEST_F(BufferSizesTest, D2_autotuning_a_peer_that_fills_the_window_gets_a_larger_one) {
    established_over(100ms);
    EXPECT_EQ(tcb.rcv_doublings, 0);
    receive(40'000, 100ms);
    EXPECT_EQ(tcb.rcv_doublings, 1);
    EXPECT_GT(tcb.rcv_wnd(), 60'000U);
    receive(80'000, 100ms);
    receive(160'000, 100ms);
    EXPECT_EQ(tcb.rcv_doublings, 3);
    // The last step ends at what is configured.
    receive(300'000, 100ms);
    receive(300'000, 100ms);
    EXPECT_EQ(tcb.rcv_doublings, 3);
    EXPECT_LE(tcb.rcv_wnd(), config.receive_buffer_max_bytes);
    EXPECT_GT(tcb.rcv_wnd(), config.receive_buffer_max_bytes * 9 / 10);
    EXPECT_EQ(counters[Counter::receive_buffer_doublings], 3U);
}

TEST_F(BufferSizesTest, D2_autotuning_a_peer_bounded_by_its_own_cwnd_does_not) {
    established_over(100ms);
    receive(320'000, 2500ms); // 12,800 bytes a round trip, of 32,768.
    EXPECT_EQ(tcb.rcv_doublings, 0);
}

TEST_F(BufferSizesTest, D2_autotuning_a_user_who_takes_little_does_not) {
    user_takes = 0;
    established_over(100ms);
    for (int i = 0; i < 30; ++i) {
        receive(30'000, 90ms);
        advance(1s);
        user_reads(30'000);
    }
    EXPECT_EQ(tcb.rcv_doublings, 0);
}

TEST_F(BufferSizesTest, D2_autotuning_goes_on_over_the_wrap) {
    ends.irs = wire::SeqNum{0U - 100'000U};
    established_over(100ms);
    for (int i = 0; i < 8; ++i) {
        receive(200'000, 100ms);
    }
    EXPECT_EQ(tcb.rcv_doublings, 3);
}

TEST_F(BufferSizesTest, D2_autotuning_under_pressure_nothing_grows_and_windows_open_little) {
    established_over(100ms);
    const std::uint32_t promised = tcb.rcv_wnd();
    Rope hoard;
    std::uint32_t charged = 0;
    const std::vector<std::byte> bytes(Chunk::capacity);
    while (!buffers.under_pressure()) {
        ASSERT_EQ(buffers.append_copy(hoard, bytes, charged), bytes.size());
    }
    EXPECT_EQ(send_space(tcb, context), 4 * sizeof(Chunk));
    const wire::SeqNum edge = tcb.rcv.edge;
    receive(promised / length * length, 50ms);
    EXPECT_EQ(tcb.rcv_doublings, 0);
    EXPECT_GE(tcb.rcv.edge, edge); // What was promised stands.
    receive(1000, 1ms);
    EXPECT_LE(tcb.rcv_wnd(), 4U * tcb.rcv_mss);
    EXPECT_GT(tcb.rcv_wnd(), 0U);
    buffers.clear(hoard);
    receive(4000, 1ms);
    EXPECT_GT(tcb.rcv_wnd(), 20'000U);
}

TEST_F(BufferSizesTest, D2_autotuning_the_send_buffer_is_twice_cwnd) {
    established_over(100ms);
    tcb.congestion.cwnd = 10'000;
    EXPECT_EQ(send_space(tcb, context), 32U * 1024);
    tcb.congestion.cwnd = 50'000;
    EXPECT_EQ(send_space(tcb, context), 100'000U);
    tcb.congestion.cwnd = 1'000'000;
    EXPECT_EQ(send_space(tcb, context), 200U * 1024);
    config.send_buffer_max_bytes = 0;
    EXPECT_EQ(send_space(tcb, context), 32U * 1024);
}

TEST_F(BufferSizesTest, D2_scaling_to_one_gibibyte_across_the_wrap) {
    config.receive_buffer_bytes = 1U << 30;
    ends.scale = 14;
    ends.window = 65535;
    ends.irs = wire::SeqNum{0U - 5'000U};
    ends.iss = wire::SeqNum{0U - 5'000U};
    established_over(100ms);
    EXPECT_EQ(tcb.rcv_scale, 14);
    EXPECT_EQ(tcb.snd_scale, 14);
    receive(20'000, 10ms);
    EXPECT_EQ(tcb.rcv_wnd(), 65535U << 14);
    EXPECT_LT(tcb.rcv.edge.value(), 1U << 30);
    EXPECT_EQ(tcb.snd.wnd, 65535U << 14);
    EXPECT_EQ(delivered, 20'000U);
    // Far beyond what has come, and within the window: kept; beyond that, not.
    EXPECT_EQ(arrive({.seq = seq + 1'000'000'000, .length = length}).arrival.drop,
              wire::Drop::none);
    EXPECT_EQ(arrive({.seq = seq + (1U << 30), .length = length}).arrival.drop,
              wire::Drop::tcp_bad_sequence);
}

} // namespace
} // namespace millrace::tcp
