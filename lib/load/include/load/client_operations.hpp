#pragma once

#include "load/client.hpp"

/// How a client begins operations, hears replies, and completes them.
namespace millrace::load {

/// A reply to what the server cannot have read: it has not acknowledged it.
template <class Addr, Talk T>
bool Client<Addr, T>::is_early(const stack::Socket& socket, const Slot& slot) {
    return !speaks_unasked<T> && slot.pending == 1 && socket.queued_bytes() > 0;
}

template <class Addr, Talk T>
std::uint32_t Client<Addr, T>::receive(stack::Socket& socket, const Slice& text) {
    const auto index = socket.state<std::uint32_t>();
    Slot& slot = slots_[index];
    if (completes_when_open<T> || phase_ == Phase::closing) {
        count(Counter::bytes_received, text.length); // Whatever it is: nothing depends on it.
        return text.length;
    }
    if (!slot.open) { // The server had said that it would say no more.
        fail(socket, slot, Counter::unasked);
        return text.length;
    }
    Slice rest = text;
    while (slot.open && rest.length > 0) {
        if (slot.pending == 0) {
            if constexpr (speaks_unasked<T>) {
                go_on(socket, index);
                if (slot.pending > 0) {
                    continue;
                }
                break; // The rest waits, too.
            }
            fail(socket, slot, Counter::unasked);
            continue;
        }
        const Heard heard = talk_.hear(slot.talk, rest);
        rest = rest.without_first(heard.used);
        if (heard.error) {
            fail(socket, slot, *heard.error);
        } else if (heard.completed && is_early(socket, slot)) {
            fail(socket, slot, Counter::unasked);
        } else if (heard.completed) {
            complete(socket, slot);
            const bool ends = heard.last || !job_.standing;
            if (ends && rest.length > 0) {
                fail(socket, slot, Counter::unasked);
            } else if (!job_.standing && job_.close != CloseBy::server) {
                close(socket, slot);
            } else if (heard.last) {
                retire(slot); // Its FIN will tell what was cut short.
            }
        }
    }
    const std::uint32_t used = slot.open ? text.length - rest.length : text.length;
    count_bytes(Counter::bytes_received, Counter::window_bytes_received, used, socket.now());
    if (used > 0 && slot.pending > 0) {
        socket.set_deadline(socket.now() + job_.timeout); // That is progress.
    }
    go_on(socket, index);
    return used;
}

/// Begins what is due on a standing connection, as far as it has room; what room is left waits for
/// what will be due.
template <class Addr, Talk T>
void Client<Addr, T>::go_on(stack::Socket& socket, std::uint32_t index) {
    Slot& slot = slots_[index];
    if (!job_.standing || phase_ == Phase::closing) {
        return;
    }
    while (has_room(socket, slot)) {
        if (!is_due(socket.now())) {
            available_.push(index);
            return;
        }
        begin(slot, take_due(socket.now()));
        say(socket, slot);
    }
}

template <class Addr, Talk T>
void Client<Addr, T>::begin(Slot& slot, Instant due) {
    due_at(slot, slot.pending) = due;
    ++slot.pending;
    slot.asked = true;
    ++pending_;
    count(Counter::operations_begun);
}

/// Says what the operation just begun has to say.
template <class Addr, Talk T>
void Client<Addr, T>::say(stack::Socket& socket, Slot& slot) {
    const std::optional<std::uint32_t> bytes = talk_.ask(socket, slot.talk);
    if (!bytes) {
        fail(socket, slot, Counter::no_memory);
        return;
    }
    if constexpr (TalksUntilAcknowledged<T>) {
        count(Counter::bytes_sent, *bytes);
    } else {
        count_bytes(Counter::bytes_sent, Counter::window_bytes_sent, *bytes, socket.now());
    }
    if (slot.pending == 1) {
        socket.set_deadline(socket.now() + job_.timeout);
    }
}

/// The oldest operation is done.
template <class Addr, Talk T>
void Client<Addr, T>::complete(stack::Socket& socket, Slot& slot) {
    const Instant now = socket.now();
    const Instant due = due_at(slot, 0);
    slot.oldest = static_cast<std::uint16_t>((slot.oldest + 1) % job_.depth);
    --slot.pending;
    --pending_;
    last_completed_ = now;
    count(Counter::operations_completed);
    count(Counter::window_completed, in_window(now) ? 1 : 0);
    if (in_window(due)) {
        share_->latencies.record(now - due);
    }
    if (slot.pending > 0) {
        socket.set_deadline(now + job_.timeout);
    }
}

template <class Addr, Talk T>
void Client<Addr, T>::take_acknowledged(stack::Socket& socket, Slot& slot) {
    if constexpr (TalksUntilAcknowledged<T>) {
        const std::uint32_t bytes = talk_.newly_acknowledged(socket, slot.talk);
        count(Counter::window_bytes_sent, in_window(socket.now()) ? bytes : 0);
        if (bytes > 0 && slot.pending > 0) {
            socket.set_deadline(socket.now() + job_.timeout);
        }
        while (slot.pending > 0 && talk_.take_acknowledged(slot.talk)) {
            complete(socket, slot);
        }
    }
}

/// What has befallen the connection, or one of its operations, is counted by its own name; so many
/// others were under way on it.
template <class Addr, Talk T>
void Client<Addr, T>::abandon_others(const Slot& slot) {
    count(Counter::abandoned, slot.pending > 0 ? slot.pending - 1U : 0U);
}

/// They are lost, and counted where that was found.
template <class Addr, Talk T>
void Client<Addr, T>::forget_pending(Slot& slot) {
    if constexpr (HoldsMemory<T>) {
        talk_.release(slot.talk);
    }
    pending_ -= slot.pending;
    slot.pending = 0;
}

} // namespace millrace::load
