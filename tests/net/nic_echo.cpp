// Sends UDP datagrams over IPv4 back to where they came from, through lib/nic and nothing above it,
// so that a kernel at the other end can judge a driver's offloads and its ways of sending. The
// destination port says how the answer is made: see `Way`.
//
// usage: nic_echo DEVICE [none]     "none" wants no offload; prints "ready", and counts when it
// ends

#include "nic/port.hpp"
#include "runtime/eal.hpp"
#include "runtime/eal_memory.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip.hpp"
#include "wire/ipv4.hpp"
#include "wire/udp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <string_view>
#include <thread>

namespace {

using namespace millrace;

/// How an answer is made, by the port that the question was sent to.
enum class Way : std::uint16_t {
    in_place = 7'000,        ///< The received packet, its headers turned round.
    copied = 7'001,          ///< A new packet.
    packet_attached = 7'002, ///< New headers before slices of the received packet.
    store_attached = 7'003,  ///< New headers before slices of EAL memory.
};

struct Counts {
    unsigned received = 0;
    unsigned answered = 0;
    unsigned attached = 0; ///< Slices.
    unsigned vouched_for = 0;
    unsigned verified_here = 0;
    unsigned bad = 0;
    unsigned ignored = 0;
};

struct Question {
    wire::EthernetFrame frame;
    wire::Ipv4Packet ip;
    wire::UdpDatagram udp;
};

volatile std::sig_atomic_t ending = 0;

/// Payload that stays where it is until the ring has long been through.
class Store {
  public:
    Store()
        : memory_{static_cast<std::byte*>(runtime::eal_memory_resource().allocate(bytes, 64))} {}
    ~Store() { runtime::eal_memory_resource().deallocate(memory_, bytes, 64); }
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    const std::byte* keep(std::span<const std::byte> payload) {
        std::byte* const place = memory_ + next_++ % slots * slot_bytes;
        std::ranges::copy(payload, place);
        return place;
    }

  private:
    static constexpr std::size_t slots = 4'096;
    static constexpr std::size_t slot_bytes = 2'048;
    static constexpr std::size_t bytes = slots * slot_bytes;

    std::byte* memory_;
    std::size_t next_ = 0;
};

class Echo {
  public:
    explicit Echo(nic::Queue& queue) : queue_{queue} {}

    [[nodiscard]] const Counts& counts() const { return counts_; }

    /// True when there was something to do.
    bool poll() {
        std::array<nic::Packet, 32> burst;
        const std::size_t count = queue_.receive(burst);
        for (const nic::Packet packet : std::span{burst}.first(count)) {
            answer(packet);
        }
        return count > 0;
    }

  private:
    void answer(nic::Packet packet) {
        Question question;
        nic::Packet reply;
        ++counts_.received;
        if (!read(packet, question)) {
            ++counts_.ignored;
        } else if (!is_whole(packet, question)) {
            ++counts_.bad;
        } else if (reply = make_reply(packet, question); reply) {
            send(reply);
        }
        if (reply != packet) {
            queue_.release(packet);
        }
    }

    static bool read(nic::Packet packet, Question& q) {
        return wire::parse_ethernet(packet.bytes(), q.frame) == wire::Drop::none &&
               q.frame.ethertype == wire::ethertype::ipv4 &&
               wire::parse_ipv4(q.frame.payload, q.ip) == wire::Drop::none &&
               q.ip.protocol == wire::ip_protocol::udp &&
               wire::parse_udp(q.ip.payload, q.udp) == wire::Drop::none;
    }

    bool is_whole(nic::Packet packet, const Question& q) {
        const RxChecksums verdict = packet.checksums();
        if (verdict.l4 == ChecksumVerdict::good) {
            ++counts_.vouched_for;
            return true;
        }
        ++counts_.verified_here;
        return verdict.l4 != ChecksumVerdict::bad &&
               wire::is_intact(pseudo(q) + wire::sum(q.udp.covered));
    }

    /// The same for question and answer, whose addresses change places.
    static wire::ChecksumSum pseudo(const Question& q) {
        return wire::pseudo_header_sum(q.ip.source, q.ip.destination, wire::ip_protocol::udp,
                                       static_cast<std::uint16_t>(q.udp.covered.size()));
    }

    nic::Packet make_reply(nic::Packet packet, const Question& q) {
        if (Way{q.udp.destination_port} == Way::in_place) {
            write_headers(packet.bytes().data(), q);
            return finish(packet, q);
        }
        std::array<nic::Packet, 1> made;
        if (!queue_.allocate(made)) {
            return {};
        }
        write_headers(made[0].append(header_bytes), q);
        fill(made[0], packet, q);
        return finish(made[0], q);
    }

    void fill(nic::Packet reply, nic::Packet packet, const Question& q) {
        Slice rest{.data = q.udp.payload.data(),
                   .length = static_cast<std::uint32_t>(q.udp.payload.size())};
        if (Way{q.udp.destination_port} == Way::packet_attached) {
            rest.owner = OwnerKind::packet;
            rest.handle = packet.handle();
        } else if (Way{q.udp.destination_port} == Way::store_attached) {
            rest.owner = OwnerKind::store;
            rest.data = store_.keep(q.udp.payload);
        }
        // Odd lengths: sums over a chain go wrong there first.
        for (const std::uint32_t piece : {1U, 333U, rest.length}) {
            const Slice slice = rest.first(std::min(piece, rest.length));
            rest = rest.without_first(slice.length);
            if (slice.length == 0) {
                continue;
            }
            if (queue_.attach(reply, slice)) {
                ++counts_.attached;
            } else {
                std::memcpy(reply.append(slice.length), slice.data, slice.length);
            }
        }
    }

