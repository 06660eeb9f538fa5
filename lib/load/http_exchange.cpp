#include "load/http_exchange.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::load {

HttpExchange::HttpExchange(HttpAsk ask, std::uint16_t buffers)
    : ask_{std::make_shared<const HttpAsk>(std::move(ask))},
      buffers_{std::make_unique_for_overwrite<std::byte[]>(std::size_t{buffers} * head_bytes_max)} {
    for (std::uint16_t buffer = buffers; buffer > 0; --buffer) {
        free_buffers_.push_back(buffer);
    }
}

std::optional<std::uint32_t> HttpExchange::ask(stack::Socket& socket, State& /*state*/) const {
    const auto bytes = std::as_bytes(std::span{ask_->request});
    const auto length = static_cast<std::uint32_t>(bytes.size());
    if (socket.send({bytes.data(), length}) != length) {
        return std::nullopt;
    }
    return length;
}

Heard HttpExchange::hear(State& state, const Slice& text) {
    switch (state.phase) {
    case Phase::head:
        return state.buffer == 0 ? hear_head(state, text) : gather(state, text);
    case Phase::content:
        return hear_content(state, text);
    case Phase::chunked:
        return hear_chunked(state, text);
    case Phase::until_close:
        state.content += text.length;
        break;
    }
    return {.used = text.length};
}

Heard HttpExchange::hear_head(State& state, const Slice& text) {
    http::ResponseHead head;
    const http::ParseResult result = http::parse_response(text.bytes(), ask_->method, head);
    switch (result.outcome) {
    case http::ParseOutcome::complete:
        return begin_content(state, head, result.length);
    case http::ParseOutcome::invalid:
        return {.used = text.length, .error = Counter::malformed};
    case http::ParseOutcome::partial:
        break;
    }
    if (free_buffers_.empty()) {
        return {.used = text.length, .error = Counter::no_memory};
    }
    state.buffer = free_buffers_.back();
    free_buffers_.pop_back();
    state.gathered = static_cast<std::uint16_t>(text.length); // Below the limit, or it was invalid.
    std::memcpy(buffer_of(state).data(), text.data, text.length);
    return {.used = text.length};
}

/// More of a head that has come in pieces.
Heard HttpExchange::gather(State& state, const Slice& text) {
    const std::span<std::byte> buffer = buffer_of(state);
    const std::uint32_t before = state.gathered;
    const std::uint32_t added = std::min(text.length, head_bytes_max - before);
    std::memcpy(buffer.data() + before, text.data, added);
    state.gathered = static_cast<std::uint16_t>(before + added);
    http::ResponseHead head;
    const http::ParseResult result =
        http::parse_response(buffer.first(state.gathered), ask_->method, head, {}, before);
    if (result.outcome == http::ParseOutcome::partial) {
        return {.used = added};
    }
    release(state);
    if (result.outcome == http::ParseOutcome::invalid) {
        return {.used = text.length, .error = Counter::malformed};
    }
    return begin_content(state, head, result.length - before);
}

/// The head is here, and the text after its first `used` bytes is content or the next response.
Heard HttpExchange::begin_content(State& state, const http::ResponseHead& head,
                                  std::uint32_t used) const {
    if (head.is_interim()) {
        constexpr unsigned switching_protocols = 101;
        Heard heard{.used = used};
        if (head.status_code == switching_protocols) {
            heard.error = Counter::wrong_status;
        }
        return heard;
    }
    if (ask_->status != 0 && head.status_code != ask_->status) {
        return {.used = used, .error = Counter::wrong_status};
    }
    state.last = !head.keep_alive;
    state.content = 0;
    switch (head.body) {
    case http::ResponseBody::none:
    case http::ResponseBody::content_length:
        state.content = head.body == http::ResponseBody::none ? 0 : head.content_length;
        if (!is_right_length(state.content)) {
            return {.used = used, .error = Counter::wrong_length};
        }
        state.phase = state.content > 0 ? Phase::content : Phase::head;
        return {.used = used, .completed = state.content == 0, .last = state.last};
    case http::ResponseBody::chunked:
        state.phase = Phase::chunked;
        state.decoder = {};
        break;
    case http::ResponseBody::until_close:
        state.phase = Phase::until_close;
        break;
    }
    return {.used = used};
}

Heard HttpExchange::hear_content(State& state, const Slice& text) const {
    const auto used =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(text.length, state.content));
    state.content -= used;
    if (state.content > 0) {
        return {.used = used};
    }
    state.phase = Phase::head;
    return {.used = used, .completed = true, .last = state.last};
}

Heard HttpExchange::hear_chunked(State& state, const Slice& text) const {
    const http::ChunkedDecoder::Step step = state.decoder.next(text.bytes());
    const auto used = static_cast<std::uint32_t>(step.taken);
    switch (step.outcome) {
    case http::ChunkedDecoder::Outcome::data:
        state.content += step.data.size();
        break;
    case http::ChunkedDecoder::Outcome::more:
        break;
    case http::ChunkedDecoder::Outcome::invalid:
        return {.used = text.length, .error = Counter::malformed};
    case http::ChunkedDecoder::Outcome::finished:
        state.phase = Phase::head;
        if (!is_right_length(state.content)) {
            return {.used = used, .error = Counter::wrong_length};
        }
        return {.used = used, .completed = true, .last = state.last};
    }
    return {.used = used};
}

bool HttpExchange::ends_with_stream(const State& state) const {
    return state.phase == Phase::until_close && is_right_length(state.content);
}

void HttpExchange::release(State& state) {
    if (state.buffer != 0) {
        free_buffers_.push_back(state.buffer);
        state.buffer = 0;
    }
}

} // namespace millrace::load
