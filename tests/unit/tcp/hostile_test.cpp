// E3, E4, E5: a peer without manners. Segments near enough to what is expected that many are taken,
// in any state, mixed with users' calls and time: whatever comes, what must hold of a connection
// holds, memory stays within its bounds, and every byte delivered is the stream's next.

#include "engine_fixture.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace millrace::tcp {
namespace {

class HostileTest : public EngineTest, public testing::WithParamInterface<std::uint64_t> {
  protected:
    static constexpr int seeds_each = 100;
    std::mt19937_64 random;

    std::uint32_t between(std::uint32_t least, std::uint32_t most) {
        return std::uniform_int_distribution<std::uint32_t>{least, most}(random);
    }
    bool one_in(std::uint32_t count) { return between(1, count) == 1; }

    /// A number at, near or far from another.
    std::uint32_t near(std::uint32_t number) {
        switch (between(0, 7)) {
        case 0:
            return number + between(0, 3) - 1;
        case 1:
            return number + between(0, 3000);
        case 2:
            return number - between(0, 3000);
        case 3:
            return number + between(0, 70'000);
        case 4:
            return one_in(4) ? number + between(0, UINT32_MAX)
                             : number + 0x8000'0000U - between(0, 2);
        default:
            return number;
        }
    }

    Seg segment() {
        static constexpr std::array<std::uint8_t, 12> flags{A, A, A, A, A, PA, PA, FA, R, S, SA, 0};
        Seg seg;
        seg.flags = one_in(50) ? static_cast<std::uint8_t>(between(0, 255))
                               : flags.at(between(0, flags.size() - 1));
        if (((seg.flags & R) != 0 || (seg.flags & wire::tcp_flag::fin) != 0) && !one_in(5)) {
            seg.flags = A; // Or it would be over soon.
        }
        // The first SYN says where the stream begins; the fixture knows no other beginning than 0.
        seg.seq = tcb.state == State::syn_sent
                      ? 0
                      : near(static_cast<std::uint32_t>(tcb.rcv.nxt - ends.irs));
        const auto flight = static_cast<std::uint32_t>(tcb.snd.nxt - tcb.snd.una);
        seg.ack = near(static_cast<std::uint32_t>(tcb.snd.una - ends.iss) +
                       (one_in(2) ? between(0, flight) : 0));
        seg.length = one_in(2) ? 0 : between(1, one_in(2) ? 50 : 1460);
        if (one_in(10)) {
            seg.window = static_cast<std::uint16_t>(one_in(2) ? between(0, 3) : between(0, 65535));
        }
        if (ends.timestamps && one_in(10)) {
            seg.ts_val = near(tcb.ts_recent);
            seg.ts_ecr = near(last_ts_val);
            seg.without_timestamps = one_in(3);
        }
        return seg;
    }

    void user_acts() {
        switch (between(0, 30)) {
        case 0:
            user_shuts_down();
            break;
        case 1:
            if (one_in(3)) {
                user_closes();
            }
            break;
        case 2:
            if (one_in(5)) {
                user_aborts();
            }
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            user_reads(between(1, 20'000));
            break;
        case 7:
            if (tcb.next_deadline() != never) {
                fire();
            }
            break;
        case 8:
            advance(std::chrono::milliseconds{between(1, 1000)});
            break;
        case 9:
            user_takes = one_in(2) ? UINT32_MAX : between(0, 2000);
            break;
        default:
            if (may_send(tcb.state) && !tcb.fin_queued) {
                queue(between(1, 5000));
                flush_all();
            }
            break;
        }
    }

    void expect_bounded() {
        std::uint64_t pinned = tcb.receive_charge;
        if (tcb.reassembly != Pool<Reassembly>::none) {
            pinned += reassemblies[tcb.reassembly].charge();
        }
        EXPECT_LE(pinned, 5ULL * config.receive_buffer_bytes / 2);
        EXPECT_LE(tcb.send_charge, config.send_buffer_bytes + sizeof(Chunk));
        EXPECT_LE(tcb.congestion.cwnd, 10'000'000U);
        EXPECT_GE(tcb.congestion.cwnd, smss_of(tcb));
    }

    static std::uint32_t smss_of(const Tcb& tcb) {
        return tcb.state == State::syn_sent || tcb.state == State::syn_received ||
                       tcb.state == State::closed
                   ? 0U
                   : tcb.snd_mss - (tcb.timestamps ? 12U : 0U);
    }

    void begin() {
        ends.iss = wire::SeqNum{between(0, UINT32_MAX)};
        ends.irs = wire::SeqNum{between(0, UINT32_MAX)};
        ends.timestamps = one_in(2);
        ends.sack = one_in(2);
        ends.scale = one_in(2)
                         ? std::optional<std::uint8_t>{static_cast<std::uint8_t>(between(0, 14))}
                         : std::nullopt;
        ends.mss = static_cast<std::uint16_t>(between(1, 1460));
        config.receive_buffer_bytes = 1U << between(12, 18);
        config.send_buffer_bytes = 1U << between(12, 18);
        static constexpr std::array<void (EngineTest::*)(), 8> make{
            &EngineTest::syn_sent,
            &EngineTest::syn_received,
            &EngineTest::established,
            &EngineTest::established,
            &EngineTest::established_actively,
            &EngineTest::fin_wait_1,
            &EngineTest::fin_wait_2,
            &EngineTest::close_wait};
        (this->*make.at(between(0, make.size() - 1)))();
        tcb.no_delay = one_in(2);
    }

    void end() {
        release(tcb, context);
        tcb = Tcb{};
        packets.collect(buffers);
        queued = delivered = 0;
        user_takes = UINT32_MAX;
    }
};

// E3.sack, E4.optimistic
TEST_P(HostileTest, E3_E4_E5_nothing_breaks) {
    const std::uint64_t first = GetParam() * seeds_each;
    for (std::uint64_t seed = first; seed < first + seeds_each; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        random.seed(seed);
        begin();
        for (int i = 0; i < 400 && tcb.state != State::closed; ++i) {
            if (one_in(3)) {
                user_acts();
            } else if (one_in(3)) {
                arrive_together({segment(), segment(), segment()});
            } else {
                arrive(segment());
            }
            expect_bounded();
            if (HasFailure()) {
                FAIL() << "after step " << i;
            }
        }
        end();
        ASSERT_EQ(packets.references(), 0U);
        ASSERT_EQ(buffers.nodes().in_use(), 0U);
        ASSERT_EQ(reassemblies.in_use(), 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileTest, testing::Range(std::uint64_t{0}, std::uint64_t{10}));

} // namespace
} // namespace millrace::tcp
