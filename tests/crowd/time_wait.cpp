// One client's many connections from a few ports, one after another, each closed by the server. Old
// segments of earlier incarnations come between. What must become of every SYN and every entry
// follows from a model that knows no more than the RFCs.

#include "link.hpp"
#include "stack/worker.hpp"
#include "support/memory_nic.hpp"
#include "tcp/clock.hpp"
#include "wire/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace millrace::crowd {
namespace {

using script::Family;
using stack::Counter;
using tcp::ReusePolicy;
namespace flag = wire::tcp_flag;

constexpr std::uint32_t connections_wanted = 200'000;
constexpr std::uint16_t ports = 500;
constexpr std::uint16_t first_port = 40'000;
constexpr std::uint16_t server_port = 8080;
constexpr std::uint32_t request_bytes = 16;
constexpr Duration two_msl = 60s;

/// Says what it was sent, and closes first.
struct Answerer {
    static std::uint32_t receive(stack::Socket& socket, const Slice& text) {
        if (text.length < request_bytes) {
            return 0;
        }
        const std::uint32_t sent = socket.send(text.first(request_bytes));
        socket.close();
        return sent;
    }
    static void on(stack::Socket& /*socket*/, stack::SocketEvent /*event*/) {}
};

using Worker = stack::Worker<support::MemoryNic, Answerer>;

/// The last incarnation of a connection, as the client remembers it and the server may not mix it
/// up.
struct Incarnation {
    std::uint32_t iss = 0; ///< The client's.
    std::uint32_t syn_ts = 0;
    std::uint32_t last_ts = 0; ///< What TS.Recent must be at the server.
    std::uint32_t server_iss = 0;
    std::uint32_t server_nxt = 0;
    std::array<std::byte, request_bytes> request{};
    Instant expires{}; ///< Of its entry.

    [[nodiscard]] std::uint32_t nxt() const { return iss + 1 + request_bytes + 1; }
};

class TimeWaitCrowd : public testing::TestWithParam<std::tuple<ReusePolicy, Family>> {
  protected:
    TimeWaitCrowd()
        : policy_{std::get<0>(GetParam())}, family_{std::get<1>(GetParam())}, nic_{1024},
          worker_{nic_, settings(), nullptr, now_} {
        stack::ListenerOptions options;
        options.port = server_port;
        options.time_wait_policy = policy_;
        worker_.listen(options, Answerer{});
        EXPECT_TRUE(nic_.deliver(script::greeting(family_)));
        poll();
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
        settings.connections_max = settings.half_open_max = 64;
        settings.time_wait_max = 1024;
        settings.time_wait_durations = {two_msl};
        return settings;
    }

    // Of every four ports one is a client's without timestamps, with numbers as RFC 6528 has them;
    // the others' numbers are anything at all.
    static bool has_timestamps(std::uint16_t port) { return port % 4 != 0; }

    void poll() {
        worker_.poll_once(now_);
        support::Frame frame;
        while (nic_.take_sent(frame)) {
            if (auto packet = script::packet_of(family_, frame)) {
                sent_.push_back(std::move(*packet));
            }
        }
    }

    /// Up to `to`, with everything that falls due before.
    void advance(Instant to) {
        while (now_ < to) {
            now_ = std::max(std::min(worker_.next_deadline(), to), now_ + 1us);
            poll();
        }
    }

