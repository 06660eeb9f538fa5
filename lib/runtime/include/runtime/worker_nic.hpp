#pragma once

#include "base/packet.hpp"
#include "base/ring.hpp"
#include "base/slice.hpp"
#include "nic/packet.hpp"
#include "nic/queue.hpp"
#include "stack/nic_concept.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace millrace::runtime {

/// What one worker sees of a port, whether it has queues of its own there or not. A worker without
/// a transmit queue hands its packets to one that has, over a ring; that one sends them when it
/// looks at its receive queue. Such a worker attaches nothing: a reference count has one worker's
/// writes.
class WorkerNic {
  public:
    using Packet = nic::Packet;
    using Ring = SpscRing<Packet>;

    /// `queue` outlives this.
    explicit WorkerNic(nic::Queue& queue) : queue_{&queue} {}

    WorkerNic(const WorkerNic&) = delete;
    WorkerNic& operator=(const WorkerNic&) = delete;

    /// Has `owner` send what this worker transmits. Before either of them runs.
    void send_through(WorkerNic& owner) {
        out_ = std::make_unique<Ring>(ring_packets);
        owner.in_.push_back(out_.get());
    }

    [[nodiscard]] std::size_t receive(std::span<Packet> burst) {
        for (Ring* const ring : in_) {
            forward(*ring);
        }
        return queue_->receive(burst);
    }

    [[nodiscard]] std::size_t transmit(std::span<Packet> burst) {
        if (out_ == nullptr) {
            return queue_->transmit(burst);
        }
        std::size_t sent = 0;
        while (sent < burst.size() && out_->push(burst[sent])) {
            ++sent;
        }
        return sent;
    }

    [[nodiscard]] bool allocate(std::span<Packet> burst) { return queue_->allocate(burst); }
    void retain(Packet packet) { queue_->retain(packet); }
    void release(Packet packet) { queue_->release(packet); }

    [[nodiscard]] bool attach(Packet packet, const Slice& slice) {
        return out_ == nullptr && queue_->attach(packet, slice);
    }

    [[nodiscard]] TxOffloads offloads() const {
        TxOffloads offloads = queue_->offloads();
        offloads.multi_segment = offloads.multi_segment && out_ == nullptr;
        return offloads;
    }

    /// How many packets of other workers were sent, or wait for room, since the last call: work, so
    /// that the worker does not rest while there may be more.
    [[nodiscard]] std::size_t take_forwarded() { return std::exchange(forwarded_, waiting_count_); }

    /// Frees what waits in the rings; when no worker runs any more.
    void clear() {
        std::array<Packet, burst_max> burst;
        release_all(std::span{waiting_}.first(waiting_count_));
        waiting_count_ = 0;
        for (Ring* const ring : in_) {
            while (const std::size_t count = ring->pop(burst)) {
                release_all(std::span{burst}.first(count));
            }
        }
    }

  private:
    static constexpr std::uint32_t ring_packets = 1024;
    static constexpr std::size_t burst_max = 32;

    void release_all(std::span<Packet> packets) {
        std::ranges::for_each(packets, [this](Packet packet) { queue_->release(packet); });
    }

    /// What the port has no room for waits here, and then in the ring.
    void forward(Ring& ring) {
        waiting_count_ += ring.pop(std::span{waiting_}.subspan(waiting_count_));
        if (waiting_count_ == 0) {
            return;
        }
        const std::size_t sent = queue_->transmit(std::span{waiting_}.first(waiting_count_));
        forwarded_ += sent;
        std::copy(waiting_.begin() + static_cast<std::ptrdiff_t>(sent),
                  waiting_.begin() + static_cast<std::ptrdiff_t>(waiting_count_), waiting_.begin());
        waiting_count_ -= sent;
    }

    nic::Queue* queue_;
    std::unique_ptr<Ring> out_;
    std::vector<Ring*> in_;
    std::size_t waiting_count_ = 0;
    std::size_t forwarded_ = 0;
    std::array<Packet, burst_max> waiting_{};
};

static_assert(stack::Nic<WorkerNic>);

} // namespace millrace::runtime
