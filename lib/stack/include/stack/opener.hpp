#pragma once

#include "base/time.hpp"
#include "flow/four_tuple.hpp"
#include "stack/active_open.hpp"

#include <cstdint>
#include <utility>

namespace millrace::stack {

/// The worker, as a service sees it that opens connections: for the length of one call of its
/// `on_turn`.
template <class WorkerType>
class Opener {
  public:
    Opener(WorkerType& worker, std::uint16_t service, Instant now)
        : worker_{worker}, service_{service}, now_{now} {}

    [[nodiscard]] Instant now() const { return now_; }

    /// Opens a connection of this service: see `Worker::connect`.
    template <class Addr>
    [[nodiscard]] Connecting<Addr> connect(const flow::FourTuple<Addr>& key) {
        return worker_.connect(key, service_, now_);
    }

    /// Acts on a connection: see `Worker::with_socket`.
    template <class Addr, class F>
    bool with_socket(const flow::FourTuple<Addr>& key, F&& f) {
        return worker_.with_socket(key, now_, std::forward<F>(f));
    }

  private:
    WorkerType& worker_;
    std::uint16_t service_;
    Instant now_;
};

} // namespace millrace::stack
