#pragma once

#include "runtime/connections.hpp"
#include "runtime/counters.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace boost::asio {
class io_context;
} // namespace boost::asio

/// How a running program is asked. A client sends one JSON object on one line, {"command":
/// "stats"}, and gets any number of JSON objects, one a line, of which the last and only the last
/// has "done": true; where it also has "error", that says what went wrong. Then it may ask again.
namespace millrace::runtime {

/// What a command answers, made piece by piece as the client takes it, so that an answer of any
/// length needs little memory and no client holds up another.
class Reply {
  public:
    virtual ~Reply() = default;

    /// Appends some whole lines to `out`, or none yet; false when that was the last.
    virtual bool produce(std::string& out) = 0;
};

/// One line with "done": true, and `error` where there is one.
[[nodiscard]] std::unique_ptr<Reply> final_reply(nlohmann::json line);
[[nodiscard]] std::unique_ptr<Reply> error_reply(const std::string& error);

/// Why something could not be begun, and what would help.
struct StartProblem {
    std::string problem;
    std::string remedy;
};

struct ManagementLimits {
    std::size_t clients_max = 32;
    std::size_t request_bytes_max = 65'536;
    /// A client that takes nothing and asks nothing for so long is sent away.
    std::chrono::milliseconds silence_max{30'000};
};

/// The management socket, served by the thread that runs `io`. Nothing of it touches a worker.
class ManagementServer {
  public:
    using Handler = std::function<std::unique_ptr<Reply>(const nlohmann::json& request)>;

    /// `io` outlives the server.
    explicit ManagementServer(boost::asio::io_context& io, ManagementLimits limits = {});
    ~ManagementServer();

    ManagementServer(const ManagementServer&) = delete;
    ManagementServer& operator=(const ManagementServer&) = delete;

    /// What `command` does; before `io` runs.
    void handle(const std::string& command, Handler handler);

    /// Opens the socket at `path`, its owner's and group's alone, making the last folder of the
    /// path. A socket that a dead process has left is replaced; one that is answered is not.
    [[nodiscard]] std::optional<StartProblem> listen(const std::string& path);

    /// Lets go of all clients and removes the socket.
    void close();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

/// What the commands tell of. Everything outlives the server.
struct ManagementSubject {
    const CounterRegistry& counters;
    ConnectionSource& connections;
    std::function<void()> drain; ///< Begins to drain, or says again to do so.
};

/// Adds `version`, `stats`, `conns` (with "filter", the words of a connection filter) and `drain`.
void add_commands(ManagementServer& server, const ManagementSubject& subject);

} // namespace millrace::runtime
