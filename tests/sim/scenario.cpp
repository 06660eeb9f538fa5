#include "simulation.hpp"

#include <cmath>
#include <random>

namespace millrace::sim {

namespace {

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : random_{seed} {}

    std::uint64_t integer(std::uint64_t from, std::uint64_t to) {
        return std::uniform_int_distribution<std::uint64_t>{from, to}(random_);
    }
    double real(double from, double to) {
        return std::uniform_real_distribution<double>{from, to}(random_);
    }
    bool one_in(std::uint64_t n) { return integer(1, n) == 1; }
    /// Small numbers as likely as large ones.
    std::uint64_t logarithmic(double from, double to) {
        return static_cast<std::uint64_t>(
            std::llround(std::exp(real(std::log(from), std::log(to)))));
    }

  private:
    std::mt19937_64 random_;
};

/// Off in a third of the runs, so that every impairment is also seen alone.
double probability(Draw& draw) {
    return draw.one_in(3) ? 0.0 : draw.real(0.0, 0.10);
}

Impairments draw_impairments(Draw& draw) {
    Impairments impairments;
    impairments.loss = probability(draw);
    impairments.duplication = probability(draw);
    impairments.reordering = probability(draw);
    impairments.corruption = probability(draw);
    impairments.delay = std::chrono::microseconds{draw.logarithmic(50, 100'000)};
    impairments.reordering_delay = std::chrono::microseconds{draw.logarithmic(50, 20'000)};
    return impairments;
}

/// Small numbers as likely as large ones, and the ends of the range more often than that.
std::uint64_t draw_length(Draw& draw, double longest) {
    switch (draw.integer(1, 10)) {
    case 1:
        return 0;
    case 2:
        return 1;
    case 3:
        return draw.integer(static_cast<std::uint64_t>(0.8 * longest),
                            static_cast<std::uint64_t>(longest));
    default:
        return draw.logarithmic(1, longest);
    }
}

/// Such that the wrap lies within the reach of most streams, or anywhere.
std::uint32_t draw_iss(Draw& draw) {
    const std::uint64_t before_wrap =
        draw.one_in(4) ? draw.integer(1, UINT32_MAX) : draw.logarithmic(1, 2e6);
    return 0U - static_cast<std::uint32_t>(before_wrap);
}

Opener draw_opener(Draw& draw) {
    const std::uint64_t choice = draw.integer(1, 8);
    return choice == 1 ? Opener::both : choice <= 4 ? Opener::server : Opener::client;
}

ClockStart draw_clock(Draw& draw) {
    const std::uint64_t choice = draw.integer(1, 8);
    return choice == 1   ? ClockStart::clock_wraps
           : choice == 2 ? ClockStart::timestamps_wrap
                         : ClockStart::by_iss;
}

std::optional<Cut> draw_cut(Draw& draw, std::size_t connections) {
    if (!draw.one_in(12)) {
        return std::nullopt;
    }
    Cut cut;
    cut.connection = draw.integer(0, connections - 1);
    cut.after_segments = draw.logarithmic(1, 1000);
    const std::uint64_t directions = draw.integer(1, 3);
    cut.from = {(directions & 1) != 0, (directions & 2) != 0};
    return cut;
}

Stream draw_stream(Draw& draw, bool long_ones) {
    Stream stream;
    const double longest = long_ones ? 1e7 : 3e5;
    stream.sends = draw.integer(0, UINT32_MAX);
    stream.expects = draw.integer(0, UINT32_MAX);
    stream.send_bytes = draw_length(draw, longest);
    stream.expect_bytes = draw_length(draw, longest);
    if (draw.one_in(4)) {
        stream.eats_at_once = static_cast<std::uint32_t>(draw.logarithmic(64, 20'000));
        stream.rests = std::chrono::microseconds{draw.logarithmic(10, 5'000)};
        if (draw.one_in(4)) {
            stream.eats_at_once = 20'000;
            stream.rests = std::chrono::milliseconds{draw.integer(100, 2'000)};
        }
    }
    stream.by_slice = draw.one_in(2);
    return stream;
}

/// Both ends ask for it in most runs, so that there is something to mark.
tcp::EcnPolicy draw_ecn(Draw& draw) {
    switch (draw.integer(1, 6)) {
    case 1:
        return tcp::EcnPolicy::off;
    case 2:
        return tcp::EcnPolicy::accept;
    default:
        return tcp::EcnPolicy::on;
    }
}

} // namespace

Scenario Scenario::from_seed(std::uint64_t seed) {
    Draw draw{seed};
    Scenario scenario;
    scenario.seed = seed;
    scenario.ipv6 = draw.one_in(2);
    scenario.impairments = draw_impairments(draw);
    const bool alone = draw.one_in(4); // One connection, which may carry 10 MB.
    const std::uint64_t connections = alone ? 1 : draw.integer(1, 6);
    for (std::uint64_t i = 0; i < connections; ++i) {
        scenario.client_streams.push_back(draw_stream(draw, alone));
    }
    scenario.iss = {draw_iss(draw), draw_iss(draw)};
    scenario.receive_buffer_bytes = static_cast<std::uint32_t>(draw.logarithmic(8192, 1 << 20));
    scenario.chunks = draw.one_in(8) ? 64 : 4096;
    scenario.packets = draw.one_in(8) ? 256 : 4096;
    scenario.checksum_offload = draw.one_in(2);
    scenario.attach = draw.one_in(2);
    scenario.cut = draw_cut(draw, connections);
    for (std::uint64_t i = 0; i < connections; ++i) {
        scenario.openers.push_back(draw_opener(draw));
    }
    for (unsigned host = 0; host < 2; ++host) {
        scenario.clocks[host] = draw_clock(draw);
        scenario.before_wrap[host] = std::chrono::milliseconds{draw.logarithmic(1, 20'000)};
        scenario.congestion[host] =
            draw.one_in(2) ? tcp::CongestionAlgorithm::new_reno : tcp::CongestionAlgorithm::cubic;
        scenario.ecn[host] = draw_ecn(draw);
        scenario.pacing[host] = draw.one_in(3);
        scenario.no_delay[host] = draw.one_in(2);
    }
    scenario.impairments.marking = probability(draw);
    scenario.segmentation = scenario.attach && scenario.checksum_offload && draw.one_in(2);
    scenario.receive_buffer_max_bytes = draw.one_in(2) ? 6 * 1024 * 1024 : 0;
    if (draw.one_in(8)) {
        scenario.impairments.mtu = draw.integer(scenario.ipv6 ? 1280 : 576, 1499);
    }
    return scenario;
}

} // namespace millrace::sim
