#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
} // namespace boost::asio

namespace millrace::runtime {

/// What can be brought to an end in order: the workers and their listeners.
class Drainable {
  public:
    virtual ~Drainable() = default;

    /// New connections are no longer taken; those there are go on.
    virtual void stop_listening() = 0;

    /// How many connections are still to finish; those in TIME-WAIT have.
    [[nodiscard]] virtual std::size_t connections() const = 0;
};

/// How a drain ended.
enum class DrainEnd : std::uint8_t {
    finished,  ///< No connection was left.
    timed_out, ///< Some were, when the time was over.
    cut_short, ///< Some were, when it was asked for again.
};

/// Brings a program to its end: the first request stops listening and waits for the connections, a
/// second one ends at once. Runs on the thread of `io`, and its timer is the machine's clock.
class Drain {
  public:
    /// `on_end` is called once, from `io`. `subject` and `io` outlive the drain.
    Drain(boost::asio::io_context& io, Drainable& subject, Duration timeout,
          std::function<void(DrainEnd)> on_end);
    ~Drain();

    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;

    void request();

    /// Requests it at SIGTERM and SIGINT from now on; SIGHUP is heard and left alone.
    void watch_signals();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace millrace::runtime
