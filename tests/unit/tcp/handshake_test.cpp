// B2, B3 and B6: how connections begin, from both sides.

#include "engine_fixture.hpp"
#include "tcp/isn.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using wire::Drop;

// ------------------------------------------------------------------------------ the passive side

class HalfOpenTest : public EngineTest {
  protected:
    HalfOpenResult arrive_half_open(const Seg& seg) {
        sent.clear();
        const HalfOpenResult result =
            segment_arrives(half_open, incoming(seg), local(), now, context);
        collect_output();
        return result;
    }
};

TEST_F(HalfOpenTest, B2_a_syn_is_answered_with_a_syn_ack) {
    listen_received_syn();
    EXPECT_SENT(
        sent,
        {.seq = 0, .ack = 1, .flags = SA, .window = 65535, .mss = 1000, .sack_permitted = false});
    EXPECT_FALSE(sent[0].scale);
    EXPECT_FALSE(sent[0].ts_val);
}

TEST_F(HalfOpenTest, B2_a_syn_ack_offers_what_the_syn_offered) {
    ends.scale = 7;
    ends.timestamps = ends.sack = true;
    listen_received_syn();
    EXPECT_SENT(sent, {.seq = 0,
                       .ack = 1,
                       .flags = SA,
                       .ts_val = timestamp_clock(now) + ts_offset,
                       .ts_ecr = peer_clock(),
                       .mss = 1000,
                       .scale = 3,
                       .sack_permitted = true});
    const Handshake agreed = half_open.handshake();
    EXPECT_EQ(agreed.snd_scale, 7);
    EXPECT_TRUE(agreed.sack && agreed.timestamps && agreed.window_scale);
}

TEST_F(HalfOpenTest, B2_a_scale_beyond_14_counts_as_14) {
    ends.scale = 200;
    listen_received_syn();
    EXPECT_EQ(half_open.handshake().snd_scale, 14);
}

TEST_F(HalfOpenTest, B2_the_mss_is_the_smaller_with_a_default_and_a_floor) {
    EXPECT_EQ(peer_mss(incoming({.flags = S, .mss = 1400}).options), 1400);
    EXPECT_EQ(peer_mss({}), 536);
    EXPECT_EQ(peer_mss(incoming({.flags = S, .mss = 0}).options), 88);
    sent.clear();
    listen_syn(half_open, incoming({.seq = 0, .flags = S, .mss = 1}), ends.iss, 0, {config, 1460},
               now, context);
    collect_output();
    EXPECT_EQ(half_open.mss, 88);
    EXPECT_EQ(sent[0].mss, 1460);
    listen_syn(half_open, incoming({.seq = 0, .flags = S, .mss = 9000}), ends.iss, 0,
               {config, 1460}, now, context);
    collect_output();
    EXPECT_EQ(half_open.mss, 1460);
}

