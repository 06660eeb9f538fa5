// A bad link between two virtual interfaces: what comes in at one leaves at the other, later or
// never, as a seed decides. It prints "ready", and at the end a line of JSON for each direction.

#include "direction.hpp"
#include "packet_socket.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace millrace;
using namespace millrace::impairment;

volatile std::sig_atomic_t ending = 0;

struct Options {
    std::array<std::string, 2> interfaces;
    std::string both;
    std::array<std::string, 2> from; ///< Of each interface; what is empty is as `both` says.
    std::uint64_t seed = 1;
    unsigned seconds = 600;
};

/// One interface, and the direction that begins there.
struct End {
    End(const std::string& interface, std::uint64_t seed, const Impairments& impairments)
        : socket{interface}, direction{seed, impairments} {}

    PacketSocket socket;
    Direction direction;
};

class Link {
  public:
    Link(const Options& options, const std::array<Impairments, 2>& impairments)
        : ends_{End{options.interfaces[0], 2 * options.seed, impairments[0]},
                End{options.interfaces[1], 2 * options.seed + 1, impairments[1]}} {}

    void run(Instant until) {
        while (ending == 0 && now() < until) {
            bool busy = false;
            for (std::size_t i = 0; i < 2; ++i) {
                busy = receive(ends_[i]) || busy;
                busy = send(ends_[i], ends_[1 - i]) || busy;
            }
            if (!busy) {
                rest(until);
            }
        }
    }

    void report() {
        for (std::size_t i = 0; i < 2; ++i) {
            const std::string name = i == 0 ? "a_to_b" : "b_to_a";
            fmt::print("{}\n", ends_[i].direction.counters().to_json(name));
        }
        fmt::print("missed {}\nrefused {}\n",
                   ends_[0].socket.take_missed() + ends_[1].socket.take_missed(),
                   ends_[0].socket.refused() + ends_[1].socket.refused());
    }

  private:
    static constexpr std::size_t burst = 64;

    static bool receive(End& end) {
        return end.socket.receive(
            [&](Frame frame, Instant at) { end.direction.enter(std::move(frame), at); });
    }

    static bool send(End& from, End& to) {
        const std::vector<Frame> frames = from.direction.take(now(), burst);
        to.socket.send(frames);
        return !frames.empty();
    }

    void rest(Instant until) {
        const Instant next = std::min(
            {ends_[0].direction.next_departure(), ends_[1].direction.next_departure(), until});
        const Duration wait = std::max(next - now(), Duration{});
        const timespec timeout{.tv_sec = wait / 1s, .tv_nsec = (wait % 1s).count()};
        std::array<pollfd, 2> descriptors{
            pollfd{.fd = ends_[0].socket.descriptor(), .events = POLLIN, .revents = 0},
            pollfd{.fd = ends_[1].socket.descriptor(), .events = POLLIN, .revents = 0}};
        ppoll(descriptors.data(), descriptors.size(), &timeout, nullptr);
    }

    std::array<End, 2> ends_;
};

Options read_options(CLI::App& app, int argc, char** argv) {
    Options options;
    app.add_option("a", options.interfaces[0], "one interface, a veth or TAP")->required();
    app.add_option("b", options.interfaces[1], "the other")->required();
    app.add_option(
        "--both", options.both,
        "what the link does, as in loss=0.01,delay_ms=10,rate_mbit=50,queue_bytes=125000; "
        "also duplication, reordering, reordering_delay_ms, corruption, marking, jitter_ms");
    app.add_option("--a-to-b", options.from[0], "what it does in this direction only");
    app.add_option("--b-to-a", options.from[1], "what it does in this direction only");
    app.add_option("--seed", options.seed, "what happens to which frame")->capture_default_str();
    app.add_option("--seconds", options.seconds, "when to end, if nobody asks earlier")
        ->capture_default_str();
    app.parse(argc, argv);
    return options;
}

std::array<Impairments, 2> impairments_of(const Options& options) {
    std::array<Impairments, 2> result;
    for (std::size_t i = 0; i < 2; ++i) {
        auto parsed = parse_impairments(options.from[i].empty() ? options.both : options.from[i]);
        if (const auto* const error = std::get_if<SpecificationError>(&parsed)) {
            throw CLI::ValidationError{error->problem};
        }
        result[i] = std::get<Impairments>(parsed);
    }
    return result;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Impairs the link between two virtual interfaces, as a seed decides."};
    try {
        const Options options = read_options(app, argc, argv);
        Link link{options, impairments_of(options)};
        std::signal(SIGTERM, [](int) { ending = 1; });
        std::signal(SIGINT, [](int) { ending = 1; });
        // ppoll would else wake up to 50 us late.
        prctl(PR_SET_TIMERSLACK, 1'000UL);
        fmt::print("ready\n");
        std::fflush(stdout);
        link.run(now() + std::chrono::seconds{options.seconds});
        link.report();
        return 0;
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    } catch (const std::exception& error) {
        fmt::print(stderr, "link_impairment: {}\n", error.what());
        return 1;
    }
}
