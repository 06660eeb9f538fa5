#pragma once

#include "load/client.hpp"

/// How a client opens connections, and how they end.
namespace millrace::load {

/// Opens what is missing of the standing connections; true when there is more to do at once.
template <class Addr, Talk T>
template <class Opener>
bool Client<Addr, T>::open_standing(Opener& opener) {
    for (std::uint32_t i = 0; i < turn_max; ++i) {
        if (free_.empty() || opening_ >= job_.handshakes_max || !connect(opener)) {
            return false;
        }
    }
    return true;
}

/// Begins what is due; true when there is more to do at once.
template <class Addr, Talk T>
template <class Opener>
bool Client<Addr, T>::begin_due(Opener& opener) {
    const Instant now = opener.now();
    for (std::uint32_t i = 0; i < turn_max; ++i) {
        if (!is_due(now)) {
            return false;
        }
        if (!job_.standing) {
            if (free_.empty() || !connect(opener)) {
                return false;
            }
            continue;
        }
        if (available_.empty()) {
            return false;
        }
        const std::uint32_t index = available_.pop();
        if (slots_[index].open) {
            opener.with_socket(slots_[index].key,
                               [&](stack::Socket& socket) { go_on(socket, index); });
        }
    }
    return true;
}

/// Opens a connection, for the next operation that is due unless connections stand. False when that
/// cannot be done now.
template <class Addr, Talk T>
template <class Opener>
bool Client<Addr, T>::connect(Opener& opener) {
    using stack::ConnectResult;
    const Instant now = opener.now();
    if (now < not_before_ || (!reached_ && opening_ > 0)) {
        return false;
    }
    const std::uint32_t index = free_.back();
    const Addr& source = job_.sources[next_source_];
    next_source_ = (next_source_ + 1) % job_.sources.size();
    const auto [result, key] = opener.connect(Key{source, job_.target, 0, job_.port}, index);
    switch (result) {
    case ConnectResult::opening:
        break;
    case ConnectResult::busy:
    case ConnectResult::draining:
        return false;
    case ConnectResult::no_address: // It is being probed for (RFC 4862, RFC 5227).
        not_before_ = now + try_again;
        return false;
    case ConnectResult::ports_exhausted:
    case ConnectResult::address_in_use:
        count(Counter::ports_exhausted);
        not_before_ = now + try_again;
        return false;
    case ConnectResult::pool_dry:
        count(Counter::no_memory);
        not_before_ = now + try_again;
        return false;
    case ConnectResult::no_route:
    case ConnectResult::wrong_worker:
        count(Counter::unreachable);
        not_before_ = now + try_again;
        return false;
    }
    free_.pop_back();
    Slot& slot = slots_[index];
    slot = Slot{.key = key, .in_use = true};
    ++opening_;
    count(Counter::connects);
    if (!job_.standing) {
        begin(slot, take_due(now));
    }
    return true;
}

template <class Addr, Talk T>
void Client<Addr, T>::on(stack::Socket& socket, stack::SocketEvent event) {
    const auto index = socket.state<std::uint32_t>();
    Slot& slot = slots_[index];
    switch (event) {
    case Event::opened:
        opened(socket, index);
        return;
    case Event::writable:
        take_acknowledged(socket, slot);
        go_on(socket, index);
        return;
    case Event::end_of_stream:
        end_of_stream(socket, slot);
        return;
    case Event::deadline:
        deadline(socket, slot);
        return;
    case Event::closed:
        closed(socket, index);
        return;
    case Event::failed:
        failed(socket, index);
        return;
    case Event::drain:
        return;
    }
}

template <class Addr, Talk T>
void Client<Addr, T>::opened(stack::Socket& socket, std::uint32_t index) {
    Slot& slot = slots_[index];
    --opening_;
    ++open_;
    reached_ = slot.open = true;
    count(Counter::connections_opened);
    if (phase_ == Phase::closing) {
        close(socket, slot);
    } else if (job_.standing) {
        go_on(socket, index);
    } else if constexpr (completes_when_open<T>) {
        complete(socket, slot);
        to_close_.push_back(index); // A reset at once would take the place of the ACK.
    } else {
        say(socket, slot);
    }
}

/// Without a word from us, it was the server who closed a connection that stood.
template <class Addr, Talk T>
void Client<Addr, T>::closed(const stack::Socket& socket, std::uint32_t index) {
    Slot& slot = slots_[index];
    retire(slot);
    count(Counter::connections_closed);
    if (phase_ != Phase::closing) {
        switch (socket.end_reason()) {
        case stack::EndReason::reset:
            count(Counter::reset);
            abandon_others(slot);
            break;
        case stack::EndReason::timed_out:
            count(Counter::lost);
            abandon_others(slot);
            break;
        case stack::EndReason::none:
            if (job_.standing) {
                count(job_.held ? Counter::not_held : Counter::reopened);
            }
            break;
        case stack::EndReason::refused:
        case stack::EndReason::unreachable:
        case stack::EndReason::aborted: // Counted where that was decided.
            break;
        }
    }
    forget_pending(slot);
    give_back(index);
}

template <class Addr, Talk T>
void Client<Addr, T>::failed(const stack::Socket& socket, std::uint32_t index) {
    --opening_;
    if (phase_ != Phase::closing) {
        switch (socket.end_reason()) {
        case stack::EndReason::refused:
        case stack::EndReason::reset:
            count(Counter::refused);
            break;
        case stack::EndReason::timed_out:
            count(Counter::connect_timed_out);
            break;
        case stack::EndReason::unreachable:
            count(Counter::unreachable);
            break;
        case stack::EndReason::none:
        case stack::EndReason::aborted:
            count(Counter::no_memory);
            break;
        }
    }
    if (job_.standing) {
        not_before_ = socket.now() + try_again; // No flood of SYNs where nothing listens.
    }
    forget_pending(slots_[index]);
    give_back(index);
}

template <class Addr, Talk T>
void Client<Addr, T>::end_of_stream(stack::Socket& socket, Slot& slot) {
    if (slot.pending > 0 && talk_.ends_with_stream(slot.talk)) {
        complete(socket, slot);
    }
    if (phase_ != Phase::closing) {
        count(Counter::closed_early, slot.pending);
    }
    forget_pending(slot);
    retire(slot);
    socket.close();
}

/// Nothing has happened for as long as it may take.
template <class Addr, Talk T>
void Client<Addr, T>::deadline(stack::Socket& socket, Slot& slot) {
    if (slot.pending > 0) {
        fail(socket, slot, Counter::timed_out);
    } else if (!job_.standing || !slot.open) { // The server was to close: asked to, or by its word.
        fail(socket, slot, Counter::not_closed);
    }
}

template <class Addr, Talk T>
void Client<Addr, T>::give_back(std::uint32_t index) {
    slots_[index].in_use = false;
    free_.push_back(index);
}

/// The connection carries no more operations.
template <class Addr, Talk T>
void Client<Addr, T>::retire(Slot& slot) {
    open_ -= slot.open ? 1 : 0;
    slot.open = false;
}

template <class Addr, Talk T>
void Client<Addr, T>::close(stack::Socket& socket, Slot& slot) {
    retire(slot);
    if (job_.close == CloseBy::reset) {
        socket.abort();
    } else {
        socket.close();
    }
}

template <class Addr, Talk T>
void Client<Addr, T>::fail(stack::Socket& socket, Slot& slot, Counter error) {
    count(error);
    abandon_others(slot);
    forget_pending(slot);
    retire(slot);
    socket.abort();
}

} // namespace millrace::load
