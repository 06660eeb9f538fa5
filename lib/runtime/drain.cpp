#include "runtime/drain.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <csignal>
#include <utility>

namespace millrace::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// How often the connections are counted meanwhile.
constexpr auto look_every = 20ms;

} // namespace

/// Shared with callbacks that may come late.
struct Drain::State : std::enable_shared_from_this<State> {
    enum class Phase : std::uint8_t { serving, draining, ended };

    State(asio::io_context& io, Drainable& wanted, Duration limit,
          std::function<void(DrainEnd)> when_ended)
        : context{io}, subject{wanted}, timeout{limit}, on_end{std::move(when_ended)}, timer{io},
          signals{io} {}

    void begin() {
        phase = Phase::draining;
        spdlog::info("draining: {} connections to finish, at most {} s; ask again to end at once",
                     subject.connections(),
                     std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
        subject.stop_listening();
        deadline = std::chrono::steady_clock::now() + timeout;
        look();
    }

    void look() {
        if (phase != Phase::draining) {
            return;
        }
        if (subject.connections() == 0) {
            end(DrainEnd::finished);
        } else if (std::chrono::steady_clock::now() >= deadline) {
            end(DrainEnd::timed_out);
        } else {
            timer.expires_after(look_every);
            timer.async_wait([weak = weak_from_this()](const error_code& error) {
                const auto self = weak.lock();
                if (!error && self) {
                    self->look();
                }
            });
        }
    }

    void end(DrainEnd how) {
        phase = Phase::ended;
        timer.cancel();
        error_code ignored;
        signals.cancel(ignored);
        asio::post(context, [report = on_end, how] { report(how); });
    }

    void request() {
        switch (phase) {
        case Phase::serving:
            begin();
            return;
        case Phase::draining:
            end(subject.connections() == 0 ? DrainEnd::finished : DrainEnd::cut_short);
            return;
        case Phase::ended:
            return;
        }
    }

    void wait_for_signal() {
        signals.async_wait([this](const error_code& error, int number) {
            if (error) {
                return;
            }
            if (number == SIGHUP) {
                spdlog::warn(
                    "SIGHUP: the configuration cannot be read anew while running; restart");
            } else {
                request();
            }
            if (phase != Phase::ended) {
                wait_for_signal();
            }
        });
    }

    asio::io_context& context;
    Drainable& subject;
    const Duration timeout;
    std::function<void(DrainEnd)> on_end;
    asio::steady_timer timer;
    asio::signal_set signals;
    std::chrono::steady_clock::time_point deadline;
    Phase phase = Phase::serving;
};

Drain::Drain(asio::io_context& io, Drainable& subject, Duration timeout,
             std::function<void(DrainEnd)> on_end)
    : state_{std::make_shared<State>(io, subject, timeout, std::move(on_end))} {}

Drain::~Drain() = default;

void Drain::request() {
    state_->request();
}

void Drain::watch_signals() {
    error_code error;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        state_->signals.add(number, error);
        if (error) {
            spdlog::error("signal {} cannot be watched: {}", number, error.message());
        }
    }
    state_->wait_for_signal();
}

} // namespace millrace::runtime
