#include "load/talks.hpp"

#include "base/pattern.hpp"

#include <algorithm>

namespace millrace::load {

namespace {

/// Queues the next `bytes` of the stream, of which `sent` have been, without copying.
std::optional<std::uint32_t> send_next(stack::Socket& socket, std::uint64_t& sent,
                                       std::uint32_t bytes) {
    const std::uint64_t end = sent + bytes;
    while (sent < end) {
        const auto piece = pattern::piece(sent, end - sent);
        const auto length = static_cast<std::uint32_t>(piece.size());
        if (socket.send({piece.data(), length}) != length) {
            return std::nullopt;
        }
        sent += length;
    }
    return bytes;
}

/// Takes what comes next, up to the end of an operation of `bytes`.
Heard take_next(std::uint64_t& received, std::uint32_t bytes, bool check, const Slice& text) {
    const auto left = static_cast<std::uint32_t>(bytes - received % bytes);
    const std::uint32_t used = std::min(text.length, left);
    if (check && !pattern::matches(received, text.first(used).bytes())) {
        return {.used = used, .error = Counter::wrong_bytes};
    }
    received += used;
    return {.used = used, .completed = used == left};
}

} // namespace

std::optional<std::uint32_t> Echo::ask(stack::Socket& socket, State& state) const {
    return send_next(socket, state.sent, bytes_);
}

Heard Echo::hear(State& state, const Slice& text) const {
    return take_next(state.received, bytes_, true, text);
}

Heard StreamReceive::hear(State& state, const Slice& text) const {
    return take_next(state.received, bytes_, check_, text);
}

std::optional<std::uint32_t> StreamSend::ask(stack::Socket& socket, State& state) const {
    return send_next(socket, state.sent, bytes_);
}

std::uint32_t StreamSend::newly_acknowledged(const stack::Socket& socket, State& state) {
    const std::uint64_t acknowledged = state.sent - socket.queued_bytes();
    const auto news = static_cast<std::uint32_t>(acknowledged - state.acknowledged);
    state.acknowledged = acknowledged;
    return news;
}

bool StreamSend::take_acknowledged(State& state) const {
    if (state.acknowledged - state.counted < bytes_) {
        return false;
    }
    state.counted += bytes_;
    return true;
}

} // namespace millrace::load
