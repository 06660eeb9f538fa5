#include "nic_environment.hpp"

#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace millrace::nic {
namespace {

constexpr std::uint16_t ethernet_bytes = 14;
constexpr std::uint16_t ip_bytes = 20;
constexpr std::uint16_t udp_bytes = 8;
constexpr std::uint16_t tcp_bytes = 20;

/// Two ports of one process, joined by a socket and shared memory as two processes would be.
class LinkUnit : public PortTest {
  protected:
    LinkUnit() { make_pools(1, roomy); }

    void TearDown() override {
        for (const Packet packet : kept_) {
            first().queue(0).release(packet);
        }
        PortTest::TearDown();
        std::filesystem::remove(socket_);
    }

    /// `first` makes the socket, `second` connects to it. A `%` stands for the socket.
    void join(PortConfig first, PortConfig second) {
        first_ = &open(with_socket(std::move(first)));
        second_ = &open(with_socket(std::move(second)));
        ASSERT_TRUE(soon([this] { return first_->link_up() && second_->link_up(); }));
    }
    void join_virtio(PortConfig vhost = {}, PortConfig virtio = {},
                     std::string_view arguments = {}) {
        vhost.device = fmt::format("net_vhost0,iface=%,queues=1{}", arguments);
        virtio.device = "net_virtio_user0,path=%,queues=1,queue_size=256";
        join(vhost, virtio);
    }

    Port& first() { return *first_; }
    Port& second() { return *second_; }

    /// Sends over a port and returns what comes out of the other; null when nothing does. It is
    /// released at the end of the test.
    Packet carry(Port& from, Port& to, Packet packet) {
        std::array<Packet, 1> one{packet};
        std::array<Packet, 1> back;
        bool sent = false;
        // Polled from the start: memif's client posts its buffers when it first receives.
        EXPECT_TRUE(soon([&] {
            const bool received = to.queue(0).receive(back) == 1;
            sent = sent || from.queue(0).transmit(one) == 1;
            return received;
        })) << (sent ? "sent and not received" : "not sent");
        if (!sent) {
            from.queue(0).release(packet);
        }
        if (back[0]) {
            kept_.push_back(back[0]);
        }
        return back[0];
    }

