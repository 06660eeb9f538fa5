#pragma once

#include "stack/tcp_host.hpp"

/// What other threads read of the connections.
namespace millrace::stack {

// What other threads may ask

template <class Addr, class C>
std::optional<Summary<Addr>> TcpHost<Addr, C>::summary_of(Reference reference) const {
    const auto bare = [](const std::optional<Key>& key, tcp::State state) {
        return key ? std::optional{Summary<Addr>{.key = *key, .state = state}} : std::nullopt;
    };
    switch (reference.kind()) {
    case Reference::Kind::connection:
        return connections_[reference.slot()].summary.try_copy();
    case Reference::Kind::half_open:
        return bare(half_open_[reference.slot()].published_key.try_copy(),
                    tcp::State::syn_received);
    case Reference::Kind::time_wait:
        break;
    }
    return bare(time_wait_[reference.slot()].published_key.try_copy(), tcp::State::time_wait);
}

template <class Addr, class C>
template <class Take>
std::optional<std::uint32_t> TcpHost<Addr, C>::walk(std::uint32_t first, std::uint32_t buckets,
                                                    Take&& take) const {
    const std::uint32_t next = table_.copy_each(
        first, buckets, [this](std::uint32_t bits) { return summary_of(Reference{bits}); },
        [&](std::uint32_t, const Summary<Addr>& summary) { take(summary); });
    return next == table_.bucket_count() ? std::nullopt : std::optional{next};
}

} // namespace millrace::stack
