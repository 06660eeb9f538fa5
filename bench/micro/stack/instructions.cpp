#include "../instructions.hpp"
#include "crowd.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// What a server spends on a segment, from the burst handed in to the burst handed out: the clients
// are not counted, and what the port does can be told from the rest by its name. Bursts of 32
// distinct connections; OTHERS more stand in the table.
//
//   bench/instructions                              runs it, and reads what it says
//   bench_stack_instructions [OTHERS [software]]    software: the port does no checksums

using namespace millrace;
using namespace millrace::bench;
using namespace millrace::stack::bench;
namespace flag = wire::tcp_flag;

namespace {

/// Connections of one figure, each of which is met once.
constexpr std::uint32_t measured = 1024;
/// Of all figures.
constexpr std::uint32_t clients = 10 * measured;

/// As `Crowd::poll_once`, counted.
void counted_turn(Server& server, Instant now) {
    const Counted counted;
    server.worker.poll_once(now);
}

/// A step, and whether the server's part of it counts.
struct Act : Step {
    bool counts = true;
};

const std::string text(64, 'x');

constexpr std::uint8_t data = flag::ack | flag::psh;

Act syn() {
    return {{flag::syn, {}, {.segments = 1}}};
}
Act ack() {
    return {{}};
}
Act text_and_echo() {
    return {{data, text, {.segments = 1, .bytes = 64}}};
}
Act uncounted(Act act) {
    act.counts = false;
    return act;
}

class Figures {
  public:
    Figures(std::uint32_t others, Checksums checksums)
        : crowd_{others, clients, checksums}, next_{others}, end_{others + clients} {}

    void run() {
        nothing();
        idle_poll();
        whole_connections();
        ends_of_time_wait();
        standing();
        bulk_sent("segment of a document sent", http_port, get_large);
        bulk_sent("segment of copied bytes sent", source_port, {});
        bulk_received();
    }

  private:
    /// Numbers of clients that have not spoken yet.
    std::uint32_t take_clients(std::uint32_t count) {
        MILLRACE_ASSERT(count <= end_ - next_);
        return std::exchange(next_, next_ + count);
    }

    /// The acts one after the other on each burst of the clients.
    void play(std::uint32_t first, std::uint16_t port, std::span<const Act> acts, bool counting) {
        for (std::uint32_t done = 0; done < measured; done += Crowd::burst) {
            for (const Act& act : acts) {
                const auto turn = counting && act.counts ? counted_turn : Crowd::poll_once;
                crowd_.say(first + done, Crowd::burst, port, act, turn);
            }
        }
    }

    /// On connections that stand, when each has gone through it once.
    void figure_of_standing(const char* name, std::uint32_t first, std::uint16_t port,
                            std::initializer_list<Act> acts) {
        play(first, port, acts, false);
        play(first, port, acts, true);
        end_figure(name, measured);
    }

    /// Of connections from their SYN on, when others have gone that way before.
    void figure_of_new(const char* name, std::uint16_t port, std::initializer_list<Act> acts) {
        play(take_clients(measured), port, acts, false);
        play(take_clients(measured), port, acts, true);
        end_figure(name, measured);
    }

    void nothing();
    void idle_poll();
    void standing();
    void whole_connections();
    void ends_of_time_wait();
    void bulk_sent(const char* name, std::uint16_t port, std::string_view request);
    void bulk_received();

