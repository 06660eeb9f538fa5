#pragma once

#include <gtest/gtest.h>

#include "load/client.hpp"
#include "load/conductor.hpp"
#include "load/talks.hpp"
#include "service/discard.hpp"
#include "service/echo.hpp"
#include "service/source.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

/// A client and a server, each a whole worker in memory, joined by a wire without delay.
namespace millrace::load::testing {

inline constexpr wire::MacAddr client_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr wire::MacAddr server_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr wire::Ipv4Addr client_address{198, 18, 0, 1};
inline constexpr wire::Ipv4Addr server_address{198, 18, 0, 2};
inline constexpr std::uint16_t server_port = 7;

inline stack::WorkerSettings settings_of(const wire::MacAddr& mac, const wire::Ipv4Addr& address) {
    stack::WorkerSettings settings;
    settings.interface.mac = mac;
    settings.interface.ipv4 = {{address, 24}};
    settings.control.ipv4_announcements = 0;
    settings.buffers.packet_bytes = sizeof(support::PacketBuffer);
    settings.sequence_key = {mac.bytes[5], 1};
    return settings;
}

/// A server that closes a connection as soon as it is open,
struct ClosesAtOnce {
    static std::uint32_t receive(stack::Socket&, const Slice& text) { return text.length; }
    static void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::opened) {
            socket.close();
        }
    }
};
/// and one that leaves it open for ever.
struct NeverCloses {
    static std::uint32_t receive(stack::Socket&, const Slice& text) { return text.length; }
    static void on(stack::Socket&, stack::SocketEvent) {}
};

/// A client of one kind of talk opposite a server of one service.
template <class T, class Service>
class LoadHarness {
  public:
    using ClientType = Client<wire::Ipv4Addr, T>;
    using ServerWorker = stack::Worker<support::MemoryNic, Service>;
    using ClientWorker = stack::Worker<support::MemoryNic, ClientType>;

    static constexpr Duration turn = 10us;

    LoadHarness(Job<wire::Ipv4Addr> job, T talk, Service service = Service{},
                stack::WorkerSettings client = settings_of(client_mac, client_address))
        : server{server_nic, settings_of(server_mac, server_address), nullptr, now},
          worker{client_nic, std::move(client), nullptr, now} {
        job.sources = {client_address};
        job.target = server_address;
        job.port = server_port;
        server.listen({.port = server_port}, std::move(service));
        worker.listen({.port = 0}, ClientType{std::move(job), std::move(talk), share});
    }

    void order(const Order& wanted) { EXPECT_TRUE(share.orders.push(wanted)); }

    /// Both take turns until `length` is over; the server only while it does not stall, and hears
    /// nothing while it is deaf.
    void run(Duration length) {
        for (const Instant end = now + length; now < end; now += turn) {
            worker.poll_once(now);
            carry(client_nic, server_nic, now < deaf_until);
            if (now >= stalled_until) {
                server.poll_once(now);
            }
            carry(server_nic, client_nic);
        }
    }

    /// As `order({.kind = open})`, until all stand.
    void open(std::uint32_t connections) {
        order({.kind = Order::Kind::open});
        for (int i = 0; i < 100 && share.gauges[Gauge::open] < connections; ++i) {
            run(1ms);
        }
        ASSERT_EQ(share.gauges[Gauge::open], connections);
    }

    /// Ends every connection, and looks whether anything is left.
    void close() {
        order({.kind = Order::Kind::close});
        run(100ms);
        EXPECT_EQ(share.gauges[Gauge::open], 0U);
        EXPECT_EQ(share.gauges[Gauge::opening], 0U);
        EXPECT_EQ(share.gauges[Gauge::pending], 0U);
        EXPECT_EQ(worker.template host<wire::Ipv4Addr>().connections(), 0U);
        server.release_everything(now);
        worker.release_everything(now);
        carry(client_nic, server_nic);
        carry(server_nic, client_nic);
        server.release_everything(now);
        worker.release_everything(now);
        support::Frame frame;
        while (client_nic.take_sent(frame) || server_nic.take_sent(frame)) {
        }
        EXPECT_EQ(client_nic.packets_in_use(), 0U);
        EXPECT_EQ(server_nic.packets_in_use(), 0U);
    }

    [[nodiscard]] std::uint64_t counted(Counter counter) const { return share.counters[counter]; }
    [[nodiscard]] std::uint64_t errors() const {
        JobOnWorkers job;
        job.shares = {const_cast<JobShare*>(&share)};
        return sums_of(job).errors();
    }
    [[nodiscard]] Histogram latencies() {
        Histogram sum;
        share.latencies.take_rest(sum);
        return sum;
    }

    Instant now{1s};
    Instant stalled_until = Instant::min();
    Instant deaf_until = Instant::min();
    JobShare share;
    support::MemoryNic server_nic{32768};
    support::MemoryNic client_nic{32768};
    ServerWorker server;
    ClientWorker worker;

  private:
    static void carry(support::MemoryNic& from, support::MemoryNic& to, bool loses = false) {
        support::Frame frame;
        while (from.take_sent(frame)) {
            EXPECT_TRUE(loses || to.deliver(frame));
        }
    }
};

} // namespace millrace::load::testing
