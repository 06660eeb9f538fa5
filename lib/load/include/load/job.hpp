#pragma once

#include "base/ring.hpp"
#include "base/time.hpp"
#include "load/counters.hpp"
#include "load/recorder.hpp"
#include "load/schedule.hpp"

#include <cstdint>
#include <vector>

namespace millrace::load {

/// Who ends a connection that has carried its one operation.
enum class CloseBy : std::uint8_t {
    server, ///< As it was asked to; we answer its FIN.
    fin,    ///< We, and TIME_WAIT is ours.
    reset,  ///< We, without TIME_WAIT.
};

/// What one worker does of a job. An operation is what is counted and timed: a handshake, a request
/// with its reply, an echo, a piece of a stream.
template <class Addr>
struct Job {
    std::vector<Addr> sources; ///< Our addresses, taken in turn.
    Addr target;
    std::uint16_t port = 0;
    /// Connections stand, and carry one operation after another; else each carries one.
    bool standing = true;
    bool held = false;             ///< And none may end before we say so.
    std::uint32_t connections = 1; ///< At once.
    std::uint16_t depth = 1;       ///< Operations at once on one standing connection.
    /// Standing connections that are being opened at once, or closed at the end: a million at once
    /// would overrun both sides' queues.
    std::uint32_t handshakes_max = 256;
    CloseBy close = CloseBy::fin;
    Duration timeout = 10s; ///< Without any progress, of one that has begun.
    /// Operation n of this worker is number n * workers + worker of the schedule's.
    std::uint32_t worker = 0;
    std::uint32_t workers = 1;
};

/// What the control thread asks of a job's workers.
struct Order {
    enum class Kind : std::uint8_t {
        open,  ///< Open the standing connections, and keep them open.
        run,   ///< Begin operations as `schedule` says.
        close, ///< Begin nothing more, and end every connection.
    };

    Kind kind = Kind::run;
    bool once = false;                      ///< One operation on each connection, and no more.
    std::uint32_t pending_max = UINT32_MAX; ///< Operations at once.
    Schedule schedule;
    /// Operations that are due in [from, until) are timed; none that is due later is begun.
    Instant from = Instant::min();
    Instant until = never;
    std::uint64_t operations_max = UINT64_MAX; ///< This worker's.
};

/// What the control thread and one worker share of a job: orders one way, results the other.
struct JobShare {
    SpscRing<Order> orders{8};
    alignas(64) Counters counters;
    alignas(64) Gauges gauges;
    Recorder latencies;
};

} // namespace millrace::load
