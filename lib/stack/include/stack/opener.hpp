#pragma once

#include "base/time.hpp"
#include "flow/four_tuple.hpp"
#include "stack/active_open.hpp"
#include "stack/socket.hpp"

#include <cstdint>
#include <cstring>
#include <type_traits>
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

    /// Opens a connection of this service: see `Worker::connect`. Its `Socket::state` begins with
    /// `state`.
    template <class Addr, class State = std::uint8_t>
    [[nodiscard]] Connecting<Addr> connect(const flow::FourTuple<Addr>& key,
                                           const State& state = {}) {
        static_assert(sizeof(State) <= service_state_bytes && std::is_trivially_copyable_v<State>);
        ServiceState bytes{};
        std::memcpy(bytes.data(), &state, sizeof state);
        return worker_.connect(key, service_, now_, bytes);
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
