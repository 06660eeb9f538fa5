#pragma once

#include "network.hpp"
#include "segment_seen.hpp"
#include "stream_service.hpp"

#include "base/time.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::sim {

/// One connection's link breaks for good, in one direction or both.
struct Cut {
    std::size_t connection = 0;
    std::uint64_t after_segments = 0; ///< Of the connection, in both directions together.
    std::array<bool, 2> from{};       ///< Whose segments are lost.
};

/// Who opens a connection; when both do, their SYNs cross.
enum class Opener : std::uint8_t { client, server, both };

/// What of a host's clock lies within a run: the ISS that was drawn, the wrap of the 1 ms clock
/// behind its timestamps, or that of the timestamps themselves.
enum class ClockStart : std::uint8_t { by_iss, clock_wraps, timestamps_wrap };

/// Everything that a run depends on, drawn from its seed.
struct Scenario {
    std::uint64_t seed = 0;
    bool ipv6 = false;
    Impairments impairments;
    std::vector<Stream> client_streams; ///< One for each connection; the server's are their mirror.
    std::vector<Opener> openers;        ///< Of each connection.
    std::array<ClockStart, 2> clocks{}; ///< Of each host.
    std::array<Duration, 2> before_wrap{}; ///< How long after the start a clock wraps.
    std::array<tcp::CongestionAlgorithm, 2> congestion{};
    std::array<bool, 2> no_delay{};
    /// Of each host on the first connection; the server's where nothing holds its first SYN up.
    std::array<std::uint32_t, 2> iss{};
    std::uint32_t receive_buffer_bytes = 262144;
    std::array<tcp::EcnPolicy, 2> ecn{tcp::EcnPolicy::accept, tcp::EcnPolicy::accept};
    std::array<bool, 2> pacing{};
    std::uint32_t receive_buffer_max_bytes = 0; ///< No more: it does not grow.
    std::uint32_t chunks = 4096;
    std::size_t packets = 4096;
    bool checksum_offload = false;
    bool attach = false;
    bool segmentation = false; ///< The port cuts large packets; with both of the above.
    std::optional<Cut> cut;

    [[nodiscard]] static Scenario from_seed(std::uint64_t seed);
};

/// What a run has come to.
struct Outcome {
    bool passed = false;
    std::string failure;             ///< Empty when it passed.
    Duration took{};                 ///< From the first SYN until nothing was left.
    std::uint64_t gave_up = 0;       ///< Connections, at either end or both.
    std::uint64_t gave_up_uncut = 0; ///< Those of them that the scenario has not cut off.
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
        Duration clock_offset{};       ///< What its clock shows beyond the link's.
        Instant wraps_at = never;      ///< When its clock wraps, by itself.
        bool has_wrapped = false;      ///< It did, and there were connections.
        std::vector<wire::SeqNum> iss; ///< Of each connection, as the link saw it.
        std::vector<bool> answered;    ///< Each connection's SYN with a SYN,ACK.
        std::vector<bool> gave_up;     ///< Each connection, at this end.
    };

    [[nodiscard]] Instant host_time(const Host& host) const { return now_ + host.clock_offset; }
    [[nodiscard]] Instant next_deadline(const Host& host) const;
    void make_host(unsigned index);
    template <class Addr>
    void open_connections();
    template <class Addr>
    [[nodiscard]] flow::FourTuple<Addr> key(unsigned host, std::uint16_t number) const;
    [[nodiscard]] bool opens(unsigned host, std::size_t connection) const;
    [[nodiscard]] Duration clock_at_first_iss(unsigned host) const;
    [[nodiscard]] Duration clock_at_timestamp_wrap(unsigned host) const;
    [[nodiscard]] Duration clock_at_start(unsigned host);
    void note_wrap(Host& host);
    void set_clocks();
    void step();
    void poll(unsigned index);
    void send(unsigned from, support::Frame frame);
    [[nodiscard]] bool is_cut_off(unsigned from, std::size_t connection);
    void advance_to_next();
    [[nodiscard]] bool all_ended() const;

    // Giving up
    void find_who_gave_up(unsigned index, std::uint64_t count);
    [[nodiscard]] std::vector<bool> connections_at(unsigned index) const;
    [[nodiscard]] bool gave_up(std::size_t connection) const;
    [[nodiscard]] bool only_peers_of_these_are_left() const;
    void end_forgotten_peers();

    // What has come of it
    [[nodiscard]] std::string check_streams() const;
    [[nodiscard]] std::string check_byte_counters() const;
    [[nodiscard]] std::string check_pools() const;
    [[nodiscard]] std::string check_timers();
    void count_events(Outcome& outcome) const;
    void count_streams(Outcome& outcome) const;
    [[nodiscard]] bool has_wrapped(unsigned receiver, std::size_t connection) const;

    Scenario scenario_;
    Network network_;
    Instant now_{}; ///< The link's clock, which is the client's.
    Instant deadline_{};
    Instant abandon_at_ = never; ///< When the peers of those who gave up may be ended.
    std::uint64_t segments_of_cut_ = 0;
    std::string failure_;
    std::array<Host, 2> hosts_; ///< 0 is the client.
};

} // namespace millrace::sim
