#include "runtime/management.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace millrace::runtime {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

namespace {

class FinalReply : public Reply {
  public:
    explicit FinalReply(const nlohmann::json& line) : line_{line.dump() + '\n'} {}

    bool produce(std::string& out) override {
        out += line_;
        return false;
    }

  private:
    std::string line_;
};

} // namespace

std::unique_ptr<Reply> final_reply(nlohmann::json line) {
    line["done"] = true;
    return std::make_unique<FinalReply>(line);
}

std::unique_ptr<Reply> error_reply(const std::string& error) {
    return final_reply({{"error", error}});
}

/// Shared by the server and its clients, whose last callbacks may come after it has gone.
struct ManagementServer::State : std::enable_shared_from_this<State> {
    class Session;

    State(asio::io_context& context, ManagementLimits wanted)
        : io{context}, limits{wanted}, acceptor{context}, patience{context} {}

    void accept();
    void accept_later();
    void close();

    asio::io_context& io;
    const ManagementLimits limits;
    Local::acceptor acceptor;
    asio::steady_timer patience; ///< Until the next try, after one that failed.
    std::map<std::string, Handler> handlers;
    std::string path; ///< Of the socket, while it is ours.
    std::set<std::shared_ptr<Session>> sessions;
};

/// One client: a request is read, its reply is written piece by piece, and so on until it leaves.
class ManagementServer::State::Session : public std::enable_shared_from_this<Session> {
  public:
    Session(std::shared_ptr<State> server, Local::socket socket)
        : server_{std::move(server)}, socket_{std::move(socket)}, silence_{server_->io} {}

    void serve() { read_request(); }

    /// Says why, and ends.
    void refuse(const std::string& why) {
        last_ = true;
        answer(error_reply(why));
    }

    void close() {
        error_code ignored;
        socket_.close(ignored);
        silence_.cancel();
    }

  private:
    void read_request() {
        watch_silence();
        asio::async_read_until(
            socket_, asio::dynamic_buffer(in_, server_->limits.request_bytes_max), '\n',
            [self = shared_from_this()](const error_code& error, std::size_t length) {
                self->on_request(error, length);
            });
    }

    void on_request(const error_code& error, std::size_t length) {
        if (error == asio::error::not_found) {
            refuse(
                fmt::format("a request has at most {} bytes", server_->limits.request_bytes_max));
        } else if (error) {
            leave();
        } else {
            const std::string line = in_.substr(0, length);
            in_.erase(0, length);
            answer(reply_to(line));
        }
    }

    [[nodiscard]] std::unique_ptr<Reply> reply_to(const std::string& line) const {
        const nlohmann::json request = nlohmann::json::parse(line, nullptr, false);
        if (!request.is_object() || !request.contains("command") ||
            !request["command"].is_string()) {
            return error_reply(R"(a request is one line of JSON, as {"command": "stats"})");
        }
        const auto handler = server_->handlers.find(request["command"].get<std::string>());
        if (handler == server_->handlers.end()) {
            std::vector<std::string_view> known;
            for (const auto& [command, ignored] : server_->handlers) {
                known.push_back(command);
            }
            return error_reply(fmt::format("the command {} is not known; the commands are {}",
                                           request["command"].dump(), fmt::join(known, ", ")));
        }
        return handler->second(request);
    }

    void answer(std::unique_ptr<Reply> reply) {
        reply_ = std::move(reply);
        produce();
    }

    void produce() {
        watch_silence();
        out_.clear();
        more_ = reply_->produce(out_);
        if (out_.empty() && more_) {
            // Nothing to say yet: let the others have their turn.
            asio::post(server_->io, [self = shared_from_this()] { self->on_written({}); });
            return;
        }
        asio::async_write(socket_, asio::buffer(out_),
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                              self->on_written(error);
                          });
    }

    void on_written(const error_code& error) {
        if (error || !socket_.is_open()) {
            leave();
        } else if (more_) {
            produce();
        } else if (last_) {
            leave();
        } else {
            read_request();
        }
    }

    void watch_silence() {
        silence_.expires_after(server_->limits.silence_max);
        silence_.async_wait([weak = weak_from_this()](const error_code& error) {
            const auto self = weak.lock();
            if (!error && self) {
                self->close();
            }
        });
    }

    void leave() {
        close();
        server_->sessions.erase(shared_from_this());
    }

    std::shared_ptr<State> server_;
    Local::socket socket_;
    asio::steady_timer silence_;
    std::string in_;
    std::string out_;
    std::unique_ptr<Reply> reply_;
    bool more_ = false; ///< The reply has more to say.
    bool last_ = false; ///< The client is sent away after this reply.
};

