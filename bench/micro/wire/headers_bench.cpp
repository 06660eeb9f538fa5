#include "samples.hpp"

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
using namespace millrace::wire::bench;

template <class IpPacket>
void parse(benchmark::State& state, IpPacket ip) {
    Frame frame = frame_of(ip);
    TcpSegment out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(frame.bytes.data());
        benchmark::ClobberMemory();
        Drop drop = parse_frame(std::span{frame.bytes}.first(frame.length), ip, out);
        benchmark::DoNotOptimize(drop);
        benchmark::DoNotOptimize(&out);
        if (drop != Drop::none) {
            state.SkipWithError("the frame was refused");
            break;
        }
    }
}

void headers_millrace_ipv4(benchmark::State& state) {
    parse(state, ipv4_packet());
}
BENCHMARK(headers_millrace_ipv4);

void headers_millrace_ipv6(benchmark::State& state) {
    parse(state, ipv6_packet());
}
BENCHMARK(headers_millrace_ipv6);

/// With both checksums.
template <class IpPacket>
void build(benchmark::State& state, IpPacket ip) {
    EthernetFrame link = link_of(ip);
    TcpSegment segment = with_timestamps();
    std::array<std::byte, 128> out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(&link);
        benchmark::DoNotOptimize(&ip);
        benchmark::DoNotOptimize(&segment);
        benchmark::ClobberMemory();
        benchmark::DoNotOptimize(write_frame(out.data(), link, ip, segment));
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
}

void build_headers_ipv4(benchmark::State& state) {
    build(state, ipv4_packet());
}
BENCHMARK(build_headers_ipv4);

void build_headers_ipv6(benchmark::State& state) {
    build(state, ipv6_packet());
}
BENCHMARK(build_headers_ipv6);

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
    run_rte(state, frame_of(ipv4_packet()), RTE_PTYPE_L3_IPV4);
}
BENCHMARK(headers_rte_net_get_ptype_ipv4);

void headers_rte_net_get_ptype_ipv6(benchmark::State& state) {
    run_rte(state, frame_of(ipv6_packet()), RTE_PTYPE_L3_IPV6);
}
BENCHMARK(headers_rte_net_get_ptype_ipv6);
#endif

} // namespace

BENCHMARK_MAIN();
