#include "daemon.hpp"

#include "exit_code.hpp"
#include "runtime/appliance.hpp"
#include "runtime/counters.hpp"
#include "runtime/drain.hpp"
#include "runtime/log.hpp"
#include "runtime/management.hpp"
#include "runtime/version.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <variant>

namespace millrace {

namespace {

using namespace runtime;

/// Keeps back the signals that a `Drain` watches until there is one: a start that is broken off by
/// one would leave its socket and DPDK's files behind. Threads made meanwhile never take them.
class HeldSignals {
  public:
    HeldSignals() {
        sigset_t held;
        sigemptyset(&held);
        for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
            sigaddset(&held, number);
        }
        pthread_sigmask(SIG_BLOCK, &held, &before_);
    }
    void let_through() const { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
};

int not_started(const ConfigError& error) {
    fmt::print(stderr, "{}\n", error.to_string());
    return exit_not_started;
}

std::variant<std::unique_ptr<Appliance>, ConfigError> start(const Config& config) {
    try {
        return Appliance::start(config);
    } catch (const std::exception& error) {
        return config.origin.error({}, fmt::format("the start failed: {}", error.what()),
                                   "see the lines before this one");
    }
}

/// Calls `appliance.update_wall_clock()` once a second, as long as `timer` lives.
void keep_wall_clock(Appliance& appliance, boost::asio::steady_timer& timer) {
    timer.expires_after(1s);
    timer.async_wait([&](const boost::system::error_code& error) {
        if (!error) {
            appliance.update_wall_clock();
            keep_wall_clock(appliance, timer);
        }
    });
}

void say_how_it_ended(DrainEnd end, std::size_t connections) {
    switch (end) {
    case DrainEnd::finished:
        spdlog::info("drained: every connection has finished");
        return;
    case DrainEnd::timed_out:
        spdlog::warn("the time to drain is over: {} connections are cut", connections);
        return;
    case DrainEnd::cut_short:
        spdlog::warn("asked twice: {} connections are cut", connections);
        return;
    }
}

/// Ends everything and says what was not given back.
int stop(Appliance& appliance) {
    const Appliance::Leaks leaks = appliance.stop();
    for (const std::string& leak : leaks.found) {
        spdlog::error("leak: {}", leak);
    }
    if (!leaks.found.empty()) {
        return exit_failed;
    }
    spdlog::info("ended; every pool is full again");
    return exit_done;
}

} // namespace

int run_daemon(const Config& config) {
    set_up_log(config.log.level);
    const HeldSignals signals;
    boost::asio::io_context io{1};
    ManagementServer management{io};
    if (!config.management.socket.empty()) {
        // First of all: where another millraced answers, its ports must not be touched.
        if (const auto problem = management.listen(config.management.socket)) {
            return not_started(
                config.origin.error("management.socket", problem->problem, problem->remedy));
        }
    }
    auto started = start(config);
    if (const auto* error = std::get_if<ConfigError>(&started)) {
        management.close();
        return not_started(*error);
    }
    Appliance& appliance = *std::get<std::unique_ptr<Appliance>>(started);
    CounterRegistry counters;
    appliance.register_counters(counters);
    Drain drain{io, appliance, config.management.drain_timeout, [&](DrainEnd end) {
                    say_how_it_ended(end, appliance.connections());
                    io.stop();
                }};
    add_commands(management, {counters, appliance, [&] { drain.request(); }});
    drain.watch_signals();
    signals.let_through();
    boost::asio::steady_timer wall_clock{io};
    keep_wall_clock(appliance, wall_clock);

    fmt::print("{}", appliance.banner());
    std::fflush(stdout);
    if (config.listeners.empty()) {
        spdlog::warn("there is no [[listen]]: only ping will be answered");
    }
    spdlog::info("millraced {} is ready", version());
    io.run();
    management.close();
    return stop(appliance);
}

} // namespace millrace
