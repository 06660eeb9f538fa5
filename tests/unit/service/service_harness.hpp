#pragma once

#include <gtest/gtest.h>

#include "service/discard.hpp"
#include "service/echo.hpp"
#include "service/http.hpp"
#include "service/source.hpp"
#include "worker_harness.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// A service on a whole worker in memory, and clients that speak TCP by hand.
namespace millrace::service::testing {

using stack::testing::frame_of;
using stack::testing::Sent;

namespace flag = wire::tcp_flag;

inline constexpr std::uint16_t service_port = 80;

/// One worker with one listener.
class ServiceHarness {
  public:
    using ServiceWorker = stack::Worker<support::MemoryNic, Echo, Discard, Source, Http>;

    explicit ServiceHarness(std::variant<Echo, Discard, Source, Http> service,
                            const stack::WorkerSettings& wanted = {},
                            std::uint16_t port = service_port)
        : worker{nic, stack::testing::WorkerHarness::settings_of(wanted), nullptr, now} {
        worker.listen({.port = port}, std::move(service));
        deliver(stack::testing::arp_request());
        poll();
        static_cast<void>(sent());
    }

    void deliver(const support::Frame& frame) { EXPECT_TRUE(nic.deliver(frame)); }

    void poll(Duration later = 0ns) {
        now += later;
        worker.poll_once(now);
    }

    /// Time passes, and everything that it asks for happens.
    void pass(Duration time) {
        poll(time);
        poll();
    }

    /// What was sent since the last call.
    std::vector<Sent> sent() {
        std::vector<Sent> all;
        support::Frame frame;
        while (nic.take_sent(frame)) {
            wire::EthernetFrame ethernet;
            wire::Ipv4Packet ip;
            Sent one{frame, {}};
            if (wire::parse_ethernet(one.frame, ethernet) == wire::Drop::none &&
                ethernet.ethertype == wire::ethertype::ipv4 &&
                wire::parse_ipv4(ethernet.payload, ip) == wire::Drop::none &&
                wire::parse_tcp(ip.payload, one.segment) == wire::Drop::none) {
                all.push_back(std::move(one));
            }
        }
        return all;
    }

    [[nodiscard]] std::uint32_t connections() const {
        return worker.template host<wire::Ipv4Addr>().connections();
    }

    void expect_nothing_is_left() {
        worker.release_everything(now);
        static_cast<void>(sent());
        EXPECT_EQ(nic.packets_in_use(), 0U);
        EXPECT_EQ(worker.core().buffers.nodes().in_use(), 0U);
        EXPECT_EQ(worker.core().buffers.chunks().in_use(), 0U);
        EXPECT_EQ(worker.core().reassemblies.in_use(), 0U);
        EXPECT_EQ(worker.core().flights.flights().in_use(), 0U);
        EXPECT_EQ(worker.core().flights.records().in_use(), 0U);
        EXPECT_EQ(connections(), 0U);
    }

    Instant now{1s};
    support::MemoryNic nic{1024};
    ServiceWorker worker;
};

/// One client's connection. One at a time reads: what is sent to another meanwhile is lost on it.
class Client {
  public:
    explicit Client(ServiceHarness& harness, std::uint16_t port = 40000)
        : harness_{harness}, port_{port} {
        queue(flag::syn);
        harness_.poll();
        take_in();
        send(flag::ack);
    }

    /// One segment; the worker polls.
    void send(std::uint8_t flags, std::string_view payload = {}) {
        queue(flags, payload);
        harness_.poll();
    }

    /// One segment that waits in the port until the next poll, so that several make a burst.
    void queue(std::uint8_t flags, std::string_view payload = {}) {
        wire::TcpSegment segment;
        segment.source_port = port_;
        segment.destination_port = service_port;
        segment.seq = seq;
        segment.ack = ack;
        segment.flags = flags;
        segment.window = window;
        harness_.deliver(frame_of(segment, payload));
        seq += static_cast<std::uint32_t>(payload.size()) +
               ((flags & (flag::syn | flag::fin)) != 0 ? 1U : 0U);
    }

    /// Text in as many segments as it needs, one poll each.
    void write(std::string_view text, std::size_t segment_bytes = 1000) {
        for (; !text.empty(); text.remove_prefix(std::min(segment_bytes, text.size()))) {
            send(flag::ack | flag::psh, text.substr(0, segment_bytes));
        }
    }

    void finish() { send(flag::ack | flag::fin); }

    /// Takes in what was sent until nothing more comes, acknowledging it; the text of it.
    std::string read() {
        std::string text;
        while (take_in(&text)) {
            send(flag::ack);
        }
        return text;
    }

    /// Takes in what was sent so far, and acknowledges it; the text of it.
    std::string read_some() {
        std::string text;
        if (take_in(&text)) {
            send(flag::ack);
        }
        return text;
    }

    /// Writes, then reads.
    std::string ask(std::string_view text) {
        write(text);
        return read();
    }

    wire::SeqNum seq{1000};
    wire::SeqNum ack;
    std::uint16_t window = 65535;
    std::uint16_t peer_window = 0; ///< What the server last offered.
    bool finished = false;         ///< The server's FIN has come.
    bool reset = false;

  private:
    /// True when something came that is to be acknowledged.
    bool take_in(std::string* text = nullptr) {
        bool news = false;
        for (const Sent& one : harness_.sent()) {
            const wire::TcpSegment& segment = one.segment;
            if (segment.destination_port != port_) {
                continue;
            }
            reset = reset || segment.has(flag::rst);
            peer_window = segment.window;
            if (segment.has(flag::syn) || (segment.seq == ack && segment.sequence_length() > 0)) {
                const auto* const bytes = reinterpret_cast<const char*>(segment.payload.data());
                if (text != nullptr) {
                    text->append(bytes, segment.payload.size());
                }
                ack = segment.seq + segment.sequence_length();
                finished = finished || segment.has(flag::fin);
                news = true;
            }
        }
        return news;
    }

    ServiceHarness& harness_;
    std::uint16_t port_;
};

} // namespace millrace::service::testing
