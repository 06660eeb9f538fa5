#include "runtime/management_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>
#include <sys/un.h>
#include <utility>

namespace millrace::runtime {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

namespace {

/// JSON is UTF-8, and a command line need not be: what is not becomes U+FFFD, which names nothing.
std::string line_of(const nlohmann::json& request) {
    return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

constexpr const char* start_it = "start millraced, or name its socket with --socket";

StartProblem cannot_connect(const std::string& path, const error_code& error) {
    if (error == boost::system::errc::no_such_file_or_directory) {
        return {fmt::format("there is no socket \"{}\"", path), start_it};
    }
    if (error == boost::system::errc::connection_refused) {
        return {fmt::format("nobody answers on \"{}\"", path), start_it};
    }
    if (error == boost::system::errc::permission_denied) {
        return {fmt::format("\"{}\" may not be used by this user", path),
                "run as root, or as a member of the socket's group"};
    }
    return {fmt::format("\"{}\": {}", path, error.message()), start_it};
}

StartProblem broken_off(const std::string& path, const std::string& why) {
    return {fmt::format("the answer on \"{}\" broke off: {}", path, why),
            "see millraced's log, and ask again"};
}

/// Takes a stream of bytes apart into lines.
class LineReader {
  public:
    explicit LineReader(Local::socket& socket) : socket_{socket} {}

    /// The next line without its end; valid until the next call. Empty with `error` set when the
    /// stream ends before a line does.
    std::string_view next(error_code& error) {
        for (;;) {
            const auto end = buffer_.find('\n', begin_);
            if (end != std::string::npos) {
                const std::string_view line =
                    std::string_view{buffer_}.substr(begin_, end - begin_);
                begin_ = end + 1;
                return line;
            }
            buffer_.erase(0, std::exchange(begin_, 0));
            if (!read_more(error)) {
                return {};
            }
        }
    }

  private:
    static constexpr std::size_t read_bytes = 65'536;

    bool read_more(error_code& error) {
        const std::size_t before = buffer_.size();
        buffer_.resize(before + read_bytes);
        const std::size_t length =
            socket_.read_some(asio::buffer(buffer_.data() + before, read_bytes), error);
        buffer_.resize(before + length);
        return !error;
    }

    Local::socket& socket_;
    std::string buffer_;
    std::size_t begin_ = 0; ///< Of what has not been handed out.
};

} // namespace

std::optional<StartProblem> ask(const std::string& socket_path, const nlohmann::json& request,
                                const std::function<void(const nlohmann::json&)>& on_line) {
    if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
        return StartProblem{fmt::format("\"{}\" is too long for a socket", socket_path), start_it};
    }
    asio::io_context io;
    Local::socket socket{io};
    error_code error;
    socket.connect(Local::endpoint{socket_path}, error);
    if (error) {
        return cannot_connect(socket_path, error);
    }
    // A server that turns us away has answered before it reads: its answer counts, not this error.
    asio::write(socket, asio::buffer(line_of(request)), error);
    LineReader lines{socket};
    for (;;) {
        error = {};
        const std::string_view text = lines.next(error);
        if (error) {
            return broken_off(socket_path, error.message());
        }
        const auto line = nlohmann::json::parse(text, nullptr, false);
        if (!line.is_object()) {
            return broken_off(socket_path, "a line of it is no JSON object");
        }
        if (line.contains("error")) {
            return StartProblem{line["error"].get<std::string>(), {}};
        }
        on_line(line);
        if (line.value("done", false)) {
            return std::nullopt;
        }
    }
}

} // namespace millrace::runtime