    Crowd crowd_;
    std::uint32_t next_;
    std::uint32_t end_;
};

/// What starting and ending the count of each burst adds.
void Figures::nothing() {
    for (std::uint32_t done = 0; done < measured; done += Crowd::burst) {
        const Counted counted;
    }
    end_figure("nothing", measured);
}

void Figures::idle_poll() {
    static_cast<void>(crowd_.poll());
    for (std::uint32_t i = 0; i < measured; ++i) {
        Crowd::expect({}, crowd_.wait(1us, counted_turn));
    }
    end_figure("a poll that finds nothing", measured);
}

void Figures::standing() {
    const std::uint32_t echoes = take_clients(measured);
    crowd_.open(echoes, measured, echo_port);
    figure_of_standing("echo of 64 bytes", echoes, echo_port, {text_and_echo()});
    figure_of_standing("pure ACK", echoes, echo_port, {uncounted(text_and_echo()), ack()});

    const std::uint32_t requests = take_clients(measured);
    crowd_.open(requests, measured, http_port);
    const Act request{{data, get_small, {.segments = 1, .bytes = response_bytes(get_small)}}};
    figure_of_standing("request on a standing connection", requests, http_port, {request});
}

void Figures::whole_connections() {
    const Act answer{{data,
                      get_small_and_close,
                      {.segments = 1, .bytes = response_bytes(get_small_and_close), .fins = 1}}};
    const Act fin{{flag::ack | flag::fin, {}, {.segments = 1}}};
    figure_of_new("HTTP connection, 3 segments in", http_port, {syn(), answer, fin});
    figure_of_new("HTTP connection, 5 segments in", http_port, {syn(), ack(), answer, ack(), fin});
    const Act close{{flag::ack | flag::fin, {}, {.segments = 1, .fins = 1}}};
    figure_of_new("handshake and close by the client", echo_port, {syn(), ack(), close, ack()});
}

/// Everyone's time is over at once, and the server takes some in each turn.
void Figures::ends_of_time_wait() {
    const auto& connections = crowd_.server().connections();
    static_cast<void>(crowd_.wait(crowd_.server().worker.core().settings.time_wait_durations[0],
                                  Crowd::poll_once));
    const std::uint32_t entries = connections.time_wait();
    while (connections.time_wait() > 0) {
        Crowd::expect({}, crowd_.wait(1us, counted_turn));
    }
    end_figure("end of a TIME-WAIT entry", entries);
}

/// Clients that acknowledge every second segment, and whose window is full: two more go out then.
void Figures::bulk_sent(const char* name, std::uint16_t port, std::string_view request) {
    constexpr std::uint32_t segment_bytes = 1448;
    constexpr int rounds_until_steady = 64;
    constexpr std::uint32_t rounds_counted = measured / Crowd::burst;
    const std::uint32_t first = take_clients(Crowd::burst);
    crowd_.say(first, Crowd::burst, port, syn());
    std::array<wire::SeqNum, Crowd::burst> acked;
    for (std::uint32_t i = 0; i < Crowd::burst; ++i) {
        acked[i] = crowd_.peers().received_up_to(first + i);
        crowd_.peers().send(first + i, port, data, request, crowd_.now());
    }
    static_cast<void>(crowd_.poll());
    const auto acknowledge_two = [&](auto&& turn) {
        for (std::uint32_t i = 0; i < Crowd::burst; ++i) {
            acked[i] += 2 * segment_bytes;
            crowd_.peers().send(first + i, port, flag::ack, {}, crowd_.now(), acked[i]);
        }
        return crowd_.wait(Crowd::between_bursts, turn);
    };
    for (int i = 0; i < rounds_until_steady; ++i) {
        static_cast<void>(acknowledge_two(Crowd::poll_once));
    }
    constexpr std::uint32_t sent = 2 * Crowd::burst;
    for (std::uint32_t i = 0; i < rounds_counted; ++i) {
        Crowd::expect({.segments = sent, .bytes = sent * segment_bytes},
                      acknowledge_two(counted_turn));
    }
    end_figure(name, rounds_counted * sent);
    // Else they would be sent again what they have not acknowledged.
    crowd_.say(first, Crowd::burst, port, {flag::rst, {}, {}});
}

/// Every second segment is acknowledged.
void Figures::bulk_received() {
    const std::string segment(1448, 'x');
    const std::uint32_t first = take_clients(measured);
    crowd_.open(first, measured, discard_port);
    const Act first_of_two{{flag::ack, segment, {}}};
    const Act second_of_two{{flag::ack, segment, {.segments = 1}}};
    figure_of_standing("two segments received", first, discard_port, {first_of_two, second_of_two});
}

} // namespace

int main(int count, char** arguments) {
    std::uint32_t others = 1'000;
    Checksums checksums = Checksums::by_port;
    if (count > 1) {
        const std::string_view word = arguments[1];
        if (std::from_chars(word.data(), word.data() + word.size(), others).ec != std::errc{}) {
            std::fprintf(stderr, "usage: %s [OTHERS [software]]\n", arguments[0]);
            return 2;
        }
    }
    if (count > 2 && std::string_view{arguments[2]} == "software") {
        checksums = Checksums::software;
    }
    Figures figures{others, checksums};
    begin_instrumentation();
    figures.run();
}
