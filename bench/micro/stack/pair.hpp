#pragma once

#include "client.hpp"
#include "server.hpp"
#include "wire.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace millrace::stack::bench {

/// A client and a server, taking turns.
class Pair {
  public:
    explicit Pair(const Plan& plan)
        : client_{client_end_, settings_with(connections_max, packets), plan, now_},
          server_{server_end_, settings_with(connections_max, packets), now_} {
        Port::join(server_end_, client_end_);
    }

    void turn() {
        now_ += 1us;
        client_.worker.poll_once(now_);
        const auto began = std::chrono::steady_clock::now();
        server_.worker.poll_once(now_);
        server_time_ += std::chrono::steady_clock::now() - began;
    }

    [[nodiscard]] const Progress& progress() const { return client_.progress; }
    [[nodiscard]] std::chrono::nanoseconds server_time() const { return server_time_; }

  private:
    static constexpr std::uint32_t connections_max = 4096;
    static constexpr std::size_t packets = 8192;

    Instant now_{1h};
    PacketMemory memory_{packets};
    Port server_end_{memory_, Checksums::by_port};
    Port client_end_{memory_, Checksums::by_port};
    Client client_;
    Server server_;
    std::chrono::nanoseconds server_time_{};
};

} // namespace millrace::stack::bench
