#include "service/http.hpp"

#include "http/response.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace millrace::service {

namespace {

using stack::Socket;

/// Room that a whole answer's head, or a chunk's, needs; with less, the next request waits.
constexpr std::uint32_t answer_room_bytes = tcp::Chunk::capacity;
/// Content queued beyond this is answered no further until the peer has taken some.
constexpr std::uint32_t queued_bytes_max = 4 << 20;
/// A piece of chunked content of at most this is echoed whole or not at all.
constexpr std::uint32_t chunk_bytes_max = answer_room_bytes / 2;

bool has_room(const Socket& socket) {
    return socket.copy_space() >= answer_room_bytes && socket.queued_bytes() < queued_bytes_max;
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

} // namespace

Http::Http(const HttpOptions& options, const http::ContentStore& store,
           const http::ErrorPages& errors, const WallClockOffset& wall_clock,
           HttpCounters* counters)
    : options_{options}, documents_{store, errors}, errors_{&errors}, wall_clock_{&wall_clock},
      counters_{counters}, buffers_{std::make_unique_for_overwrite<std::byte[]>(
                               std::size_t{options.head_buffers} * options.limits.head_bytes)} {
    for (std::uint32_t i = options_.head_buffers; i > 0; --i) {
        free_buffers_.push_back(static_cast<std::uint16_t>(i));
    }
}

// ----------------------------------------------------------------------------------- what comes in

std::uint32_t Http::receive(Socket& socket, const Slice& text) {
    auto& state = socket.state<State>();
    std::uint32_t used = 0;
    while (used < text.length) {
        const std::uint32_t taken = take(socket, state, text.without_first(used));
        if (taken == 0) {
            break; // Until the peer has taken what is queued for it.
        }
        used += taken;
    }
    return used;
}

std::uint32_t Http::take(Socket& socket, State& state, const Slice& text) {
    switch (state.phase) {
    case Phase::idle:
        return take_head(socket, state, text);
    case Phase::head:
        return gather_head(socket, state, text);
    case Phase::skipping:
    case Phase::echoing:
        return state.chunked ? take_chunked(socket, state, text)
                             : take_counted(socket, state, text);
    case Phase::lingering:
        return text.length;
    }
    return text.length;
}

/// A head of which nothing has come before: parsed where it lies.
std::uint32_t Http::take_head(Socket& socket, State& state, const Slice& text) {
    if (!has_room(socket)) {
        return 0;
    }
    http::Request request;
    const http::ParseResult result = http::parse_request(text.bytes(), request, options_.limits);
    switch (result.outcome) {
    case http::ParseOutcome::complete:
        handle(socket, state, request);
        return result.length;
    case http::ParseOutcome::partial:
        return begin_gathering(socket, state, text);
    case http::ParseOutcome::invalid:
        break;
    }
    refuse(socket, state, result.status);
    return text.length;
}

std::uint32_t Http::begin_gathering(Socket& socket, State& state, const Slice& text) {
    if (free_buffers_.empty()) {
        refuse(socket, state, http::Status::service_unavailable);
        return text.length;
    }
    state.buffer = free_buffers_.back();
    free_buffers_.pop_back();
    state.gathered = text.length; // At most the limit, or it would not be partial.
    state.phase = Phase::head;
    std::memcpy(buffer_of(state).data(), text.data, text.length);
    socket.set_deadline(socket.now() + options_.head_timeout);
    return text.length;
}

/// The rest of a head, or more of it.
std::uint32_t Http::gather_head(Socket& socket, State& state, const Slice& text) {
    if (!has_room(socket)) {
        return 0;
    }
    const std::span<std::byte> buffer = buffer_of(state);
    const auto before = state.gathered;
    const auto room = static_cast<std::uint32_t>(buffer.size()) - before;
    const std::uint32_t added = std::min(room, text.length);
    std::memcpy(buffer.data() + before, text.data, added);
    state.gathered += added;
    http::Request request;
    const http::ParseResult result =
        http::parse_request(buffer.first(state.gathered), request, options_.limits, before);
    switch (result.outcome) {
    case http::ParseOutcome::complete:
        state.phase = Phase::idle;
        handle(socket, state, request); // It looks into the buffer, which is released after it.
        release_buffer(state);
        return result.length - before;
    case http::ParseOutcome::partial:
        return added;
    case http::ParseOutcome::invalid:
        break;
    }
    release_buffer(state);
    refuse(socket, state, result.status);
    return text.length;
}

std::span<std::byte> Http::buffer_of(const State& state) {
    const std::size_t size = options_.limits.head_bytes;
    return {buffers_.get() + (state.buffer - 1U) * size, size};
}

void Http::release_buffer(State& state) {
    if (state.buffer != 0) {
        free_buffers_.push_back(state.buffer);
        state.buffer = 0;
        state.gathered = 0;
    }
}

// ------------------------------------------------------------------------------------- a request

void Http::handle(Socket& socket, State& state, const http::Request& request) {
    update_date(socket.now());
    state.close_after = state.close_after || !request.keep_alive;
    if (request.body == http::BodyKind::content_length &&
        request.content_length > options_.body_bytes_max) {
        refuse(socket, state, http::Status::content_too_large,
               request.method != http::Method::head);
        return;
    }
    const std::string_view path = request.path.substr(0, request.path.find('?'));
    if (request.method == http::Method::post && !options_.echo_path.empty() &&
        path == options_.echo_path) {
        begin_echo(socket, state, request);
    } else {
        answer_static(socket, state, request);
    }
}

void Http::answer_static(Socket& socket, State& state, const http::Request& request) {
    std::array<std::byte, http::answer_bytes_min> buffer;
    http::Request asked = request;
    asked.keep_alive = !state.close_after;
    const http::Answer answer = documents_.answer(asked, date_, buffer);
    send_whole(socket, std::span{buffer}.first(answer.written));
    if (!answer.body.empty()) {
        const Slice body{answer.body.data(), static_cast<std::uint32_t>(answer.body.size()),
                         OwnerKind::store};
        if (socket.send(body) != body.length) {
            socket.abort(); // No memory for so much as a reference; the head has promised it.
            return;
        }
    }
    count_response(answer.status, answer.body.size() + answer.page_bytes);
    state.close_after = state.close_after || !answer.keep_alive;
    begin_content(socket, state, request, Phase::skipping);
}

void Http::begin_echo(Socket& socket, State& state, const http::Request& request) {
    std::array<std::byte, http::answer_bytes_min> buffer;
    http::HeadWriter head{buffer};
    if (request.expect_continue && request.body != http::BodyKind::none) {
        head.raw(http::continue_response);
        count(counters_, HttpCounter::responses_1xx);
    }
    head.begin(http::Status::ok, date_);
    head.field("Content-Type", "application/octet-stream");
    if (request.body == http::BodyKind::chunked) {
        head.field("Transfer-Encoding", "chunked");
    } else {
        head.field("Content-Length", request.content_length);
    }
    head.end(http::connection_field(request.version, !state.close_after));
    send_whole(socket, std::span{buffer}.first(head.length()));
    count_response(http::Status::ok, 0); // What is echoed counts as it comes.
    begin_content(socket, state, request, Phase::echoing);
}

/// What follows the head is content to skip or to echo, or the next request.
void Http::begin_content(Socket& socket, State& state, const http::Request& request, Phase phase) {
    const bool chunked = request.body == http::BodyKind::chunked;
    if (!chunked && (request.body == http::BodyKind::none || request.content_length == 0)) {
        end_of_request(socket, state);
        return;
    }
    if (phase == Phase::skipping && request.expect_continue) {
        // The final answer has been given, so the content may or may not come (RFC 9110 §10.1.1).
        state.close_after = true;
        end_of_request(socket, state);
        return;
    }
    state.phase = phase;
    state.chunked = chunked;
    state.decoder = {};
    state.content_bytes = chunked ? 0 : request.content_length;
    socket.set_deadline(socket.now() + options_.body_timeout);
}

std::uint32_t Http::take_counted(Socket& socket, State& state, const Slice& text) {
    auto count =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(text.length, state.content_bytes));
    if (state.phase == Phase::echoing) {
        count = socket.send(text.first(count));
        if (count == 0) {
            return 0;
        }
    }
    state.content_bytes -= count;
    count_content(count, state.phase == Phase::echoing);
    socket.set_deadline(socket.now() + options_.body_timeout);
    if (state.content_bytes == 0) {
        end_of_request(socket, state);
    }
    return count;
}

