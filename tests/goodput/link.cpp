#include "link.hpp"

#include <algorithm>
#include <utility>

namespace millrace::goodput {

bool Link::happens(double probability) {
    return static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}

Duration Link::time_of(std::uint64_t bytes) const {
    return std::chrono::nanoseconds{bytes * 8 * 1'000'000'000 / settings_.bits_per_second};
}

void Link::send(unsigned from, support::Frame frame, Instant now) {
    const bool data = from == 1;
    if (data && happens(settings_.loss)) {
        return;
    }
    Instant& busy_until = busy_until_[from];
    busy_until = std::max(busy_until, now);
    if (busy_until - now > time_of(settings_.queue_bytes)) {
        return;
    }
    busy_until += time_of(frame.size());
    Instant at = busy_until + settings_.round_trip / 2;
    if (data && happens(settings_.reordering)) {
        at += settings_.detour;
    }
    under_way_.push({at, order_++, 1 - from, std::move(frame)});
}

std::optional<Link::Arrival> Link::take(Instant now) {
    if (under_way_.empty() || under_way_.top().at > now) {
        return std::nullopt;
    }
    Arrival arrival = std::move(const_cast<Arrival&>(under_way_.top()));
    under_way_.pop();
    return arrival;
}

} // namespace millrace::goodput
