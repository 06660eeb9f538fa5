// D1.exact, E3.sack, E4.optimistic: sequences of segments, user's calls, deadlines and ICMP errors
// against live connections of a whole worker. Each input is a session; whatever it does, every
// connection stays sound, both streams are exact, and all pools are full again at its end.

#include "choices.hpp"
#include "live_host.hpp"
#include "live_peer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>

using namespace millrace;
using namespace millrace::fuzz;

namespace {

constexpr int steps_max = 400;

class Session {
  public:
    explicit Session(Choices choices) : choices_{choices}, host_{settings(choices_)} {}

    void run() {
        for (int i = 0; i < steps_max && !choices_.have_ended(); ++i) {
            step();
        }
        host_.end();
    }

  private:
    /// Numbers near which clocks, and what is made of them, wrap.
    static LiveSettings settings(Choices& choices) {
        static constexpr std::array<Duration, 4> starts{
            1s, std::chrono::milliseconds{(std::int64_t{1} << 32) - 2000},
            std::chrono::microseconds{4} * ((std::int64_t{1} << 32) - 1000),
            std::chrono::milliseconds{(std::int64_t{1} << 31) - 2000}};
        static constexpr std::array<std::uint32_t, 4> buffers{65536, 262144, 8192, 4096};
        const std::uint8_t first = choices.byte();
        const std::uint8_t second = choices.byte();
        LiveSettings settings;
        settings.family = (first & 1U) != 0 ? script::Family::ipv6 : script::Family::ipv4;
        settings.small_pools = (first & 2U) != 0;
        settings.multi_segment = (first & 4U) != 0;
        settings.no_delay = (first & 8U) == 0;
        settings.linger_zero = (first & 0xf0U) == 0xf0U;
        settings.start = starts[second & 3U];
        settings.tcp.retries = 4;
        settings.tcp.receive_buffer_bytes = buffers[second >> 2U & 3U];
        settings.tcp.send_buffer_bytes = settings.tcp.receive_buffer_bytes;
        settings.reuse = (second & 0x30U) == 0x30U   ? tcp::ReusePolicy::off
                         : (second & 0x30U) == 0x20U ? tcp::ReusePolicy::strict
                                                     : tcp::ReusePolicy::timestamps;
        settings.tcp.congestion = (second & 0x40U) != 0 ? tcp::CongestionAlgorithm::new_reno
                                                        : tcp::CongestionAlgorithm::cubic;
        if ((second & 0x80U) != 0) {
            choose_what_few_configure(choices.byte(), settings);
        }
        return settings;
    }

    static void choose_what_few_configure(std::uint8_t choice, LiveSettings& settings) {
        static constexpr std::array<tcp::EcnPolicy, 4> ecn{
            tcp::EcnPolicy::off, tcp::EcnPolicy::accept, tcp::EcnPolicy::on, tcp::EcnPolicy::on};
        settings.tcp.ecn = ecn[choice & 3U];
        settings.tcp.pacing = (choice & 4U) != 0;
        settings.tcp.keep_alive = (choice & 8U) != 0;
        settings.tcp.keep_alive_idle = 60s;
        settings.tcp.user_timeout = (choice & 16U) != 0 ? 30s : 0s;
        settings.tcp.mtu_probing =
            (choice & 32U) != 0 ? tcp::MtuProbing::always : tcp::MtuProbing::on_black_hole;
        settings.defer_accept = (choice & 64U) != 0 ? 3s : 0s;
        settings.corked = (choice & 128U) != 0;
    }

    void step() {
        const std::uint8_t choice = choices_.byte();
        LivePeer& peer = peers_[(choice >> 4U & 3U) % peers_.size()];
        const bool in_one_burst = (choice & 0x80U) != 0;
        switch (choice & 15U) {
        case 0:
            arrives(peer.opens(choices_, host_.now()));
            break;
        case 1:
        case 2:
            arrives(peer.goes_on(choices_, host_.now()));
            break;
        case 9:
            passes_time();
            return;
        case 10:
            to_the_next_deadline();
            return;
        case 11:
        case 12:
            user_acts();
            break;
        case 13:
            host_.connect(peer.ports());
            break;
        case 14:
            icmp_arrives(peer);
            break;
        case 15:
            conditions_change();
            break;
        default:
            arrives(peer.sends(choices_, host_.now()));
        }
        if (!in_one_burst) {
            run_host({});
        }
    }

    void arrives(const script::Packet& packet) {
        host_.arrives(script::frame_of(host_.user.family, packet));
    }

    void icmp_arrives(const LivePeer& peer) {
        using Kind = script::IcmpError::Kind;
        static constexpr std::array<std::uint16_t, 8> mtus{1400, 1280, 576, 68, 0, 1500, 9000, 552};
        script::IcmpError error;
        error.kind =
            static_cast<Kind>(choices_.byte() % (static_cast<unsigned>(Kind::time_exceeded) + 1));
        error.mtu = choices_.one_of(mtus);
        host_.arrives(script::frame_of(host_.user.family, error, peer.quotes(choices_)));
    }

    void passes_time() {
        static constexpr std::array<Duration, 16> times{Duration{},
                                                        65us,
                                                        1ms,
                                                        10ms,
                                                        40ms,
                                                        100ms,
                                                        200ms,
                                                        250ms,
                                                        500ms,
                                                        1s,
                                                        3s,
                                                        10s,
                                                        61s,
                                                        200s,
                                                        std::chrono::hours{3},
                                                        std::chrono::hours{24 * 25}};
        run_host(choices_.one_of(times));
    }

    void to_the_next_deadline() {
        const Instant next = host_.next_deadline();
        run_host(next == never || next <= host_.now() ? Duration{} : next - host_.now());
    }

    void user_acts() {
        static constexpr std::array acts{Act::write,    Act::write, Act::write, Act::write,
                                         Act::shutdown, Act::close, Act::abort, Act::nothing};
        static constexpr std::array<std::uint32_t, 8> sizes{100,   1,     1460, 5000,
                                                            14600, 60000, 1000, 3000};
        const std::uint8_t choice = choices_.byte();
        host_.user.write_bytes = sizes[choice >> 4U & 7U];
        host_.act(acts[choice & 7U]);
    }

    void conditions_change() {
        static constexpr std::array<std::uint32_t, 4> appetites{UINT32_MAX, 0, 1, 500};
        static constexpr std::array<std::size_t, 4> rooms{SIZE_MAX, SIZE_MAX, 0, 1};
        const std::uint8_t choice = choices_.byte();
        host_.user.appetite = appetites[choice & 3U];
        host_.set_transmit_room(rooms[choice >> 2U & 3U]);
        host_.user.closes_with_peer = (choice & 16U) == 0;
    }

    void run_host(Duration later) {
        for (const script::Packet& packet : host_.run(later)) {
            const auto peer = std::ranges::find(peers_, packet.ports, &LivePeer::ports);
            if (peer != peers_.end()) {
                peer->sees(packet);
            }
        }
    }

    Choices choices_;
    LiveHost host_;
    std::array<LivePeer, 3> peers_{LivePeer{{LiveHost::listening, 40001}},
                                   LivePeer{{LiveHost::listening, 40002}}, LivePeer{{50001, 9000}}};
};

} // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
    ::testing::InitGoogleTest(argc, *argv);
    GTEST_FLAG_SET(throw_on_failure, true); // What is not sound ends the process.
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Session{Choices{{data, size}}}.run();
    return 0;
}
