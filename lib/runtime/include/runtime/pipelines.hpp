#pragma once

#include "base/time.hpp"
#include "runtime/log.hpp"
#include "runtime/worker_nic.hpp"
#include "service/discard.hpp"
#include "service/echo.hpp"
#include "service/http.hpp"
#include "service/source.hpp"
#include "stack/worker.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::runtime {

/// The pipeline of one worker on one port, with every service there is.
using Pipeline =
    stack::Worker<WorkerNic, service::Echo, service::Discard, service::Source, service::Http>;

/// All of one worker's pipelines, one for each port, as its thread polls them.
class Pipelines {
  public:
    /// What the control thread asks of a worker.
    enum class Order : std::uint8_t { none, drain, abort };

    void add(Pipeline& pipeline) { pipelines_.push_back(&pipeline); }

    /// From any thread; carried out before the next poll.
    void order(Order order) { order_.store(order, std::memory_order_relaxed); }

    /// From any thread: false once the last order has been carried out and the gauges show it.
    [[nodiscard]] bool has_order() const {
        return order_.load(std::memory_order_acquire) != Order::none;
    }

    std::size_t poll_once(Instant now) {
        Order order = order_.load(std::memory_order_relaxed);
        if (order != Order::none) [[unlikely]] {
            obey(order, now);
            // One that came meanwhile stands.
            order_.compare_exchange_strong(order, Order::none, std::memory_order_release);
        }
        std::size_t work = 0;
        for (Pipeline* const pipeline : pipelines_) {
            work += pipeline->poll_once(now) + pipeline->core().nic.take_forwarded();
        }
        if (now >= gauges_due_) [[unlikely]] {
            gauges_due_ = now + gauges_interval;
            publish_gauges();
            log_conflicts();
        }
        return work;
    }

    [[nodiscard]] Instant next_deadline() const {
        Instant nearest = never;
        for (const Pipeline* const pipeline : pipelines_) {
            nearest = std::min(nearest, pipeline->next_deadline());
        }
        return nearest;
    }

  private:
    static constexpr Duration gauges_interval = 10ms;

    void obey(Order order, Instant now) {
        for (Pipeline* const pipeline : pipelines_) {
            if (order == Order::drain) {
                pipeline->drain(now);
            } else {
                pipeline->abort_all(now);
            }
        }
        publish_gauges();
    }

    void publish_gauges() {
        std::ranges::for_each(pipelines_, [](Pipeline* pipeline) { pipeline->publish_gauges(); });
    }

    /// Somebody else has one of our addresses: an operator has to hear of it, and there are few.
    void log_conflicts() {
        for (Pipeline* const pipeline : pipelines_) {
            pipeline->control().take_conflicts(log_conflict);
        }
    }

    std::vector<Pipeline*> pipelines_;
    Instant gauges_due_{};
    std::atomic<Order> order_{Order::none};
};

} // namespace millrace::runtime
