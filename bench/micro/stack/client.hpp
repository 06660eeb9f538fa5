#pragma once

#include "server.hpp"
#include "wire.hpp"

#include "stack/opener.hpp"
#include "stack/worker.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::stack::bench {

/// What a client does with each of its connections.
struct Plan {
    std::uint16_t port = 0;         ///< Of the server's.
    std::uint32_t at_once = 1;      ///< Connections; when one ends, the next is opened.
    bool closes_first = false;      ///< As soon as it is open; else when the server has closed.
    std::string_view message;       ///< Sent when it is open,
    std::uint32_t answer_bytes = 0; ///< and again after each so many bytes; 0: once.

    friend bool operator==(const Plan&, const Plan&) = default;
};

/// What has come of it.
struct Progress {
    std::uint64_t closed = 0;
    std::uint64_t failed = 0;
    std::uint64_t answers = 0;
    std::uint64_t bytes = 0; ///< Received.
};

/// Opens connections and keeps to the plan.
class Caller {
  public:
    Caller(const Plan& plan, Progress& progress) : plan_{plan}, progress_{&progress} {}

    std::uint32_t receive(Socket& socket, const Slice& text) {
        progress_->bytes += text.length;
        auto& received = socket.state<std::uint32_t>();
        received += text.length;
        while (plan_.answer_bytes > 0 && received >= plan_.answer_bytes) {
            received -= plan_.answer_bytes;
            ++progress_->answers;
            say(socket);
        }
        return text.length;
    }

    void on(Socket& socket, SocketEvent event) {
        switch (event) {
        case SocketEvent::opened:
            has_opened_ = true;
            if (plan_.closes_first) {
                socket.close();
            } else {
                say(socket);
            }
            return;
        case SocketEvent::end_of_stream:
            socket.close();
            return;
        case SocketEvent::closed:
            ++progress_->closed;
            progress_->failed += socket.end_reason() != EndReason::none ? 1U : 0U;
            --open_;
            return;
        case SocketEvent::failed:
            ++progress_->failed;
            --open_;
            return;
        case SocketEvent::writable:
        case SocketEvent::deadline:
        case SocketEvent::drain:
            return;
        }
    }

    template <class OpenerType>
    Instant on_turn(OpenerType& opener) {
        // Few would be held until the server's address is known, so one goes first.
        const std::uint32_t wanted = has_opened_ ? plan_.at_once : 1;
        while (open_ < wanted) {
            const auto connecting = opener.connect(next_key());
            if (connecting.result != ConnectResult::opening) {
                return Instant::min(); // The port is behind.
            }
            ++open_;
        }
        return never;
    }

    static constexpr std::uint32_t addresses = 8;
    static constexpr std::uint8_t first_address = 101; ///< The last byte of it.

  private:
    /// From so many addresses and ports that none is used again before it has left TIME-WAIT.
    flow::FourTuple<wire::Ipv4Addr> next_key() {
        constexpr std::uint32_t ports = 32'768;
        const std::uint32_t number = next_++ % (addresses * ports);
        const auto last = static_cast<std::uint8_t>(first_address + number / ports);
        return {{198, 18, 0, last},
                server_address,
                static_cast<std::uint16_t>(ports + number % ports),
                plan_.port};
    }

    void say(Socket& socket) const {
        const auto bytes = std::as_bytes(std::span{plan_.message});
        static_cast<void>(socket.send({bytes.data(), static_cast<std::uint32_t>(bytes.size())}));
    }

    Plan plan_;
    Progress* progress_;
    bool has_opened_ = false;
    std::uint32_t open_ = 0;
    std::uint32_t next_ = 0;
};

/// A worker that calls a server.
class Client {
  public:
    using WorkerType = Worker<Port, Caller>;

    Client(Port& port, const WorkerSettings& wanted, const Plan& plan, Instant now)
        : worker{port, settings_of(wanted), nullptr, now} {
        worker.listen({}, Caller{plan, progress});
    }

    Progress progress;
    WorkerType worker;

  private:
    static WorkerSettings settings_of(WorkerSettings settings) {
        settings.interface.mac = client_mac;
        for (std::uint32_t i = 0; i < Caller::addresses; ++i) {
            const auto last = static_cast<std::uint8_t>(Caller::first_address + i);
            settings.interface.ipv4.push_back({{198, 18, 0, last}, 24});
        }
        return settings;
    }
};

} // namespace millrace::stack::bench
