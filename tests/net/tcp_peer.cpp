// A worker with one service, to stand opposite a kernel's TCP: it listens, opens connections, or
// both, sends the stream of base/pattern.hpp and checks that it receives it.
// It opens on SIGUSR1, any number of times. Prints "ready", a line of JSON for each connection that
// ends, and its counters when it is asked to end.

#include "base/pattern.hpp"
#include "nic/packet_pool.hpp"
#include "nic/port.hpp"
#include "runtime/address.hpp"
#include "runtime/eal.hpp"
#include "runtime/worker_nic.hpp"
#include "runtime/worker_thread.hpp"
#include "stack/worker.hpp"
#include "wire/address.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace millrace;

/// When a connection's own bytes go out.
enum class Turn : std::uint8_t {
    at_once,       ///< And our FIN behind them, while the peer may still be sending.
    after_the_peer ///< When the peer has half-closed.
};

class Conversation {
  public:
    Conversation(std::uint64_t bytes, Turn turn) : bytes_{bytes}, turn_{turn} {}

    static std::uint32_t receive(stack::Socket& socket, const Slice& text) {
        auto& state = socket.state<State>();
        state.wrong = state.wrong || !pattern::matches(state.received, text.bytes());
        state.received += text.length;
        return text.length;
    }

    void on(stack::Socket& socket, stack::SocketEvent event) const {
        auto& state = socket.state<State>();
        switch (event) {
        case stack::SocketEvent::opened:
            state.opened = true;
            if (turn_ == Turn::at_once) {
                send_more(socket);
            }
            return;
        case stack::SocketEvent::end_of_stream:
            state.peer_ended = true;
            send_more(socket);
            return;
        case stack::SocketEvent::writable:
        case stack::SocketEvent::deadline:
            send_more(socket);
            return;
        case stack::SocketEvent::drain:
            return;
        case stack::SocketEvent::closed:
        case stack::SocketEvent::failed:
            report(socket);
            return;
        }
    }

  private:
    struct State {
        std::uint64_t sent; ///< Queued so far.
        std::uint64_t received;
        bool opened;
        bool peer_ended;
        bool wrong; ///< A byte was another than it had to be.
    };

    void send_more(stack::Socket& socket) const {
        auto& state = socket.state<State>();
        while (state.sent < bytes_ && socket.queued_bytes() < queued_bytes_max) {
            const auto piece = pattern::piece(state.sent, bytes_ - state.sent);
            const std::uint32_t taken =
                socket.send({piece.data(), static_cast<std::uint32_t>(piece.size())});
            state.sent += taken;
            if (taken == 0) {
                // No memory for it; with nothing queued no acknowledgement would wake us.
                socket.set_deadline(socket.now() + 10ms);
                return;
            }
        }
        if (state.sent == bytes_ && socket.may_send()) {
            socket.shutdown();
        }
        if (state.sent == bytes_ && state.peer_ended) {
            socket.close();
        }
    }

    static void report(stack::Socket& socket) {
        const auto& state = socket.state<State>();
        fmt::print(R"({{"local_port": {}, "remote_port": {}, "opened": {}, "sent": {}, )"
                   R"("received": {}, "peer_ended": {}, "exact": {}}})"
                   "\n",
                   socket.origin().local_port, socket.origin().remote_port, state.opened,
                   state.sent, state.received, state.peer_ended, !state.wrong);
        std::fflush(stdout);
    }

    static constexpr std::uint32_t queued_bytes_max = 16 << 20;

    std::uint64_t bytes_;
    Turn turn_;
};

using Worker = stack::Worker<runtime::WorkerNic, Conversation>;

struct Options {
    std::string device;
    std::string mac;
    std::vector<std::string> addresses;
    std::uint16_t listen = 0;
    std::vector<std::string> connect; ///< The peer's addresses, in turn.
    std::uint16_t connect_port = 0;   ///< Of the peer.
    std::uint16_t source_port = 0;    ///< Of the first connection; the others have the next ones.
    std::uint16_t count = 0;          ///< Connections to open each round.
    std::uint64_t bytes = 0;          ///< To send on each.
    bool after_the_peer = false;
    bool ecn = false; ///< To ask for it, too.
    std::uint32_t buffer_bytes = 4 << 20;
};

volatile std::sig_atomic_t rounds = 0;

/// What the loop polls: a worker that opens connections in rounds, when it is told to.
class Peer {
  public:
    Peer(Worker& worker, const Options& options) : worker_{worker}, options_{options} {}

    std::size_t poll_once(Instant now) {
        const auto wanted = static_cast<std::size_t>(rounds) * options_.count;
        std::size_t opened = 0;
        while (opened_ < wanted && open(opened_, now)) {
            ++opened_;
            ++opened;
        }
        return opened + worker_.poll_once(now);
    }

    [[nodiscard]] Instant next_deadline() const { return worker_.next_deadline(); }

  private:
    /// False when it has to be tried again in a later turn.
    bool open(std::size_t number, Instant now) {
        const std::string& to = options_.connect[number % options_.connect.size()];
        const std::uint16_t source_port =
            options_.source_port == 0 ? std::uint16_t{0}
                                      : static_cast<std::uint16_t>(options_.source_port + number);
        const stack::ConnectResult result = std::visit(
            [&](const auto& address) {
                using Addr = std::decay_t<decltype(address)>;
                return worker_
                    .connect(flow::FourTuple<Addr>{{}, address, source_port, options_.connect_port},
                             listener, now)
                    .result;
            },
            runtime::ip_from_string(to).value());
        // An IPv6 address is ours when nobody has objected to it for a second.
        if (result == stack::ConnectResult::busy || result == stack::ConnectResult::no_address) {
            return false;
        }
        if (result != stack::ConnectResult::opening) {
            fmt::print("connection {} is not opened: {}\n", number, static_cast<int>(result));
        }
        return true;
    }