void ManagementServer::State::accept() {
    acceptor.async_accept(
        [self = shared_from_this()](const error_code& error, Local::socket socket) {
            if (error == asio::error::operation_aborted || !self->acceptor.is_open()) {
                return;
            }
            if (error) {
                spdlog::warn("management: a client cannot be accepted: {}", error.message());
                self->accept_later(); // The backlog keeps it.
                return;
            }
            const bool full = self->sessions.size() >= self->limits.clients_max;
            const auto session = std::make_shared<Session>(self, std::move(socket));
            self->sessions.insert(session);
            if (full) {
                session->refuse("too many clients; try again");
            } else {
                session->serve();
            }
            self->accept();
        });
}

/// At once it would fail again: mostly there is no file descriptor, until somebody closes one.
void ManagementServer::State::accept_later() {
    patience.expires_after(std::chrono::milliseconds{100});
    patience.async_wait([self = shared_from_this()](const error_code& error) {
        if (!error && self->acceptor.is_open()) {
            self->accept();
        }
    });
}

void ManagementServer::State::close() {
    error_code ignored;
    acceptor.close(ignored);
    patience.cancel();
    for (const auto& session : std::exchange(sessions, {})) {
        session->close();
    }
    if (!path.empty()) {
        ::unlink(std::exchange(path, {}).c_str());
    }
}

namespace {

StartProblem cannot_open(const std::string& path, const error_code& error) {
    const std::string problem = fmt::format("\"{}\" cannot be opened: {}", path, error.message());
    if (error == boost::system::errc::permission_denied ||
        error == boost::system::errc::read_only_file_system) {
        return {problem, "run as root, or choose a path that this user may write, as "
                         "\"/tmp/millraced.sock\""};
    }
    if (error == boost::system::errc::no_such_file_or_directory) {
        return {problem, "make its folder, or choose another path"};
    }
    return {problem, "choose another path"};
}

/// Makes the way free for a socket at `path`, or says why that cannot be.
std::optional<StartProblem> clear_path(asio::io_context& io, const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return std::nullopt; // Nothing there; what else may be wrong shows when it is made.
    }
    if (!S_ISSOCK(status.st_mode)) {
        return StartProblem{fmt::format("\"{}\" is there already and is no socket", path),
                            "choose another path"};
    }
    Local::socket probe{io};
    error_code error;
    probe.connect(Local::endpoint{path}, error);
    if (!error) {
        return StartProblem{fmt::format("another program answers on \"{}\"", path),
                            "stop that one, or choose another path"};
    }
    if (error != asio::error::connection_refused) {
        return cannot_open(path, error);
    }
    spdlog::info("management: \"{}\" was left by a process that is gone; it is replaced", path);
    ::unlink(path.c_str());
    return std::nullopt;
}

void bind_for_owner_and_group(Local::acceptor& acceptor, const std::string& path,
                              error_code& error) {
    const mode_t before = ::umask(S_IXUSR | S_IXGRP | S_IRWXO);
    acceptor.bind(Local::endpoint{path}, error);
    ::umask(before);
}

} // namespace

ManagementServer::ManagementServer(asio::io_context& io, ManagementLimits limits)
    : state_{std::make_shared<State>(io, limits)} {}

ManagementServer::~ManagementServer() {
    close();
}

void ManagementServer::handle(const std::string& command, Handler handler) {
    state_->handlers[command] = std::move(handler);
}

std::optional<StartProblem> ManagementServer::listen(const std::string& path) {
    // Where this fails, bind fails too, and says so.
    if (std::error_code ignored; std::filesystem::path{path}.has_parent_path()) {
        std::filesystem::create_directory(std::filesystem::path{path}.parent_path(), ignored);
    }
    if (auto problem = clear_path(state_->io, path)) {
        return problem;
    }
    error_code error;
    state_->acceptor.open(Local{}, error);
    if (!error) {
        bind_for_owner_and_group(state_->acceptor, path, error);
    }
    if (!error) {
        state_->path = path;
        state_->acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        state_->close();
        return cannot_open(path, error);
    }
    state_->accept();
    return std::nullopt;
}

void ManagementServer::close() {
    state_->close();
}

} // namespace millrace::runtime
