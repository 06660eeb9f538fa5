#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

#include <benchmark/benchmark.h>

#ifdef MILLRACE_BENCH_DPDK
#include <rte_mbuf.h>
#include <rte_net.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

// All headers of one segment: Ethernet, IP, TCP with timestamps. DPDK's says what the packet is and
// how long its headers are; it reads no field and no option, and checks less.

namespace {

using namespace millrace::wire;

struct Frame {
    std::array<std::byte, 128> bytes{};
    std::size_t length = 0;
};

std::size_t write_segment(std::byte* out) {
    TcpSegment segment;
    segment.source_port = 40000;
    segment.destination_port = 80;
    segment.flags = tcp_flag::ack;
    segment.options.has_timestamps = true;
    return write_tcp(out, segment);
}

Frame ipv4_frame() {
    Frame frame;
    EthernetFrame link;
    link.ethertype = ethertype::ipv4;
    Ipv4Packet ip;
    ip.source = {198, 18, 0, 1};
    ip.destination = {198, 18, 0, 2};
    ip.protocol = ip_protocol::tcp;
    ip.ttl = 64;
    std::byte* const l3 = frame.bytes.data() + write_ethernet(frame.bytes.data(), link);
    std::byte* const l4 = l3 + ipv4_header_bytes_min;
    const std::size_t tcp_bytes = write_segment(l4);
    write_ipv4(l3, ip, tcp_bytes);
    frame.length = static_cast<std::size_t>(l4 - frame.bytes.data()) + tcp_bytes;
    return frame;
}

Frame ipv6_frame() {
    Frame frame;
    EthernetFrame link;
    link.ethertype = ethertype::ipv6;
    Ipv6Packet ip;
    ip.source = {{0x20, 0x01, 0x0d, 0xb8, 1}};
    ip.destination = {{0x20, 0x01, 0x0d, 0xb8, 2}};
    ip.protocol = ip_protocol::tcp;
    ip.hop_limit = 64;
    std::byte* const l3 = frame.bytes.data() + write_ethernet(frame.bytes.data(), link);
    std::byte* const l4 = l3 + ipv6_header_bytes;
    const std::size_t tcp_bytes = write_segment(l4);
    write_ipv6(l3, ip, tcp_bytes);
    frame.length = static_cast<std::size_t>(l4 - frame.bytes.data()) + tcp_bytes;
    return frame;
}

template <class Ip, class ParseIp>
Drop parse_frame(std::span<const std::byte> bytes, ParseIp parse_ip, TcpSegment& out) {
    EthernetFrame link;
    Ip ip;
    Drop drop = parse_ethernet(bytes, link);
    if (drop == Drop::none) {
        drop = parse_ip(link.payload, ip);
    }
    return drop == Drop::none ? parse_tcp(ip.payload, out) : drop;
}

template <class Ip, class ParseIp>
void run(benchmark::State& state, Frame frame, ParseIp parse_ip) {
    TcpSegment out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(frame.bytes.data());
        benchmark::ClobberMemory();
        Drop drop = parse_frame<Ip>(std::span{frame.bytes}.first(frame.length), parse_ip, out);
        benchmark::DoNotOptimize(drop);
        benchmark::DoNotOptimize(&out);
        if (drop != Drop::none) {
            state.SkipWithError("the frame was refused");
            break;
        }
    }
}

void headers_millrace_ipv4(benchmark::State& state) {
    run<Ipv4Packet>(state, ipv4_frame(), [](std::span<const std::byte> bytes, Ipv4Packet& ip) {
        return parse_ipv4(bytes, ip);
    });
}
BENCHMARK(headers_millrace_ipv4);

void headers_millrace_ipv6(benchmark::State& state) {
    run<Ipv6Packet>(state, ipv6_frame(), [](std::span<const std::byte> bytes, Ipv6Packet& ip) {
        return parse_ipv6(bytes, ip);
    });
}
BENCHMARK(headers_millrace_ipv6);

#ifdef MILLRACE_BENCH_DPDK
void run_rte(benchmark::State& state, Frame frame, std::uint32_t expected) {
    rte_mbuf packet{};
    packet.buf_addr = frame.bytes.data();
    packet.buf_len = static_cast<std::uint16_t>(frame.bytes.size());
    packet.data_len = static_cast<std::uint16_t>(frame.length);
    packet.pkt_len = packet.data_len;
    packet.nb_segs = 1;
    rte_net_hdr_lens lengths{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(frame.bytes.data());
        benchmark::ClobberMemory();
        std::uint32_t type = rte_net_get_ptype(&packet, &lengths, RTE_PTYPE_ALL_MASK);
        benchmark::DoNotOptimize(type);
        benchmark::DoNotOptimize(&lengths);
        if ((type & RTE_PTYPE_L3_MASK) != expected) {
            state.SkipWithError("the frame was not recognised");
            break;
        }
    }
}

void headers_rte_net_get_ptype_ipv4(benchmark::State& state) {
    run_rte(state, ipv4_frame(), RTE_PTYPE_L3_IPV4);
}
BENCHMARK(headers_rte_net_get_ptype_ipv4);

void headers_rte_net_get_ptype_ipv6(benchmark::State& state) {
    run_rte(state, ipv6_frame(), RTE_PTYPE_L3_IPV6);
}
BENCHMARK(headers_rte_net_get_ptype_ipv6);
#endif

} // namespace

BENCHMARK_MAIN();
