#pragma once

#include "http/chunked.hpp"
#include "http/response_parser.hpp"
#include "load/talk.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::load {

/// What is asked, and what is right for an answer.
struct HttpAsk {
    std::string request; ///< Head and content, as they are sent.
    http::Method method = http::Method::get;
    std::uint16_t status = 200;         ///< 0: any.
    std::optional<std::uint64_t> bytes; ///< Of content; none: any, if they are as many as it says.
};

/// HTTP/1.1 as a client (RFC 9112): an operation is a request and its whole response, whose status
/// and length are checked.
///
/// A head that comes whole is parsed where it lies; one that comes in pieces is gathered in one of
/// a few buffers, which are a worker's.
class HttpExchange {
  public:
    enum class Phase : std::uint8_t { head, content, chunked, until_close };

    struct State {
        http::ChunkedDecoder decoder;
        std::uint64_t content; ///< Bytes to come or, where the end is not known, come so far.
        std::uint16_t buffer;  ///< One more than its index; 0: none.
        std::uint16_t gathered;
        Phase phase;
        bool last; ///< The server will close after this response.
    };

    explicit HttpExchange(HttpAsk ask, std::uint16_t buffers = 1024);

    [[nodiscard]] bool has_room(const stack::Socket& socket) const {
        return socket.send_space() >= ask_->request.size();
    }
    [[nodiscard]] std::optional<std::uint32_t> ask(stack::Socket& socket, State& state) const;
    [[nodiscard]] Heard hear(State& state, const Slice& text);
    [[nodiscard]] bool ends_with_stream(const State& state) const;
    /// Takes back what the state of a connection holds that ends.
    void release(State& state);

  private:
    static constexpr std::uint32_t head_bytes_max = 8192;

    [[nodiscard]] Heard hear_head(State& state, const Slice& text);
    [[nodiscard]] Heard gather(State& state, const Slice& text);
    [[nodiscard]] Heard begin_content(State& state, const http::ResponseHead& head,
                                      std::uint32_t used) const;
    [[nodiscard]] Heard hear_content(State& state, const Slice& text) const;
    [[nodiscard]] Heard hear_chunked(State& state, const Slice& text) const;
    [[nodiscard]] bool is_right_length(std::uint64_t bytes) const {
        return !ask_->bytes || *ask_->bytes == bytes;
    }
    [[nodiscard]] std::span<std::byte> buffer_of(const State& state) {
        return {buffers_.get() + std::size_t{state.buffer - 1U} * head_bytes_max, head_bytes_max};
    }

    std::shared_ptr<const HttpAsk> ask_; ///< Stays where it is: connections send from it.
    std::unique_ptr<std::byte[]> buffers_;
    std::vector<std::uint16_t> free_buffers_;
};

static_assert(Talk<HttpExchange>);

} // namespace millrace::load