    [[nodiscard]] std::uint32_t clock() const { return 0x7FFF'0000U + tcp::timestamp_clock(now_); }

    /// The client's segment; `ts` only when the port has timestamps.
    void send(std::uint16_t port, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
              std::uint32_t ts, std::span<const std::byte> text = {}) {
        script::Packet packet{{server_port, port}, {}, {text.begin(), text.end()}};
        packet.segment.flags = flags;
        packet.segment.seq = seq;
        packet.segment.ack = ack;
        packet.segment.window = 20'000;
        packet.segment.length = static_cast<std::uint32_t>(text.size());
        if (has_timestamps(port)) {
            packet.segment.options.push_back({wire::tcp_option::timestamps, {ts, 0U}});
        }
        ASSERT_TRUE(nic_.deliver(script::frame_of(family_, packet)));
        sent_.clear();
        poll();
    }

    /// What the server sent last with this flag, if it did.
    [[nodiscard]] std::optional<script::Packet> sent_with(std::uint8_t flags) const {
        const auto found = std::ranges::find_if(sent_, [flags](const script::Packet& packet) {
            return (packet.segment.flags & flags) == flags;
        });
        return found == sent_.end() ? std::nullopt : std::optional{*found};
    }

    [[nodiscard]] Incarnation next_incarnation(std::uint16_t port) {
        Incarnation next;
        const auto steps = static_cast<std::uint32_t>(now_.time_since_epoch().count() / 4'000);
        next.iss = has_timestamps(port) ? static_cast<std::uint32_t>(random_())
                                        : port * 0x1234'5677U + steps;
        next.syn_ts = next.last_ts = clock();
        for (std::byte& byte : next.request) {
            byte = static_cast<std::byte>(random_());
        }
        return next;
    }

    /// Whether the policy lets this SYN open the connection anew, in the words of §3.6.1 and RFC
    /// 6191.
    [[nodiscard]] bool may_reopen(std::uint16_t port, const Incarnation& old,
                                  const Incarnation& next) const {
        const bool beyond = static_cast<std::int32_t>(next.iss - (old.nxt() - 1)) > 0;
        const bool later = static_cast<std::int32_t>(next.syn_ts - old.last_ts) > 0;
        switch (policy_) {
        case ReusePolicy::off:
            return false;
        case ReusePolicy::strict:
            return beyond;
        case ReusePolicy::timestamps:
            return has_timestamps(port) ? later : beyond;
        }
        return false;
    }

    void old_duplicates_in_time_wait(std::uint16_t port, const Incarnation& old,
                                     std::uint64_t turn) {
        if (turn % 8 == 0) {
            send(port, flag::rst, old.nxt(), 0, old.last_ts);
        } else if (turn % 8 == 1) {
            send(port, flag::ack | flag::psh, old.iss + 1, old.server_iss + 1, old.last_ts,
                 old.request);
        } else if (turn % 8 == 2) {
            send(port, flag::syn, old.iss, 0, old.syn_ts);
            EXPECT_FALSE(sent_with(flag::syn)) << "an old SYN opens nothing";
            ++refused_;
        }
    }

    /// Before the client's ACK, and behind it.
    void old_duplicates_in_the_new_one(std::uint16_t port, const Incarnation& old,
                                       std::uint64_t turn, std::uint64_t kind) {
        if (turn % 8 == kind) {
            send(port, flag::ack | flag::psh, old.iss + 1, old.server_iss + 1, old.last_ts,
                 old.request);
        } else if (turn % 8 == kind + 1) {
            send(port, flag::rst | flag::ack, old.nxt(), old.server_nxt, old.last_ts);
        }
    }

    /// One attempt; false when it was refused.
    bool connect(std::uint16_t port, std::uint64_t turn) {
        std::optional<Incarnation>& old = last_[port - first_port];
        if (old && old->expires <= now_) {
            old.reset();
        }
        if (old) {
            old_duplicates_in_time_wait(port, *old, turn);
        }
        Incarnation next = next_incarnation(port);
        const bool expected = !old || may_reopen(port, *old, next);
        send(port, flag::syn, next.iss, 0, next.syn_ts);
        const auto syn_ack = sent_with(flag::syn | flag::ack);
        EXPECT_EQ(syn_ack.has_value(), expected) << "port " << port << ", attempt " << turn;
        if (!syn_ack) {
            ++refused_;
            return false;
        }
        next.server_iss = *syn_ack->segment.seq;
        if (old) {
            ++(has_timestamps(port) && policy_ == ReusePolicy::timestamps ? by_timestamp_
                                                                          : by_sequence_);
            const auto step = static_cast<std::int32_t>(next.server_iss - old->server_nxt);
            EXPECT_GE(step, 65'537) << "C2.iss";
            old_duplicates_in_the_new_one(port, *old, turn, 3);
        }
        exchange(port, next, old, turn);
        old = next;
        return true;
    }

    void exchange(std::uint16_t port, Incarnation& next, const std::optional<Incarnation>& old,
                  std::uint64_t turn) {
        send(port, flag::ack, next.iss + 1, next.server_iss + 1, clock());
        if (old) {
            old_duplicates_in_the_new_one(port, *old, turn, 5);
        }
        send(port, flag::ack | flag::psh, next.iss + 1, next.server_iss + 1, clock(), next.request);
        const auto answer = sent_with(flag::fin);
        ASSERT_TRUE(answer.has_value()) << "port " << port << ", attempt " << turn;
        EXPECT_TRUE(std::ranges::equal(answer->payload, next.request)) << "corrupted";
        next.server_nxt = next.server_iss + 1 + request_bytes + 1;
        next.last_ts = clock();
        send(port, flag::fin | flag::ack, next.nxt() - 1, next.server_nxt, next.last_ts);
        const auto last = sent_with(flag::ack);
        ASSERT_TRUE(last.has_value());
        EXPECT_EQ(last->segment.ack, next.nxt());
        next.expires = now_ + two_msl;
    }

    [[nodiscard]] std::uint32_t entries_expected() const {
        return static_cast<std::uint32_t>(std::ranges::count_if(
            last_, [this](const auto& last) { return last && last->expires > now_; }));
    }

    void expect_entries(std::uint32_t count) {
        worker_.publish_gauges();
        const std::size_t entry_bytes = family_ == Family::ipv4
                                            ? sizeof(stack::TimeWaitEntry<wire::Ipv4Addr>)
                                            : sizeof(stack::TimeWaitEntry<wire::Ipv6Addr>);
        EXPECT_EQ(worker_.gauges()[stack::Gauge::time_wait], count);
        EXPECT_EQ(worker_.gauges()[stack::Gauge::time_wait_bytes], count * entry_bytes);
        EXPECT_EQ(worker_.gauges()[stack::Gauge::time_wait_ports], count > 0 ? 1U : 0U);
        EXPECT_EQ(worker_.gauges()[stack::Gauge::time_wait_opened_ports], 0U);
    }

    ReusePolicy policy_;
    Family family_;
    Instant now_{1000s};
    support::MemoryNic nic_;
    Worker worker_;
    std::vector<script::Packet> sent_; ///< For the last segment.
    std::mt19937_64 random_{1};
    std::array<std::optional<Incarnation>, ports> last_;
    std::uint64_t refused_ = 0;
    std::uint64_t by_sequence_ = 0;
    std::uint64_t by_timestamp_ = 0;
};

// C2.strict, C2.timestamps, C2.off, C2.iss, C3.reset, C4.size, C5: two hundred thousand of them.
TEST_P(TimeWaitCrowd, every_syn_and_every_entry_as_the_policy_says) {
    // Under `off` every second attempt comes when the wait is over; else each comes soon.
    const Duration pause = policy_ == ReusePolicy::off ? 60'500ms / (2 * ports) : 300us;
    std::uint32_t closed = 0;
    std::uint64_t turn = 0;
    while (closed < connections_wanted && !HasFailure()) {
        advance(now_ + pause);
        closed += connect(static_cast<std::uint16_t>(first_port + turn % ports), turn) ? 1U : 0U;
        ++turn;
    }
    const auto& core = worker_.core();
    const auto counted = [&](tcp::Counter counter) { return core.tcp_counters[counter]; };
    EXPECT_EQ(counted(tcp::Counter::time_waits), closed);
    EXPECT_EQ(counted(tcp::Counter::time_wait_reused_by_sequence), by_sequence_);
    EXPECT_EQ(counted(tcp::Counter::time_wait_reused_by_timestamp), by_timestamp_);
    EXPECT_EQ(counted(tcp::Counter::time_wait_returned), 0U);
    EXPECT_EQ(core.drops[wire::Drop::tcp_time_wait_syn_refused], refused_);
    EXPECT_EQ(core.counters[Counter::time_wait_evicted], 0U);
    EXPECT_EQ(core.counters[Counter::time_wait_refused], 0U);
    expect_entries(entries_expected());
    if (policy_ == ReusePolicy::timestamps) {
        EXPECT_GT(by_timestamp_, closed / 2);
        EXPECT_GT(by_sequence_, closed / 5);
    } else if (policy_ == ReusePolicy::strict) {
        EXPECT_GT(by_sequence_, closed / 2);
        EXPECT_GT(refused_, closed / 4);
    } else {
        EXPECT_GT(refused_, closed / 2);
    }
}

TEST_P(TimeWaitCrowd, C1_fin_a_fin_that_comes_again_is_answered_and_restarts_its_wait) {
    for (std::uint16_t i = 0; i < ports; ++i) {
        advance(now_ + 300us);
        ASSERT_TRUE(connect(static_cast<std::uint16_t>(first_port + i), i));
    }
    expect_entries(ports);
    const Instant all_closed = now_;
    advance(all_closed + 30s);
    for (std::uint16_t i = 0; i < ports; i += 10) {
        Incarnation& of = *last_[i];
        const auto port = static_cast<std::uint16_t>(first_port + i);
        send(port, flag::fin | flag::ack, of.nxt() - 1, of.server_nxt, clock());
        const auto answer = sent_with(flag::ack);
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(answer->segment.ack, of.nxt());
        EXPECT_EQ(answer->segment.seq, of.server_nxt);
        of.expires = now_ + two_msl;
    }
    advance(all_closed + two_msl);
    expect_entries(ports / 10);
    advance(all_closed + 90s - 1ms);
    expect_entries(ports / 10);
    advance(all_closed + 90s);
    expect_entries(0);
}

std::string name_of(const testing::TestParamInfo<TimeWaitCrowd::ParamType>& info) {
    constexpr std::array policies{"strict", "timestamps", "off"};
    return std::string{policies.at(static_cast<std::size_t>(std::get<0>(info.param)))} +
           (std::get<1>(info.param) == Family::ipv4 ? "_ipv4" : "_ipv6");
}

INSTANTIATE_TEST_SUITE_P(Policies, TimeWaitCrowd,
                         testing::Combine(testing::Values(ReusePolicy::strict,
                                                          ReusePolicy::timestamps,
                                                          ReusePolicy::off),
                                          testing::Values(Family::ipv4, Family::ipv6)),
                         name_of);

} // namespace
} // namespace millrace::crowd
