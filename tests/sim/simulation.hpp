#pragma once

#include "network.hpp"
#include "stream_service.hpp"

#include "base/time.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace millrace::sim {

/// Everything that a run depends on, drawn from its seed.
struct Scenario {
    std::uint64_t seed = 0;
    bool ipv6 = false;
    Impairments impairments;
    std::vector<Stream> client_streams; ///< One for each connection; the server's are their mirror.
    std::uint32_t client_iss = 0;       ///< Of the first connection: near the wrap in most runs.
    std::uint32_t receive_buffer_bytes = 262144;
    std::uint32_t chunks = 4096;
    std::size_t packets = 4096;
    bool checksum_offload = false;
    bool attach = false;

    [[nodiscard]] static Scenario from_seed(std::uint64_t seed);
};

/// What a run has come to.
struct Outcome {
    bool passed = false;
    std::string failure; ///< Empty when it passed.
    /// How often each named thing has happened, at both hosts together.
    std::map<std::string, std::uint64_t> events;
};

/// Two hosts, each a whole worker with its own port in memory, and a link between them.
class Simulation {
  public:
    using Worker = stack::Worker<support::MemoryNic, StreamService>;

    explicit Simulation(const Scenario& scenario);

    [[nodiscard]] Outcome run();

  private:
    struct Host {
        std::unique_ptr<support::MemoryNic> nic;
        std::unique_ptr<Worker> worker;
        std::vector<Stream> streams;
        Instant clock_offset{};
    };

    void make_host(unsigned index);
    template <class Addr>
    void open_connections();
    template <class Addr>
    [[nodiscard]] flow::FourTuple<Addr> client_key(std::uint16_t number) const;
    void choose_start();
    void step();
    void poll(unsigned index);
    void advance_to_next();
    [[nodiscard]] bool all_ended() const;
    [[nodiscard]] bool any_gave_up() const;
    [[nodiscard]] std::string check_streams() const;
    [[nodiscard]] std::string check_pools() const;
    void count_events(Outcome& outcome) const;

    Scenario scenario_;
    Network network_;
    Instant now_{};
    std::array<Host, 2> hosts_; ///< 0 is the client.
};

} // namespace millrace::sim
