#pragma once

#include "stack/service_concept.hpp"

#include <cstdint>
#include <vector>

namespace millrace::sim {

/// Byte n of the stream with this number.
[[nodiscard]] std::byte stream_byte(std::uint64_t stream, std::uint64_t n);

/// One direction and the other of one connection, as one of its ends sees them.
struct Stream {
    std::uint64_t sends = 0; ///< The number of the stream we send, and its length.
    std::uint64_t send_bytes = 0;
    std::uint64_t expects = 0; ///< Likewise of the one we expect.
    std::uint64_t expect_bytes = 0;
    std::uint32_t eats_at_once = UINT32_MAX; ///< Bytes taken of each slice; the rest comes again.
    Duration rests{};                        ///< Between two meals; zero: none.

    bool by_slice = false; ///< What we send is queued as one slice, without copying.

    std::vector<std::byte> document; ///< What `by_slice` sends.
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    Instant hungry_at{};
    bool opened = false;
    bool ended = false;        ///< The peer's FIN has come.
    bool wrong = false;        ///< A byte was not what it should be, or there were too many.
    bool unreachable = false;  ///< The other end's link-layer address was never learnt.
    bool reset = false;        ///< The other end had forgotten it; our FIN, maybe, came too late.
    Instant closed_at = never; ///< When the connection was gone, by its host's clock.

    /// Everything has arrived, to the end.
    [[nodiscard]] bool complete() const {
        return !wrong && ended && received == expect_bytes && sent == send_bytes;
    }
};

/// Sends one stream and checks another, on each connection; slowly, where a test wants that. The
/// streams are the test's: the connection from the client's port `first_port` + n has the n-th.
class StreamService {
  public:
    static constexpr std::uint16_t first_port = 40000;

    explicit StreamService(std::vector<Stream>& streams) : streams_{&streams} {}

    std::uint32_t receive(stack::Socket& socket, const Slice& text);
    void on(stack::Socket& socket, stack::SocketEvent event);

  private:
    struct State {
        std::uint32_t stream; ///< One more than the index; 0: none.
    };

    [[nodiscard]] Stream& stream(stack::Socket& socket) {
        return (*streams_)[socket.state<State>().stream - 1];
    }
    static void send_document(stack::Socket& socket, Stream& stream);
    static void send_more(stack::Socket& socket, Stream& stream);

    std::vector<Stream>* streams_;
};

static_assert(stack::Service<StreamService>);

} // namespace millrace::sim
