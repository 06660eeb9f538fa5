#pragma once

#include "load/client.hpp"

/// What a client does in each turn of its worker: orders, what is due, results.
namespace millrace::load {

template <class Addr, Talk T>
template <class Opener>
Instant Client<Addr, T>::on_turn(Opener& opener) {
    const Instant now = opener.now();
    take_orders();
    close_opened(opener);
    bool more = false;
    if (phase_ == Phase::closing) {
        more = close_some(opener);
    } else if (phase_ != Phase::waiting && job_.standing) {
        more = open_standing(opener);
    }
    if (phase_ == Phase::running) {
        more = begin_due(opener) || more;
        end_of_run(now);
    }
    share_->latencies.turn();
    publish();
    return more ? now : next_turn(now);
}

/// When there will be something to do even if no packet comes.
template <class Addr, Talk T>
Instant Client<Addr, T>::next_turn(Instant now) const {
    Instant next = not_before_ > now ? not_before_ : never;
    if (phase_ == Phase::running && !run_ended_ && order_.until != never) {
        next = std::min(next, now < order_.until ? order_.until : order_.until + catch_up);
    }
    if (phase_ == Phase::running && !run_ended_ && is_open_loop() && next_due() > now) {
        next = std::min(next, next_due());
    }
    return next;
}

template <class Addr, Talk T>
void Client<Addr, T>::take_orders() {
    Order order;
    while (share_->orders.pop({&order, 1}) == 1) {
        switch (order.kind) {
        case Order::Kind::open:
            phase_ = Phase::open;
            break;
        case Order::Kind::run:
            phase_ = Phase::running;
            order_ = order;
            begun_ = 0;
            run_ended_ = false;
            break;
        case Order::Kind::close:
            phase_ = Phase::closing;
            next_to_close_ = 0;
            break;
        }
    }
}

/// What was due and has found no connection counts: leaving it out is what makes a closed loop look
/// good. What became due a moment ago may find one yet.
template <class Addr, Talk T>
void Client<Addr, T>::end_of_run(Instant now) {
    const bool all_begun = begun_ >= order_.operations_max;
    if (run_ended_ || (now < order_.until && !all_begun)) {
        return;
    }
    if (is_open_loop() && next_due() < order_.until && now < order_.until + catch_up) {
        return;
    }
    run_ended_ = true;
    ++runs_ended_;
    if (is_open_loop() && !all_begun) {
        const std::uint64_t all = order_.schedule.count_before(order_.until);
        const std::uint64_t ours = (all + job_.workers - 1 - job_.worker) / job_.workers;
        count(Counter::unstarted, std::min(ours, order_.operations_max) - begun_);
    }
}

/// Closes what was to carry nothing but its handshake, whose ACK is on its way now.
template <class Addr, Talk T>
template <class Opener>
void Client<Addr, T>::close_opened(Opener& opener) {
    for (const std::uint32_t index : to_close_) {
        Slot& slot = slots_[index];
        opener.with_socket(slot.key, [&](stack::Socket& socket) { close(socket, slot); });
    }
    to_close_.clear();
}

template <class Addr, Talk T>
template <class Opener>
bool Client<Addr, T>::close_some(Opener& opener) {
    const auto closing = [this] { return slots_.size() - free_.size() - open_ - opening_; };
    for (std::uint32_t i = 0; i < turn_max && next_to_close_ < slots_.size(); ++next_to_close_) {
        Slot& slot = slots_[next_to_close_];
        if (closing() >= job_.handshakes_max) {
            return false; // As some end, there is room for others.
        }
        if (slot.in_use) {
            ++i;
            opener.with_socket(slot.key, [&](stack::Socket& socket) {
                forget_pending(slot);
                close(socket, slot);
            });
        }
    }
    return next_to_close_ < slots_.size();
}

template <class Addr, Talk T>
void Client<Addr, T>::publish() {
    share_->gauges.set(Gauge::connections, slots_.size() - free_.size());
    share_->gauges.set(Gauge::opening, opening_);
    share_->gauges.set(Gauge::open, open_);
    share_->gauges.set(Gauge::pending, pending_);
    share_->gauges.set(Gauge::runs_ended, runs_ended_);
    share_->gauges.set(Gauge::last_completed,
                       static_cast<std::uint64_t>(last_completed_.time_since_epoch().count()));
}

template <class Addr, Talk T>
Instant Client<Addr, T>::next_due() const {
    return begun_ >= order_.operations_max
               ? never
               : order_.schedule.due(begun_ * job_.workers + job_.worker);
}

template <class Addr, Talk T>
bool Client<Addr, T>::is_due(Instant now) const {
    if (phase_ != Phase::running || run_ended_ || pending_ >= order_.pending_max) {
        return false;
    }
    const Instant due = next_due();
    return due <= now && due < order_.until && (is_open_loop() || now < order_.until);
}

/// The next operation that is due is begun: since when it was.
template <class Addr, Talk T>
Instant Client<Addr, T>::take_due(Instant now) {
    const Instant due = next_due();
    ++begun_;
    return is_open_loop() ? due : now;
}

} // namespace millrace::load
