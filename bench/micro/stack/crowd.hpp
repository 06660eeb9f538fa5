#pragma once

#include "peers.hpp"
#include "server.hpp"
#include "wire.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <span>
#include <string_view>

namespace millrace::stack::bench {

/// A segment from each of a burst's clients, and what of it comes back to each.
struct Step {
    std::uint8_t flags = wire::tcp_flag::ack;
    std::string_view payload;
    Received answer;
};

/// A server, the many clients that are connected to its echo service and keep quiet, and room for
/// more. Whoever uses it says which of them speaks; time passes with each burst, and is made up.
class Crowd {
  public:
    static constexpr std::uint32_t burst = 32;
    static constexpr Duration between_bursts = 10us; ///< 3.2 million segments a second.

    Crowd(std::uint32_t others, std::uint32_t more, Checksums checksums)
        : server_end_{memory_, checksums}, client_end_{memory_, checksums},
          server_{server_end_, settings_with(others + more, packets), now_}, peers_{memory_,
                                                                                    client_end_,
                                                                                    others + more} {
        Port::join(server_end_, client_end_);
        peers_.announce();
        poll();
        open(0, others, echo_port);
    }

    /// Opens connections; the last burst may be a smaller one.
    void open(std::uint32_t first, std::uint32_t count, std::uint16_t port) {
        constexpr std::uint8_t syn = wire::tcp_flag::syn;
        for (std::uint32_t done = 0; done < count; done += burst) {
            const std::uint32_t clients = std::min(burst, count - done);
            say(first + done, clients, port, {syn, {}, {.segments = 1}});
            say(first + done, clients, port, {});
        }
    }

    /// A segment from each of `clients` from `first` on, the server's turn, which `turn(server,
    /// now)` takes, and a look at what comes of it.
    template <class Turn>
    void say(std::uint32_t first, std::uint32_t clients, std::uint16_t port, const Step& step,
             Turn&& turn) {
        for (std::uint32_t i = 0; i < clients; ++i) {
            peers_.send(first + i, port, step.flags, step.payload, now_);
        }
        now_ += between_bursts;
        turn(server_, now_);
        const Received all{clients * step.answer.segments, clients * step.answer.bytes,
                           clients * step.answer.fins};
        expect(all, peers_.take_in());
    }
    void say(std::uint32_t first, std::uint32_t clients, std::uint16_t port, const Step& step) {
        say(first, clients, port, step, poll_once);
    }

    /// The server's turn, later, with nothing from the clients; what it sends is taken in.
    template <class Turn>
    Received wait(Duration time, Turn&& turn) {
        now_ += time;
        turn(server_, now_);
        return peers_.take_in();
    }
    Received poll() { return wait(between_bursts, poll_once); }

    static void poll_once(Server& server, Instant now) { server.worker.poll_once(now); }

    static void expect(const Received& wanted, const Received& got) {
        if (wanted != got) {
            std::fprintf(stderr, "%u segments, %u bytes and %u FINs have come, not %u, %u and %u\n",
                         got.segments, got.bytes, got.fins, wanted.segments, wanted.bytes,
                         wanted.fins);
            std::exit(1);
        }
    }

    [[nodiscard]] Server& server() { return server_; }
    [[nodiscard]] Peers& peers() { return peers_; }
    [[nodiscard]] Instant now() const { return now_; }

  private:
    static constexpr std::size_t packets = 8192;

    Instant now_{1h};
    PacketMemory memory_{packets};
    Port server_end_;
    Port client_end_;
    Server server_;
    Peers peers_;
};

} // namespace millrace::stack::bench
