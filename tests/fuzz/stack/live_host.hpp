#pragma once

#include "../../script/link.hpp"
#include "live_user.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <cstddef>
#include <deque>

namespace millrace::fuzz {

/// What one input begins with.
struct LiveSettings {
    script::Family family = script::Family::ipv4;
    bool small_pools = false;
    bool multi_segment = false;
    bool no_delay = true;
    bool linger_zero = false;
    tcp::ReusePolicy reuse = tcp::ReusePolicy::timestamps;
    bool corked = false;
    Duration defer_accept{};
    tcp::Config tcp;
    Duration start{};
};

/// One whole worker on a port in memory, whose connections are checked after everything that
/// happens: each of them is sound, and whatever waits, waits for something.
class LiveHost {
  public:
    static constexpr std::uint16_t listening = 8080;

    explicit LiveHost(const LiveSettings& settings);

    LiveHost(const LiveHost&) = delete;
    LiveHost& operator=(const LiveHost&) = delete;

    [[nodiscard]] Instant now() const { return now_; }
    [[nodiscard]] Instant next_deadline() const { return worker_.next_deadline(); }

    /// Waits in the receive queue until the next turn.
    void arrives(const support::Frame& frame) { static_cast<void>(nic_.deliver(frame)); }

    /// Takes turns, now and `later`, until nothing is left to do; says what was sent.
    [[nodiscard]] std::deque<script::Packet> run(Duration later = {});

    void connect(const script::Ports& ports);

    /// Lets every connection's service act as the user wants.
    void act(Act act);

    /// How many packets the port still takes; SIZE_MAX when it is not full.
    void set_transmit_room(std::size_t packets) { nic_.transmit_room = packets; }

    /// Ends everything; every pool has all back.
    void end();

    LiveUser user;

  private:
    using Worker = stack::Worker<support::MemoryNic, LiveService>;

    [[nodiscard]] static stack::WorkerSettings worker_settings(const LiveSettings& settings);
    void check() const;

    LiveSettings settings_;
    Instant now_;
    support::MemoryNic nic_;
    Worker worker_;
    std::uint16_t opens_ = 0; ///< The listener that connections we open belong to.
};

} // namespace millrace::fuzz