std::uint32_t Http::take_chunked(Socket& socket, State& state, const Slice& text) {
    const bool echoing = state.phase == Phase::echoing;
    if (echoing && !has_room(socket)) {
        return 0;
    }
    const Slice piece = echoing ? text.first(std::min(text.length, chunk_bytes_max)) : text;
    const http::ChunkedDecoder::Step step = state.decoder.next(piece.bytes());
    const auto taken = static_cast<std::uint32_t>(step.taken);
    socket.set_deadline(socket.now() + options_.body_timeout);
    switch (step.outcome) {
    case http::ChunkedDecoder::Outcome::data:
        state.content_bytes += step.data.size();
        if (state.content_bytes > options_.body_bytes_max) {
            break;
        }
        if (echoing) {
            send_chunk(socket, step.data);
        }
        count_content(step.data.size(), echoing);
        return taken;
    case http::ChunkedDecoder::Outcome::more:
        return taken;
    case http::ChunkedDecoder::Outcome::finished:
        if (echoing) {
            send_whole(socket, bytes_of("0\r\n\r\n"));
        }
        end_of_request(socket, state);
        return taken;
    case http::ChunkedDecoder::Outcome::invalid:
        break;
    }
    if (echoing) {
        socket.abort(); // The answer has begun; all that can be said is that this was not its end.
    } else {
        say_last(socket, state);
    }
    return text.length;
}