    static constexpr std::uint16_t listener = 0;

    Worker& worker_;
    const Options& options_;
    std::size_t opened_ = 0;
};

using Loop = runtime::WorkerLoop<Peer>;
Loop* running = nullptr;

stack::WorkerSettings settings_of(const Options& options, const nic::PortReport& report) {
    stack::WorkerSettings settings;
    settings.interface.mac = {report.mac};
    settings.interface.mtu = report.mtu;
    for (const std::string& text : options.addresses) {
        const auto prefix = runtime::prefix_from_string(text);
        if (!prefix) {
            throw CLI::ValidationError{fmt::format("'{}' is no address with a prefix", text)};
        }
        if (const auto* const ipv4 = std::get_if<wire::Prefix<wire::Ipv4Addr>>(&*prefix)) {
            settings.interface.ipv4.push_back(*ipv4);
        } else {
            settings.interface.ipv6.push_back(std::get<wire::Prefix<wire::Ipv6Addr>>(*prefix));
        }
    }
    settings.interface.add_link_local();
    tcp::Config config;
    config.receive_buffer_bytes = config.send_buffer_bytes = options.buffer_bytes;
    config.ecn = options.ecn ? tcp::EcnPolicy::on : tcp::EcnPolicy::accept;
    settings.tcp = {config};
    std::random_device random;
    for (std::byte& byte : std::as_writable_bytes(std::span{settings.sequence_key})) {
        byte = static_cast<std::byte>(random());
    }
    return settings;
}

int fail(const nic::Error& error) {
    fmt::print(stderr, "tcp_peer: {}\n", error.message);
    return 2;
}

/// Those that counted anything, as one line of JSON.
void print_counters(const tcp::Counters& counters) {
    std::string line;
    for (std::size_t i = 0; i < tcp::counter_names.size(); ++i) {
        if (const std::uint64_t value = counters[static_cast<tcp::Counter>(i)]; value > 0) {
            line += fmt::format(R"({}"{}": {})", line.empty() ? "" : ", ", tcp::counter_names[i],
                                value);
        }
    }
    fmt::print("{{\"counters\": {{{}}}}}\n", line);
}

int serve(const Options& options, nic::Port& port) {
    runtime::WorkerNic nic{port.queue(0)};
    const Instant start = runtime::SteadyClock::now();
    Worker worker{nic, settings_of(options, port.report()), nullptr, start};
    worker.listen(
        {.port = options.listen},
        Conversation{options.bytes, options.after_the_peer ? Turn::after_the_peer : Turn::at_once});
    Peer peer{worker, options};
    Loop loop{peer, runtime::IdlePolicy{runtime::IdleMode::adaptive, 1ms}};
    running = &loop;
    std::signal(SIGTERM, [](int) { running->stop(); });
    std::signal(SIGUSR1, [](int) { rounds = rounds + 1; });
    fmt::print("ready\n");
    std::fflush(stdout);
    loop.run();
    print_counters(worker.core().tcp_counters);
    worker.release_everything(runtime::SteadyClock::now());
    return 0;
}

int run(const Options& options) {
    auto eal = runtime::Eal::start({.memory_mb = 256});
    if (!eal) {
        return fail(eal.error());
    }
    auto pool = nic::PacketPool::create({.name = "peer"});
    if (!pool) {
        return fail(pool.error());
    }
    nic::PacketPool* const pool_of_worker = pool.value().get();
    nic::PortConfig config{.device = options.device};
    if (const auto mac = wire::MacAddr::from_string(options.mac)) {
        config.mac = mac->bytes;
    }
    auto port = nic::Port::open(config, {&pool_of_worker, 1});
    if (!port) {
        return fail(port.error());
    }
    if (const nic::Status started = port.value()->start(); !started) {
        return fail(started.error());
    }
    const int code = serve(options, *port.value());
    port.value().reset();
    pool.value().reset();
    return code;
}

Options read_options(CLI::App& app, int argc, char** argv) {
    Options options;
    app.add_option("--device", options.device, "as in a configuration's [[port]]")->required();
    app.add_option("--mac", options.mac, "likewise");
    app.add_option("--address", options.addresses, "likewise, with its prefix")->required();
    app.add_option("--listen", options.listen, "the port to listen on");
    auto* const connect = app.add_option("--connect", options.connect,
                                         "an address to connect to; with several, in turn");
    app.add_option("--connect-port", options.connect_port, "and the port there")->needs(connect);
    app.add_option("--source-port", options.source_port,
                   "and ours, of the first of them; else the stack chooses")
        ->needs(connect);
    app.add_option("--count", options.count, "connections to open at each SIGUSR1")->needs(connect);
    app.add_option("--bytes", options.bytes, "to send on each connection, and a FIN behind them");
    app.add_flag("--after-the-peer", options.after_the_peer, "only when the peer has half-closed");
    app.add_flag("--ecn", options.ecn, "ask for explicit congestion notification");
    app.add_option("--buffer-bytes", options.buffer_bytes, "the windows' limit");
    app.parse(argc, argv);
    return options;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"One worker of millrace opposite a kernel's TCP."};
    try {
        return run(read_options(app, argc, argv));
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
}
