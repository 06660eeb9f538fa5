#pragma once

#include "base/pool.hpp"
#include "base/time.hpp"
#include "http/chunked.hpp"
#include "http/content_store.hpp"
#include "http/date.hpp"
#include "http/error_pages.hpp"
#include "http/request_parser.hpp"
#include "http/static_handler.hpp"
#include "service/counters.hpp"
#include "stack/service_concept.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace::service {

/// What turns the worker's clock into the time of day: nanoseconds since 1970 at the worker clock's
/// zero. The control plane keeps it right; workers read it.
using WallClockOffset = std::atomic<std::int64_t>;

struct HttpOptions {
    http::RequestLimits limits;
    std::uint64_t body_bytes_max = 1 << 20;
    std::string echo_path;        ///< POST here is answered with what was sent; empty: nowhere.
    Duration head_timeout = 10s;  ///< From a head's first byte to its last.
    Duration body_timeout = 30s;  ///< Between two pieces of content.
    Duration idle_timeout = 60s;  ///< Between two requests, or two acknowledgements of an answer.
    Duration linger_timeout = 5s; ///< For the peer's FIN, after the last response.
    std::uint32_t head_buffers = 1024; ///< Heads that may be coming in pieces at once.
};

/// HTTP/1.1 (RFC 9110, 9112): keep-alive and pipelining, documents of a content store, and an echo
/// for POST. What everyone shares (store, pages, clock) outlives the service.
///
/// A head that comes whole is parsed where it lies, and only one that comes in pieces is gathered
/// in a buffer. Responses go out in order because a request is taken only when the one before it
/// has been answered.
class Http {
  public:
    /// The counters outlive the service; null: nothing is counted.
    Http(const HttpOptions& options, const http::ContentStore& store,
         const http::ErrorPages& errors, const WallClockOffset& wall_clock,
         HttpCounters* counters = nullptr);

    std::uint32_t receive(stack::Socket& socket, const Slice& text);
    void on(stack::Socket& socket, stack::SocketEvent event);

  private:
    enum class Phase : std::uint8_t {
        idle,      ///< Between requests; nothing of the next one has come.
        head,      ///< Part of a head is here.
        skipping,  ///< Content that nobody wants.
        echoing,   ///< Content that goes back.
        lingering, ///< Everything is said; the peer's FIN is waited for (RFC 9112 §9.6).
    };

    /// What is kept for a connection; all zeros when it opens.
    struct State {
        http::ChunkedDecoder decoder; ///< Of content with `chunked`.
        std::uint64_t content_bytes;  ///< To come; with `chunked`, come so far.
        std::uint32_t gathered;       ///< Bytes of a head in the buffer.
        std::uint16_t buffer;         ///< One more than its index; 0: none.
        Phase phase;
        bool chunked : 1;
        bool close_after : 1; ///< This response is the last.
    };

    [[nodiscard]] std::uint32_t take(stack::Socket& socket, State& state, const Slice& text);
    [[nodiscard]] std::uint32_t take_head(stack::Socket& socket, State& state, const Slice& text);
    [[nodiscard]] std::uint32_t gather_head(stack::Socket& socket, State& state, const Slice& text);
    [[nodiscard]] std::uint32_t begin_gathering(stack::Socket& socket, State& state,
                                                const Slice& text);
    void release_buffer(State& state);
    [[nodiscard]] std::span<std::byte> buffer_of(const State& state);

    void handle(stack::Socket& socket, State& state, const http::Request& request);
    void answer_static(stack::Socket& socket, State& state, const http::Request& request);
    void begin_echo(stack::Socket& socket, State& state, const http::Request& request);
    void begin_content(stack::Socket& socket, State& state, const http::Request& request,
                       Phase phase);
    [[nodiscard]] std::uint32_t take_counted(stack::Socket& socket, State& state,
                                             const Slice& text);
    [[nodiscard]] std::uint32_t take_chunked(stack::Socket& socket, State& state,
                                             const Slice& text);
    void send_chunk(stack::Socket& socket, std::span<const std::byte> data);
    void end_of_request(stack::Socket& socket, State& state);
    void refuse(stack::Socket& socket, State& state, http::Status status, bool with_page = true);
    void say_last(stack::Socket& socket, State& state);
    void wait_for_peer(stack::Socket& socket, const State& state) const;
    void end_of_stream(stack::Socket& socket, State& state);
    void deadline(stack::Socket& socket, State& state);
    void send_whole(stack::Socket& socket, std::span<const std::byte> bytes);
    void update_date(Instant now);
    void count_response(http::Status status, std::uint64_t body_bytes);
    void count_content(std::uint64_t bytes, bool echoed);

    HttpOptions options_;
    http::StaticHandler documents_;
    const http::ErrorPages* errors_;
    const WallClockOffset* wall_clock_;
    HttpCounters* counters_;
    http::DateCache date_;
    std::unique_ptr<std::byte[]> buffers_; ///< `head_buffers` of `limits.head_bytes` each.
    std::vector<std::uint16_t> free_buffers_;
};

static_assert(stack::Service<Http>);

} // namespace millrace::service
