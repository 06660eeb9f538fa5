// Connections of both families that wait for one service.

#include "link.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"
#include "wire/tcp.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace millrace::crowd {
namespace {

using script::Family;
namespace flag = wire::tcp_flag;

constexpr std::uint16_t server_port = 8080;

/// Serves one at a time, and notes whom: a letter each.
struct OneAtATime {
    std::string* served;
    bool busy = false;

    [[nodiscard]] bool admits() const { return !busy; }
    static std::uint32_t receive(stack::Socket& /*socket*/, const Slice& text) {
        return text.length;
    }
    void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::opened) {
            busy = true;
            *served += static_cast<char>(socket.origin().remote_port);
        } else if (event == stack::SocketEvent::closed) {
            busy = false;
        }
    }
};

class AcceptQueueOfBothFamilies : public testing::Test {
  protected:
    AcceptQueueOfBothFamilies() : nic_{256}, worker_{nic_, settings(), nullptr, now_} {
        worker_.listen({.port = server_port}, OneAtATime{&served_});
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            EXPECT_TRUE(nic_.deliver(script::greeting(family)));
            worker_.poll_once(now_);
        }
    }

    static stack::WorkerSettings settings() {
        stack::WorkerSettings settings;
        settings.interface.mac = script::our_mac;
        settings.interface.ipv4 = {{script::our_address<wire::Ipv4Addr>(), 24}};
        settings.interface.ipv6 = {{script::our_address<wire::Ipv6Addr>(), 64}};
        settings.interface.add_link_local();
        settings.control.ipv4_announcements = 0;
        settings.control.ipv6_probes = 0;
        settings.buffers.packet_bytes = sizeof(support::PacketBuffer);
        return settings;
    }

    /// What the worker answers: its sequence number.
    std::uint32_t send(Family family, char who, std::uint8_t flags, std::uint32_t seq,
                       std::uint32_t ack) {
        script::Packet packet{{server_port, static_cast<std::uint16_t>(who)}, {}, {}};
        packet.segment.flags = flags;
        packet.segment.seq = seq;
        packet.segment.ack = ack;
        packet.segment.window = 20'000;
        EXPECT_TRUE(nic_.deliver(script::frame_of(family, packet)));
        worker_.poll_once(now_);
        std::uint32_t answer = 0;
        support::Frame frame;
        while (nic_.take_sent(frame)) {
            if (const auto sent = script::packet_of(family, frame)) {
                answer = *sent->segment.seq;
            }
        }
        return answer;
    }

    void open(Family family, char who) {
        const std::uint32_t iss = send(family, who, flag::syn, 0, 0);
        send(family, who, flag::ack, 1, iss + 1);
    }

    Instant now_{1000s};
    std::string served_;
    support::MemoryNic nic_;
    stack::Worker<support::MemoryNic, OneAtATime> worker_;
};

// B8.accept_queue: within a family the first to come is the first to be served; the two take turns.
TEST_F(AcceptQueueOfBothFamilies, NeitherStarvesTheOther) {
    for (const char who : {'a', 'b', 'c', 'd'}) {
        open(Family::ipv4, who);
    }
    for (const char who : {'A', 'B', 'C'}) {
        open(Family::ipv6, who);
    }
    EXPECT_EQ(served_, "a");
    EXPECT_EQ(worker_.core().listeners.waiting, 6U);
    while (worker_.core().listeners.waiting > 0 && !HasFailure()) {
        const char who = served_.back();
        const std::size_t before = served_.size();
        send(who < 'a' ? Family::ipv6 : Family::ipv4, who, flag::rst, 1, 0);
        worker_.poll_once(now_); // Polls in which nobody is served are nobody's turn.
        EXPECT_EQ(served_.size(), before + 1);
    }
    EXPECT_EQ(served_, "abAcBdC");
    worker_.release_everything(now_);
}

} // namespace
} // namespace millrace::crowd
