#pragma once

#include "flow/four_tuple.hpp"
#include "load/index_queue.hpp"
#include "load/job.hpp"
#include "load/talk.hpp"
#include "stack/active_open.hpp"
#include "stack/service_concept.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::load {

/// One worker's share of a job, as a service that opens connections: keeps as many as it was told,
/// begins operations when the schedule says that they are due, and times each from that moment.
///
/// A connection has a slot, whose number is the service's state in the stack. Slots that have room
/// for an operation wait in a queue for the next one that is due, so that connections take turns;
/// when operations are due and none waits, the next connection that has room takes the next
/// operation itself, in the call that made the room.
template <class Addr, Talk T>
class Client {
  public:
    /// `share` outlives the client.
    Client(Job<Addr> job, T talk, JobShare& share)
        : job_{std::move(job)}, talk_{std::move(talk)}, share_{&share}, slots_(job_.connections),
          dues_(std::size_t{job_.connections} * job_.depth), available_{job_.connections} {
        for (std::uint32_t slot = job_.connections; slot > 0; --slot) {
            free_.push_back(slot - 1);
        }
        to_close_.reserve(job_.connections);
    }

    // As a service:
    std::uint32_t receive(stack::Socket& socket, const Slice& text);
    void on(stack::Socket& socket, stack::SocketEvent event);
    template <class Opener>
    [[nodiscard]] Instant on_turn(Opener& opener);

  private:
    using Key = flow::FourTuple<Addr>;
    using Event = stack::SocketEvent;

    enum class Phase : std::uint8_t { waiting, open, running, closing };

    struct Slot {
        Key key;
        bool in_use = false;       ///< There is a connection, in whatever state.
        bool open = false;         ///< It can carry operations.
        bool asked = false;        ///< It has carried one, or does.
        std::uint16_t pending = 0; ///< Operations begun, and not completed.
        std::uint16_t oldest = 0;  ///< Where the first of them stands among the slot's dues.
        [[no_unique_address]] typename T::State talk{};
    };

    /// What a turn does of each kind at most, so that packets need not wait for long.
    static constexpr std::uint32_t turn_max = 64;
    /// How long to leave alone what has failed for want of ports, memory or a listener.
    static constexpr Duration try_again = 1ms;
    /// How long after the end of a run what was due in it may still be begun.
    static constexpr Duration catch_up = 100ms;

    // The control thread
    void take_orders();
    void end_of_run(Instant now);
    template <class Opener>
    void close_opened(Opener& opener);
    template <class Opener>
    [[nodiscard]] bool close_some(Opener& opener);
    void publish();

    // When
    [[nodiscard]] bool is_open_loop() const { return order_.schedule.is_open(); }
    [[nodiscard]] Instant next_turn(Instant now) const;
    [[nodiscard]] Instant next_due() const;
    [[nodiscard]] bool is_due(Instant now) const;
    [[nodiscard]] Instant take_due(Instant now);
    [[nodiscard]] bool in_window(Instant at) const {
        return at >= order_.from && at < order_.until;
    }

    // Connections
    template <class Opener>
    [[nodiscard]] bool open_standing(Opener& opener);
    template <class Opener>
    [[nodiscard]] bool begin_due(Opener& opener);
    template <class Opener>
    [[nodiscard]] bool connect(Opener& opener);
    void opened(stack::Socket& socket, std::uint32_t index);
    void closed(const stack::Socket& socket, std::uint32_t index);
    void failed(const stack::Socket& socket, std::uint32_t index);
    void end_of_stream(stack::Socket& socket, Slot& slot);
    void deadline(stack::Socket& socket, Slot& slot);
    void give_back(std::uint32_t index);
    void retire(Slot& slot);
    void close(stack::Socket& socket, Slot& slot);
    void fail(stack::Socket& socket, Slot& slot, Counter error);

    // Operations
    [[nodiscard]] bool has_room(const stack::Socket& socket, const Slot& slot) const {
        return slot.open && slot.pending < job_.depth && !(order_.once && slot.asked) &&
               talk_.has_room(socket);
    }
    [[nodiscard]] static bool is_early(const stack::Socket& socket, const Slot& slot);
    void go_on(stack::Socket& socket, std::uint32_t index);
    void begin(Slot& slot, Instant due);
    void say(stack::Socket& socket, Slot& slot);
    void complete(stack::Socket& socket, Slot& slot);
    void take_acknowledged(stack::Socket& socket, Slot& slot);
    void forget_pending(Slot& slot);
    void abandon_others(const Slot& slot);
    [[nodiscard]] Instant& due_at(const Slot& slot, std::size_t place) {
        const auto first = static_cast<std::size_t>(&slot - slots_.data()) * job_.depth;
        return dues_[first + (slot.oldest + place) % job_.depth];
    }

    void count(Counter counter, std::uint64_t by = 1) { share_->counters.add(counter, by); }
    void count_bytes(Counter all, Counter in_the_window, std::uint64_t bytes, Instant now) {
        count(all, bytes);
        if (in_window(now) && phase_ == Phase::running) {
            count(in_the_window, bytes);
        }
    }

    Job<Addr> job_;
    T talk_;
    JobShare* share_;
    Order order_;
    Phase phase_ = Phase::waiting;
    bool run_ended_ = false;
    /// The server has answered once. One connection goes first: while the next hop's address is not
    /// known, the SYNs of many would be lost.
    bool reached_ = false;
    std::uint64_t begun_ = 0; ///< Operations of this run.
    std::uint64_t runs_ended_ = 0;
    std::uint32_t opening_ = 0;
    std::uint32_t open_ = 0;
    std::uint32_t pending_ = 0;
    Instant last_completed_{};
    std::size_t next_source_ = 0;
    std::size_t next_to_close_ = 0;
    Instant not_before_ = Instant::min(); ///< Of the next attempt to connect.
    std::vector<Slot> slots_;
    std::vector<Instant> dues_; ///< `depth` for each slot: when its pending operations were due.
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> to_close_; ///< In the next turn.
    IndexQueue available_;                ///< Slots that may have room for an operation.
};

} // namespace millrace::load

#include "load/client_connections.hpp" // IWYU pragma: keep
#include "load/client_operations.hpp"  // IWYU pragma: keep
#include "load/client_turn.hpp"        // IWYU pragma: keep