/// In one piece, for which there is room: a size line that took the last of it would be a promise.
void Http::send_chunk(Socket& socket, std::span<const std::byte> data) {
    std::array<char, 16 + chunk_bytes_max> chunk;
    char* out = std::to_chars(chunk.data(), chunk.data() + 8, data.size(), 16).ptr;
    out = std::ranges::copy(std::string_view{"\r\n"}, out).out;
    std::memcpy(out, data.data(), data.size());
    out = std::ranges::copy(std::string_view{"\r\n"}, out + data.size()).out;
    send_whole(socket, bytes_of({chunk.data(), static_cast<std::size_t>(out - chunk.data())}));
}

void Http::end_of_request(Socket& socket, State& state) {
    state.phase = Phase::idle;
    if (state.close_after) {
        say_last(socket, state);
    } else {
        wait_for_peer(socket, state);
    }
}

// ----------------------------------------------------------------------------------------- the end

void Http::refuse(Socket& socket, State& state, http::Status status, bool with_page) {
    update_date(socket.now());
    std::array<std::byte, http::ErrorPages::response_bytes_max> buffer;
    const std::size_t length =
        errors_->write(status, date_, http::ConnectionField::close, with_page, buffer);
    send_whole(socket, std::span{buffer}.first(length));
    count_response(status, with_page ? errors_->page_bytes(status) : 0);
    say_last(socket, state);
}

/// Nothing more will be said. What the peer still sends is read and forgotten until it closes too,
/// for a reset could destroy the response before the peer has read it.
void Http::say_last(Socket& socket, State& state) {
    state.phase = Phase::lingering;
    socket.shutdown();
    wait_for_peer(socket, state);
}

/// With all said for now: how long the peer may take nothing of it, then say nothing.
void Http::wait_for_peer(Socket& socket, const State& state) const {
    const bool lingers = state.phase == Phase::lingering && socket.queued_bytes() == 0;
    socket.set_deadline(socket.now() + (lingers ? options_.linger_timeout : options_.idle_timeout));
}

/// A part of a response is worse than none: the peer would wait for the rest.
void Http::send_whole(Socket& socket, std::span<const std::byte> bytes) {
    if (socket.send_copy(bytes) != bytes.size()) {
        socket.abort();
    }
}

void Http::deadline(Socket& socket, State& state) {
    switch (state.phase) {
    case Phase::idle:
        if (socket.queued_bytes() > 0) {
            socket.abort(); // It takes nothing of its answers, and the memory is missed elsewhere.
        } else {
            say_last(socket, state);
        }
        return;
    case Phase::head:
        release_buffer(state);
        refuse(socket, state, http::Status::request_timeout);
        return;
    case Phase::skipping:
        say_last(socket, state); // It has its answer.
        return;
    case Phase::echoing:
        socket.abort(); // A response is half out.
        return;
    case Phase::lingering:
        if (socket.queued_bytes() > 0) {
            socket.abort();
        } else {
            socket.close();
        }
        return;
    }
}

/// The peer will ask nothing more, but may yet want to hear.
void Http::end_of_stream(Socket& socket, State& state) {
    release_buffer(state); // Not in `closed`, which comes only when the peer lets it come.
    if (socket.queued_bytes() == 0) {
        socket.close();
    } else {
        say_last(socket, state);
    }
}

void Http::on(Socket& socket, stack::SocketEvent event) {
    auto& state = socket.state<State>();
    switch (event) {
    case stack::SocketEvent::opened:
        count(counters_, HttpCounter::connections);
        socket.set_deadline(socket.now() + options_.idle_timeout);
        return;
    case stack::SocketEvent::writable:
        if (state.phase == Phase::idle || state.phase == Phase::lingering) {
            wait_for_peer(socket, state);
        }
        return; // What waits is offered again.
    case stack::SocketEvent::end_of_stream:
        end_of_stream(socket, state);
        return;
    case stack::SocketEvent::deadline:
        deadline(socket, state);
        return;
    case stack::SocketEvent::drain:
        state.close_after = true;
        if (state.phase == Phase::idle) {
            say_last(socket, state);
        }
        return;
    case stack::SocketEvent::closed:
    case stack::SocketEvent::failed:
        release_buffer(state);
        return;
    }
}

/// Every request has one such response.
void Http::count_response(http::Status status, std::uint64_t body_bytes) {
    const unsigned hundreds = static_cast<unsigned>(status) / 100;
    const auto first = static_cast<unsigned>(HttpCounter::responses_1xx);
    count(counters_, HttpCounter::requests);
    count(counters_, static_cast<HttpCounter>(first + hundreds - 1));
    count(counters_, HttpCounter::response_body_bytes, body_bytes);
}

void Http::count_content(std::uint64_t bytes, bool echoed) {
    count(counters_, HttpCounter::request_body_bytes, bytes);
    count(counters_, HttpCounter::response_body_bytes, echoed ? bytes : 0);
}

void Http::update_date(Instant now) {
    const std::int64_t unix_ns =
        wall_clock_->load(std::memory_order_relaxed) + now.time_since_epoch().count();
    date_.update(unix_ns / 1'000'000'000);
}

} // namespace millrace::service