TEST_F(HalfOpenTest, B2_the_third_segment_establishes) {
    established();
    EXPECT_EQ(tcb.snd.una, ends.iss + 1);
    EXPECT_EQ(tcb.rcv.nxt, ends.irs + 1);
    EXPECT_EQ(tcb.snd.wnd, 60000U);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(HalfOpenTest, B2_windows_are_scaled_from_the_third_segment_on) {
    ends.scale = 4;
    ends.window = 1000;
    established();
    EXPECT_EQ(tcb.snd.wnd, 16000U);
    EXPECT_EQ(tcb.rcv_scale, 3);
}

TEST_F(HalfOpenTest, B2_data_on_the_third_segment_is_delivered) {
    listen_received_syn();
    wire::TcpSegment third = incoming({.length = 100});
    const Slice packet = packets.make(theirs, 0, 100);
    third.payload = packet.bytes();
    ASSERT_EQ(segment_arrives(half_open, third, local(), now, context).verdict,
              HalfOpenVerdict::establish);
    establish(tcb, half_open.handshake(), third, now, context);
    packets.release(packet);
    arrive({.length = 100});
    EXPECT_EQ(delivered, 100U);
}

TEST_F(HalfOpenTest, B2_data_and_fin_on_the_third_segment) {
    listen_received_syn();
    ASSERT_EQ(arrive_half_open({.flags = FA, .length = 0}).verdict, HalfOpenVerdict::establish);
    const wire::TcpSegment third = incoming({.flags = FA});
    establish(tcb, half_open.handshake(), third, now, context);
    EXPECT_SENT(arrive({.flags = FA, .length = 10}).out, {.ack = 12});
    EXPECT_EQ(tcb.state, State::close_wait);
    EXPECT_EQ(delivered, 10U);
}

TEST_F(HalfOpenTest, B2_a_repeated_syn_is_answered_again) {
    listen_received_syn();
    EXPECT_EQ(arrive_half_open({.seq = 0, .flags = S}).verdict, HalfOpenVerdict::stay);
    EXPECT_SENT(sent, {.seq = 0, .ack = 1, .flags = SA});
}

TEST_F(HalfOpenTest, B2_answers_between_two_syn_acks_are_few) {
    listen_received_syn();
    std::size_t answers = 0;
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(arrive_half_open({.seq = 0, .flags = S}));
        answers += sent.size();
        static_cast<void>(arrive_half_open({.seq = 200'000}));
        answers += sent.size();
    }
    EXPECT_EQ(answers, 7U);
    EXPECT_EQ(deadline_passed(half_open, local(), now, context), HalfOpenVerdict::stay);
    collect_output();
    static_cast<void>(arrive_half_open({.seq = 200'000}));
    EXPECT_SENT(sent, {.seq = 1, .ack = 1});
}

TEST_F(HalfOpenTest, B3_a_reset_at_rcv_nxt_returns_to_listen) {
    listen_received_syn();
    const HalfOpenResult result = arrive_half_open({.seq = 1, .flags = R});
    EXPECT_EQ(result.verdict, HalfOpenVerdict::remove);
    EXPECT_SENT_NOTHING(sent);
}

TEST_F(HalfOpenTest, B5_a_reset_elsewhere_in_the_window_is_challenged) {
    listen_received_syn();
    const HalfOpenResult result = arrive_half_open({.seq = 2, .flags = R});
    EXPECT_EQ(result.verdict, HalfOpenVerdict::stay);
    EXPECT_EQ(result.drop, Drop::tcp_rst_not_exact);
    EXPECT_SENT(sent, {.seq = 1, .ack = 1});
}

TEST_F(HalfOpenTest, B5_a_reset_outside_the_window_is_ignored) {
    listen_received_syn();
    for (const std::uint32_t seq : {0U, 1U + 65535U, 0x8000'0000U}) {
        const HalfOpenResult result = arrive_half_open({.seq = seq, .flags = RA});
        EXPECT_EQ(result.verdict, HalfOpenVerdict::stay);
        EXPECT_EQ(result.drop, Drop::tcp_rst_outside_window);
        EXPECT_SENT_NOTHING(sent);
    }
}

TEST_F(HalfOpenTest, B2_a_bad_acknowledgement_is_reset) {
    listen_received_syn();
    for (const std::uint32_t ack : {0U, 2U, 0x8000'0001U}) {
        EXPECT_EQ(arrive_half_open({.ack = ack}).drop, Drop::tcp_bad_ack);
        EXPECT_SENT(sent, {.seq = ack, .flags = R});
    }
}

TEST_F(HalfOpenTest, D3_an_old_timestamp_does_not_establish) {
    ends.timestamps = true;
    listen_received_syn();
    EXPECT_EQ(arrive_half_open({.ts_val = peer_clock() - 1}).drop, Drop::tcp_paws);
    EXPECT_SENT(sent, {});
    EXPECT_EQ(arrive_half_open({.without_timestamps = true}).drop, Drop::tcp_no_timestamp);
    EXPECT_SENT_NOTHING(sent);
    EXPECT_EQ(arrive_half_open({}).verdict, HalfOpenVerdict::establish);
}

TEST_F(HalfOpenTest, B2_the_syn_ack_is_sent_again_and_given_up) {
    listen_received_syn();
    Duration waited{};
    for (int i = 0; i < 5; ++i) {
        waited += retransmit_after(half_open, config);
        EXPECT_EQ(deadline_passed(half_open, local(), now, context), HalfOpenVerdict::stay);
        sent.clear();
        collect_output();
        EXPECT_SENT(sent, {.seq = 0, .ack = 1, .flags = SA});
    }
    EXPECT_EQ(waited, 1s + 2s + 4s + 8s + 16s);
    EXPECT_EQ(deadline_passed(half_open, local(), now, context), HalfOpenVerdict::remove);
    EXPECT_TRUE(output.empty());
}

TEST_F(HalfOpenTest, D3_a_lost_syn_ack_means_a_time_out_of_three_seconds) {
    listen_received_syn();
    static_cast<void>(deadline_passed(half_open, local(), now, context));
    establish(tcb, half_open.handshake(), incoming({}), now, context);
    collect_output();
    EXPECT_EQ(tcb.congestion.cwnd, 10'000U);
    user_sends(100);
    EXPECT_EQ(fire(), 3s);
}

TEST_F(HalfOpenTest, D5_two_lost_syn_acks_mean_a_window_of_one_segment) {
    listen_received_syn();
    static_cast<void>(deadline_passed(half_open, local(), now, context));
    static_cast<void>(deadline_passed(half_open, local(), now, context));
    establish(tcb, half_open.handshake(), incoming({}), now, context);
    collect_output();
    EXPECT_EQ(tcb.congestion.cwnd, 1000U);
}

TEST_F(HalfOpenTest, D3_timestamps_measure_the_handshake) {
    ends.timestamps = true;
    listen_received_syn();
    now += 70ms;
    establish(tcb, half_open.handshake(), incoming({}), now, context);
    EXPECT_EQ(tcb.rtt.srtt_us, 70'000U);
}

// ------------------------------------------------------------------------------- the active side

class ActiveOpenTest : public EngineTest {};

TEST_F(ActiveOpenTest, B2_a_syn_offers_every_option) {
    syn_sent();
    EXPECT_SENT(sent, {.seq = 0,
                       .flags = S,
                       .window = 65535,
                       .ts_val = timestamp_clock(now) + ts_offset,
                       .ts_ecr = 0,
                       .mss = 1000,
                       .scale = 3,
                       .sack_permitted = true});
}

TEST_F(ActiveOpenTest, B2_a_syn_ack_establishes) {
    syn_sent();
    now += 30ms;
    const Step step = arrive({.seq = 0, .ack = 1, .flags = SA});
    EXPECT_SENT(step.out, {.seq = 1, .ack = 1});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(events, event::established);
    EXPECT_EQ(tcb.rtt.srtt_us, 30'000U);
    EXPECT_EQ(tcb.next_deadline(), never);
    EXPECT_SENT(user_sends(10), {.flags = PA, .length = 10});
}

TEST_F(ActiveOpenTest, B2_the_window_of_a_syn_ack_is_not_scaled) {
    ends.scale = 7;
    ends.window = 500;
    established_actively();
    EXPECT_EQ(tcb.snd.wnd, 500U);
    arrive({});
    EXPECT_EQ(tcb.snd.wnd, 64000U);
}

TEST_F(ActiveOpenTest, B2_options_that_the_peer_does_not_offer_are_off) {
    established_actively();
    EXPECT_FALSE(tcb.timestamps || tcb.sack || tcb.window_scale);
    EXPECT_EQ(tcb.rcv_scale, 0);
    for (const Seg& seg : user_sends(10)) {
        EXPECT_FALSE(seg.ts_val);
    }
}

TEST_F(ActiveOpenTest, B2_data_on_a_syn_ack_is_delivered) {
    syn_sent();
    Seg syn_ack{.seq = 0, .ack = 1, .flags = SA};
    wire::TcpSegment segment = incoming(syn_ack);
    const Slice packet = packets.make(theirs, 0, 50);
    segment.payload = packet.bytes();
    Arrival arrival = segment_arrives(tcb, segment, packet, now, context);
    ASSERT_EQ(arrival.text.length, 50U);
    take_text(tcb, arrival, 50, context);
    packets.release(packet);
    sent.clear();
    flush_all();
    EXPECT_SENT(sent, {.seq = 1, .ack = 51});
}

TEST_F(ActiveOpenTest, B3_an_old_syn_ack_is_reset) {
    syn_sent();
    for (const std::uint32_t ack : {0U, 2U, 0x8000'0000U}) {
        const Step step = arrive({.seq = 0, .ack = ack, .flags = SA});
        EXPECT_SENT(step.out, {.seq = ack, .flags = R});
        EXPECT_EQ(step.arrival.drop, Drop::tcp_bad_ack);
        EXPECT_EQ(tcb.state, State::syn_sent);
    }
}

TEST_F(ActiveOpenTest, B5_a_reset_with_a_good_ack_refuses) {
    syn_sent();
    const Step step = arrive({.seq = 0, .ack = 1, .flags = RA});
    EXPECT_SENT_NOTHING(step.out);
    EXPECT_EQ(events, event::refused);
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(ActiveOpenTest, B5_other_resets_are_ignored) {
    syn_sent();
    EXPECT_SENT_NOTHING(arrive({.seq = 0, .flags = R}).out);
    EXPECT_SENT_NOTHING(arrive({.seq = 0, .ack = 0, .flags = RA}).out);
    EXPECT_SENT_NOTHING(arrive({.seq = 0, .ack = 2, .flags = RA}).out);
    EXPECT_EQ(tcb.state, State::syn_sent);
}

TEST_F(ActiveOpenTest, B2_an_ack_without_syn_is_ignored) {
    syn_sent();
    EXPECT_SENT_NOTHING(arrive({.seq = 0, .ack = 1}).out);
    EXPECT_EQ(tcb.state, State::syn_sent);
}

TEST_F(ActiveOpenTest, B2_the_syn_is_repeated_with_back_off_and_given_up) {
    syn_sent();
    for (const Duration wait : {1s, 2s, 4s, 8s, 16s, 32s}) {
        EXPECT_EQ(fire(), wait);
        EXPECT_SENT(sent, {.seq = 0, .flags = S});
    }
    EXPECT_EQ(fire(), 64s);
    EXPECT_SENT_NOTHING(sent);
    EXPECT_EQ(events, event::timed_out);
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(ActiveOpenTest, D3_a_lost_syn_means_a_time_out_of_three_seconds) {
    syn_sent();
    fire();
    now += 100ms;
    arrive({.seq = 0, .ack = 1, .flags = SA}); // To which of the two? Not measured (Karn).
    EXPECT_EQ(tcb.rtt.srtt_us, 0U);
    user_sends(100);
    EXPECT_EQ(fire(), 3s);
}

TEST_F(ActiveOpenTest, D3_timestamps_tell_which_syn_was_answered) {
    ends.timestamps = true;
    syn_sent();
    fire();
    now += 100ms;
    arrive({.seq = 0, .ack = 1, .flags = SA});
    EXPECT_EQ(tcb.rtt.srtt_us, 100'000U);
}

TEST_F(ActiveOpenTest, B4_closed_before_it_is_open) {
    syn_sent();
    EXPECT_SENT_NOTHING(user_closes());
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(ActiveOpenTest, B4_a_shutdown_waits_for_the_handshake) {
    syn_sent();
    EXPECT_SENT_NOTHING(user_shuts_down());
    const Step step = arrive({.seq = 0, .ack = 1, .flags = SA});
    EXPECT_SENT(step.out, {.seq = 1, .ack = 1, .flags = FA});
    EXPECT_EQ(tcb.state, State::fin_wait_1);
}

// -------------------------------------------------------------------------- simultaneous opens

TEST_F(ActiveOpenTest, B2_simultaneous_open) {
    syn_sent();
    EXPECT_SENT(arrive({.seq = 0, .flags = S}).out, {.seq = 0, .ack = 1, .flags = SA});
    EXPECT_EQ(tcb.state, State::syn_received);
    EXPECT_SENT_NOTHING(arrive({.seq = 0, .ack = 1, .flags = SA}).out);
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(events, event::established);
    EXPECT_SENT(user_sends(10), {.flags = PA, .length = 10});
    EXPECT_SENT_NOTHING(arrive({.ack = 11}).out);
    EXPECT_EQ(tcb.next_deadline(), never);
}

TEST_F(ActiveOpenTest, B2_simultaneous_open_completed_by_data) {
    syn_received();
    arrive({.length = 100});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(delivered, 100U);
}

TEST_F(ActiveOpenTest, B2_simultaneous_open_repeats_its_syn_ack) {
    syn_received();
    EXPECT_EQ(fire(), 1s);
    EXPECT_SENT(sent, {.seq = 0, .ack = 1, .flags = SA});
}

TEST_F(ActiveOpenTest, B2_simultaneous_open_with_every_option) {
    ends.scale = 2;
    ends.timestamps = ends.sack = true;
    syn_received();
    EXPECT_SENT(sent, {.seq = 0,
                       .ack = 1,
                       .flags = SA,
                       .ts_ecr = peer_clock(),
                       .mss = 1000,
                       .scale = 3,
                       .sack_permitted = true});
    arrive({.seq = 0, .ack = 1, .flags = SA});
    EXPECT_EQ(tcb.state, State::established);
    EXPECT_EQ(tcb.snd.wnd, 60'000U);
    arrive({});
    EXPECT_EQ(tcb.snd.wnd, 240'000U);
}

TEST_F(ActiveOpenTest, B4_closed_in_a_simultaneous_open) {
    syn_received();
    EXPECT_SENT_NOTHING(user_closes());
    EXPECT_SENT(arrive({.seq = 0, .ack = 1, .flags = SA}).out, {.seq = 1, .ack = 1, .flags = FA});
    EXPECT_EQ(tcb.state, State::fin_wait_1);
}

TEST_F(ActiveOpenTest, B5_reset_in_a_simultaneous_open) {
    syn_received();
    arrive({.seq = 1, .flags = R});
    EXPECT_EQ(events, event::refused);
    EXPECT_EQ(tcb.state, State::closed);
}

TEST_F(ActiveOpenTest, B5_aborted_in_a_simultaneous_open) {
    syn_received();
    EXPECT_SENT(user_aborts(), {.seq = 1, .ack = 1, .flags = RA});
}

// ------------------------------------------------------------------- initial sequence numbers

TEST(SequenceSourceTest, B6_the_clock_has_steps_of_4_us) {
    const SequenceSource source{{1, 2}};
    const std::array<std::byte, 12> identity{};
    const Instant start{std::chrono::hours{5}};
    const wire::SeqNum first = source.initial(identity, start);
    EXPECT_EQ(source.initial(identity, start + 4us) - first, 1);
    EXPECT_EQ(source.initial(identity, start + 1s) - first, 250'000);
    EXPECT_EQ(source.initial(identity, start + 3us), first);
}

TEST(SequenceSourceTest, B6_one_connection_tells_nothing_of_another) {
    const SequenceSource source{{1, 2}};
    const SequenceSource other_boot{{1, 3}};
    std::array<std::byte, 12> identity{};
    const Instant start{std::chrono::hours{5}};
    const wire::SeqNum first = source.initial(identity, start);
    EXPECT_NE(other_boot.initial(identity, start), first);
    identity[11] = std::byte{1};
    const std::int32_t apart = source.initial(identity, start) - first;
    EXPECT_GT(std::abs(apart), 1'000'000);
}

TEST(SequenceSourceTest, C2_timestamps_of_an_address_pair_share_an_offset) {
    const SequenceSource source{{1, 2}};
    std::array<std::byte, 8> pair{};
    const std::uint32_t offset = source.timestamp_offset(pair);
    EXPECT_EQ(source.timestamp_offset(pair), offset);
    pair[0] = std::byte{1};
    EXPECT_NE(source.timestamp_offset(pair), offset);
}

} // namespace
} // namespace millrace::tcp