    static void write_headers(std::byte* out, const Question& q) {
        const std::size_t payload = q.udp.payload.size();
        const wire::Ipv4Packet ip{.source = q.ip.destination,
                                  .destination = q.ip.source,
                                  .protocol = wire::ip_protocol::udp,
                                  .ttl = 64};
        const wire::UdpDatagram udp{.source_port = q.udp.destination_port,
                                    .destination_port = q.udp.source_port};
        out += wire::write_ethernet(out, {.destination = q.frame.source,
                                          .source = q.frame.destination,
                                          .ethertype = wire::ethertype::ipv4});
        out += wire::write_ipv4(out, ip, wire::udp_header_bytes + payload);
        wire::write_udp(out, udp, payload);
    }

    /// Has the port, or the software, fill in what checksums there are.
    nic::Packet finish(nic::Packet packet, const Question& q) {
        const TxOffloads offloads = queue_.offloads();
        std::byte* const ip = packet.bytes().data() + wire::ethernet_header_bytes;
        auto& udp = wire::header_at<wire::UdpHeader>(ip + wire::ipv4_header_bytes_min);
        if (!offloads.ipv4_checksum) {
            wire::fill_ipv4_checksum(ip);
        }
        if (offloads.udp_checksum) {
            udp.checksum = wire::fold(pseudo(q));
        } else {
            udp.checksum = wire::finish_udp(pseudo(q) + sum_of_udp(packet));
        }
        packet.request({.l2_length = wire::ethernet_header_bytes,
                        .l3_length = wire::ipv4_header_bytes_min,
                        .ipv4 = true,
                        .ip_checksum = offloads.ipv4_checksum,
                        .udp_checksum = offloads.udp_checksum});
        return packet;
    }

    static wire::ChecksumSum sum_of_udp(nic::Packet packet) {
        constexpr std::size_t before = header_bytes - wire::udp_header_bytes;
        const auto& ip =
            wire::header_at<wire::Ipv4Header>(packet.bytes().data() + wire::ethernet_header_bytes);
        std::size_t left = ip.total_length - wire::ipv4_header_bytes_min;
        wire::PiecewiseSum sum;
        for (std::span bytes = packet.bytes().subspan(before);; bytes = packet.bytes()) {
            bytes = bytes.first(std::min(bytes.size(), left)); // not the frame's padding
            sum.add(bytes);
            left -= bytes.size();
            packet = packet.next();
            if (!packet) {
                return sum.sum();
            }
        }
    }

    void send(nic::Packet reply) {
        std::array<nic::Packet, 1> one{reply};
        if (queue_.transmit(one) == 1) {
            ++counts_.answered;
        } else {
            queue_.release(reply);
        }
    }

    static constexpr std::size_t header_bytes =
        wire::ethernet_header_bytes + wire::ipv4_header_bytes_min + wire::udp_header_bytes;

    nic::Queue& queue_;
    Store store_;
    Counts counts_;
};

int fail(const nic::Error& error) {
    fmt::print(stderr, "nic_echo: {}\n", error.message);
    return 2;
}

void print(const Counts& counts, const nic::TransmitTrouble& trouble) {
    fmt::print("received {}\nanswered {}\nattached {}\nvouched_for {}\nverified_here {}\nbad {}\n"
               "ignored {}\ncopied {}\nrefused {}\nrejected {}\n",
               counts.received, counts.answered, counts.attached, counts.vouched_for,
               counts.verified_here, counts.bad, counts.ignored, trouble.copied.load(),
               trouble.refused.load(), trouble.rejected.load());
}

int run(const nic::PortConfig& config) {
    auto eal = runtime::Eal::start({.memory_mb = 128});
    if (!eal) {
        return fail(eal.error());
    }
    auto pool = nic::PacketPool::create({.name = "echo", .packets = 16'383, .attachments = 1'023});
    if (!pool) {
        return fail(pool.error());
    }
    nic::PacketPool* const pool_of_worker = pool.value().get();
    auto port = nic::Port::open(config, {&pool_of_worker, 1});
    if (!port) {
        return fail(port.error());
    }
    if (const nic::Status started = port.value()->start(); !started) {
        return fail(started.error());
    }
    fmt::print("{}ready\n", port.value()->report().to_string());
    std::fflush(stdout);
    {
        Echo echo{port.value()->queue(0)};
        while (ending == 0) {
            if (!echo.poll()) {
                std::this_thread::sleep_for(std::chrono::microseconds{50});
            }
        }
        print(echo.counts(), port.value()->queue(0).trouble());
        const std::uint32_t kept = port.value()->packets_kept();
        port.value().reset();
        fmt::print("lost {}\nkept_at_most {}\n", pool_of_worker->in_use(), kept);
    }
    pool.value().reset();
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        fmt::print(stderr, "usage: nic_echo DEVICE [none]\n");
        return 2;
    }
    nic::PortConfig config{.device = argv[1]};
    if (argc > 2 && std::string_view{argv[2]} == "none") {
        config.wanted = {};
    }
    std::signal(SIGTERM, [](int) { ending = 1; });
    std::signal(SIGINT, [](int) { ending = 1; });
    return run(config);
}