    /// The headers of a UDP datagram of `payload` bytes, its checksum left to the port.
    static Packet udp_headers(Port& port, std::size_t payload) {
        Packet packet = packet_with(port.queue(0), std::string(headers_of_udp, '\0'));
        rte_ipv4_hdr& ip = ip_of(packet, IPPROTO_UDP, udp_bytes + payload);
        auto& udp =
            *rte_pktmbuf_mtod_offset(packet.mbuf(), rte_udp_hdr*, ethernet_bytes + ip_bytes);
        udp.src_port = rte_cpu_to_be_16(1'000);
        udp.dst_port = rte_cpu_to_be_16(7);
        udp.dgram_len = ip_payload(ip);
        udp.dgram_cksum = rte_ipv4_phdr_cksum(&ip, 0);
        return packet;
    }

    static void ask_for_udp_checksum(Packet packet) {
        packet.request({.l2_length = ethernet_bytes,
                        .l3_length = ip_bytes,
                        .ipv4 = true,
                        .udp_checksum = true});
    }

    static std::uint16_t udp_checksum_of(Packet packet) {
        return rte_pktmbuf_mtod_offset(packet.mbuf(), rte_udp_hdr*, ethernet_bytes + ip_bytes)
            ->dgram_cksum;
    }

    /// True when the field holds the checksum of the datagram.
    static bool udp_is_right(Packet packet) {
        std::string frame = text_of(packet);
        char* const ip = frame.data() + ethernet_bytes;
        auto& udp = *reinterpret_cast<rte_udp_hdr*>(ip + ip_bytes);
        udp.dgram_cksum = 0;
        return udp_checksum_of(packet) ==
               rte_ipv4_udptcp_cksum(reinterpret_cast<const rte_ipv4_hdr*>(ip), &udp);
    }

    static rte_ipv4_hdr& ip_of(Packet packet, std::uint8_t protocol, std::size_t payload) {
        rte_pktmbuf_mtod(packet.mbuf(), rte_ether_hdr*)->ether_type = rte_cpu_to_be_16(0x0800);
        auto& ip = *rte_pktmbuf_mtod_offset(packet.mbuf(), rte_ipv4_hdr*, ethernet_bytes);
        ip.version_ihl = 0x45;
        ip.time_to_live = 64;
        ip.next_proto_id = protocol;
        ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(ip_bytes + payload));
        ip.src_addr = rte_cpu_to_be_32(0xc612'0001);
        ip.dst_addr = rte_cpu_to_be_32(0xc612'0002);
        ip.hdr_checksum = 0;
        ip.hdr_checksum = rte_ipv4_cksum(&ip);
        return ip;
    }

    static constexpr std::uint16_t headers_of_udp = ethernet_bytes + ip_bytes + udp_bytes;
    static constexpr std::uint16_t headers_of_tcp = ethernet_bytes + ip_bytes + tcp_bytes;

  private:
    static inline const PoolConfig roomy{.packets = 4'095, .attachments = 255, .cache = 32};

    static std::uint16_t ip_payload(const rte_ipv4_hdr& ip) {
        return rte_cpu_to_be_16(
            static_cast<std::uint16_t>(rte_be_to_cpu_16(ip.total_length) - ip_bytes));
    }

    PortConfig with_socket(PortConfig config) {
        config.device.replace(config.device.find('%'), 1, socket_);
        return config;
    }

    /// The other end is another thread of DPDK's, which takes its time to connect.
    template <class Condition>
    static bool soon(Condition condition) {
        for (int tries = 0; tries < 5'000; ++tries) {
            if (condition()) {
                return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        return false;
    }

    std::string socket_ = fmt::format("{}nic_link_{}.sock", testing::TempDir(), getpid());
    Port* first_ = nullptr;
    Port* second_ = nullptr;
    std::vector<Packet> kept_;
};

/// A payload in which every sum of 16-bit words carries.
std::string heavy(std::size_t length) {
    std::string text(length, '\0');
    std::uint8_t value = 0;
    std::ranges::generate(text,
                          [&value] { return static_cast<char>(0x80U | (value += 37) >> 1U); });
    return text;
}

class EalText {
  public:
    explicit EalText(const std::string& text)
        : length_{static_cast<std::uint32_t>(text.size())}, memory_{
                                                                static_cast<std::byte*>(rte_malloc(
                                                                    nullptr, text.size(), 64))} {
        std::memcpy(memory_, text.data(), text.size());
    }
    ~EalText() { rte_free(memory_); }
    EalText(const EalText&) = delete;
    EalText& operator=(const EalText&) = delete;

    [[nodiscard]] Slice slice() const {
        return {.data = memory_, .length = length_, .owner = OwnerKind::store};
    }

  private:
    std::uint32_t length_;
    std::byte* memory_;
};

TEST_F(LinkUnit, MemifCarriesPacketsBothWays) {
    join({.device = "net_memif0,role=server,socket=%,socket-abstract=no,id=0"},
         {.device = "net_memif1,role=client,socket=%,socket-abstract=no,id=0"});
    const std::string text = heavy(1'400);
    EXPECT_TRUE(text_of(carry(first(), second(), packet_with(first().queue(0), text))) == text);
    EXPECT_TRUE(text_of(carry(second(), first(), packet_with(second().queue(0), text))) == text);
}

TEST_F(LinkUnit, MemifCarriesAttachedMemory) {
    join({.device = "net_memif0,role=server,socket=%,socket-abstract=no,id=0"},
         {.device = "net_memif1,role=client,socket=%,socket-abstract=no,id=0"});
    const EalText document{heavy(1'001)};
    const Packet packet = packet_with(first().queue(0), "head");
    ASSERT_TRUE(first().queue(0).attach(packet, document.slice()));
    EXPECT_TRUE(text_of(carry(first(), second(), packet)) == "head" + heavy(1'001));
}

TEST_F(LinkUnit, VirtioCarriesPacketsAndAttachedMemoryBothWays) {
    join_virtio();
    const std::string text = heavy(1'500);
    const EalText document{heavy(1'001)};
    for (const auto& [from, to] :
         {std::pair{&first(), &second()}, std::pair{&second(), &first()}}) {
        EXPECT_TRUE(text_of(carry(*from, *to, packet_with(from->queue(0), text))) == text);
        const Packet packet = packet_with(from->queue(0), "head");
        ASSERT_TRUE(from->queue(0).attach(packet, document.slice()));
        EXPECT_TRUE(text_of(carry(*from, *to, packet)) == "head" + heavy(1'001));
    }
}

// A checksum left to the port stays undone between two that agreed so, and is vouched for.
TEST_F(LinkUnit, VirtioVouchesOnlyForAChecksumThatNobodyComputed) {
    join_virtio();
    for (const auto& [from, to] :
         {std::pair{&first(), &second()}, std::pair{&second(), &first()}}) {
        ASSERT_TRUE(from->queue(0).offloads().udp_checksum);
        Packet undone = udp_headers(*from, 3);
        std::memcpy(undone.append(3), "abc", 3);
        ask_for_udp_checksum(undone);
        const std::uint16_t pseudo = udp_checksum_of(undone);
        const Packet back = carry(*from, *to, undone);
        EXPECT_EQ(back.checksums().l4, ChecksumVerdict::good);
        EXPECT_EQ(udp_checksum_of(back), pseudo);

        Packet done = udp_headers(*from, 0);
        done.request({});
        EXPECT_EQ(carry(*from, *to, done).checksums().l4, ChecksumVerdict::unknown);
    }
}

TEST_F(LinkUnit, VhostFillsTheChecksumInForAPeerThatDoesNotTakeItUndone) {
    PortConfig virtio;
    virtio.wanted = {};
    join_virtio({}, virtio);
    Packet packet = udp_headers(first(), 5);
    std::memcpy(packet.append(5), "abcde", 5);
    ask_for_udp_checksum(packet);
    const Packet back = carry(first(), second(), packet);
    EXPECT_TRUE(udp_is_right(back));
    EXPECT_EQ(back.checksums().l4, ChecksumVerdict::unknown);
}

// DPDK sums a chain with an odd piece wrongly there; such a chain goes as a copy.
TEST_F(LinkUnit, VhostFillsTheChecksumOfAChainIn) {
    PortConfig virtio;
    virtio.wanted = {};
    join_virtio({}, virtio);
    const EalText document{heavy(999)};
    Queue& queue = first().queue(0);
    for (const auto& [piece, copies] : {std::pair{332U, 0U}, std::pair{333U, 1U}}) {
        const Packet packet = udp_headers(first(), 999);
        ASSERT_TRUE(queue.attach(packet, document.slice().first(piece)));
        ASSERT_TRUE(queue.attach(packet, document.slice().without_first(piece)));
        ask_for_udp_checksum(packet);
        EXPECT_TRUE(udp_is_right(carry(first(), second(), packet))) << piece;
        EXPECT_EQ(queue.trouble().copied.load(), copies);
    }
}

TEST_F(LinkUnit, VirtioHandsAPacketToBeCutOverWhole) {
    join_virtio({}, {}, ",tso=1");
    ASSERT_TRUE(second().queue(0).offloads().tcp_segmentation);
    constexpr std::uint16_t payload = 20'001;
    const EalText document{heavy(payload)};
    Packet packet = packet_with(second().queue(0), std::string(headers_of_tcp, '\0'));
    const rte_ipv4_hdr& ip = ip_of(packet, IPPROTO_TCP, tcp_bytes + payload);
    auto& tcp = *rte_pktmbuf_mtod_offset(packet.mbuf(), rte_tcp_hdr*, ethernet_bytes + ip_bytes);
    tcp.data_off = tcp_bytes / 4 << 4;
    tcp.cksum = rte_ipv4_phdr_cksum(&ip, RTE_MBUF_F_TX_TCP_SEG); // as if the length were zero
    const std::uint16_t with_length = rte_ipv4_phdr_cksum(&ip, 0);
    ASSERT_TRUE(second().queue(0).attach(packet, document.slice()));
    packet.request({.l2_length = ethernet_bytes,
                    .l3_length = ip_bytes,
                    .l4_length = tcp_bytes,
                    .segment_size = 1'448,
                    .ipv4 = true});
    const Packet back = carry(second(), first(), packet);
    ASSERT_TRUE(back);
    EXPECT_EQ(back.length(), headers_of_tcp + payload);
    EXPECT_TRUE(text_of(back).substr(headers_of_tcp) == heavy(payload));
    EXPECT_EQ(back.checksums().l4, ChecksumVerdict::good);
    EXPECT_EQ(rte_pktmbuf_mtod_offset(back.mbuf(), rte_tcp_hdr*, ethernet_bytes + ip_bytes)->cksum,
              with_length)
        << "what virtio wants there";
}

TEST_F(LinkUnit, VhostTakesNothingBeforeItsPeerIsThere) {
    Port& alone =
        open(fmt::format("net_vhost0,iface={}nic_alone_{}.sock", testing::TempDir(), getpid()));
    EXPECT_FALSE(alone.link_up());
    std::array<Packet, 1> one{packet_with(alone.queue(0), "x")};
    EXPECT_EQ(alone.queue(0).transmit(one), 0U);
    EXPECT_EQ(alone.queue(0).receive(one), 0U);
    alone.queue(0).release(one[0]);
}

TEST_F(LinkUnit, VirtioUsesAQueueForEachWorker) {
    make_pools(1, {.packets = 4'095, .attachments = 255, .cache = 32});
    join({.device = "net_vhost0,iface=%,queues=2"},
         {.device = "net_virtio_user0,path=%,queues=2,queue_size=256"});
    EXPECT_EQ(first().report().rx_queues, 2U);
    EXPECT_EQ(second().report().tx_queues, 2U);
    EXPECT_FALSE(second().report().rss);
    EXPECT_TRUE(second().report().steer_in_software());
    EXPECT_TRUE(second().report().rx_interrupts);
    EXPECT_FALSE(second().queue(1).offloads().tcp_segmentation) << "vhost takes it with tso=1 only";
}

} // namespace
} // namespace millrace::nic
