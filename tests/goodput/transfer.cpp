#include "transfer.hpp"

#include "bulk_service.hpp"

#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace millrace::goodput {

namespace {

constexpr std::size_t packets = 8192;

wire::Ipv4Addr address_of(unsigned host) {
    return {198, 18, 0, static_cast<std::uint8_t>(host + 1)};
}

stack::WorkerSettings settings_for(const Transfer& transfer, unsigned host) {
    stack::WorkerSettings settings;
    settings.interface.mac = {{2, 0, 0, 0, 0, static_cast<std::uint8_t>(host + 1)}};
    settings.interface.ipv4 = {{address_of(host), 24}};
    settings.tcp.front().congestion = transfer.congestion;
    settings.tcp.front().receive_buffer_bytes = 4 << 20;
    settings.buffers.packets = packets / 2;
    settings.buffers.packet_bytes = sizeof(support::PacketBuffer);
    settings.sequence_key = {transfer.seed, host};
    settings.connections_max = settings.half_open_max = settings.time_wait_max = 4;
    settings.reassemblies_max = 4;
    settings.flights = {.flights = 4, .records = 8192};
    settings.control.ipv4_announcements = 0;
    return settings;
}

using Worker = stack::Worker<support::MemoryNic, BulkService>;

/// A receiver, which opens the connection, and a sender.
class Pair {
  public:
    explicit Pair(const Transfer& transfer) : link_{transfer.seed, transfer.link} {
        for (unsigned host = 0; host < 2; ++host) {
            nics_[host] = std::make_unique<support::MemoryNic>(
                packets,
                TxOffloads{.ipv4_checksum = true, .tcp_checksum = true, .multi_segment = true});
            workers_[host] =
                std::make_unique<Worker>(*nics_[host], settings_for(transfer, host), nullptr, now_);
            stack::ListenerOptions options;
            options.port = host == 0 ? 0 : port;
            workers_[host]->listen(options, BulkService{progress_[host], host == 1});
        }
    }

    void connect() {
        const flow::FourTuple<wire::Ipv4Addr> key{address_of(0), address_of(1), port + 1, port};
        MILLRACE_ASSERT(workers_[0]->connect(key, 0, now_).result == stack::ConnectResult::opening);
        poll(0);
    }

    void run_until(Instant end) {
        while (now_ < end) {
            step(end);
        }
    }

    void run_until_open() {
        while (receiver().opened_at == never) {
            step(never);
        }
    }

    [[nodiscard]] const Progress& receiver() const { return progress_[0]; }

  private:
    static constexpr std::uint16_t port = 9;

    void step(Instant end) {
        Instant next = std::min(end, link_.next_arrival());
        for (const auto& worker : workers_) {
            next = std::min(next, worker->next_deadline());
        }
        now_ = std::max(next, now_ + 1us);
        while (auto arrival = link_.take(now_)) {
            static_cast<void>(nics_[arrival->to]->deliver(arrival->frame));
        }
        poll(0);
        poll(1);
    }

    void poll(unsigned host) {
        workers_[host]->poll_once(now_);
        support::Frame frame;
        while (nics_[host]->take_sent(frame)) {
            link_.send(host, std::move(frame), now_);
        }
    }

    Instant now_{1s};
    Link link_;
    std::array<Progress, 2> progress_;
    std::array<std::unique_ptr<support::MemoryNic>, 2> nics_;
    std::array<std::unique_ptr<Worker>, 2> workers_;
};

} // namespace

std::uint64_t received_bytes(const Transfer& transfer) {
    Pair pair{transfer};
    pair.connect();
    pair.run_until_open();
    pair.run_until(pair.receiver().opened_at + transfer.length);
    return pair.receiver().received_bytes;
}

} // namespace millrace::goodput
