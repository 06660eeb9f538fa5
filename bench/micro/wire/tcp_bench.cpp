#include "wire/tcp.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>

namespace {

using namespace millrace::wire;

TcpSegment bare() {
    TcpSegment segment;
    segment.source_port = 40000;
    segment.destination_port = 80;
    segment.seq = SeqNum{0x12345678};
    segment.ack = SeqNum{0x9abcdef0};
    segment.flags = tcp_flag::ack;
    segment.window = 512;
    return segment;
}

TcpSegment with_timestamps() {
    TcpSegment segment = bare();
    segment.options.has_timestamps = true;
    segment.options.ts_val = 1000;
    segment.options.ts_ecr = 2000;
    return segment;
}

TcpSegment with_sack() {
    TcpSegment segment = with_timestamps();
    segment.options.sack_count = 3;
    return segment;
}

TcpSegment syn() {
    TcpSegment segment = with_timestamps();
    segment.flags = tcp_flag::syn;
    segment.options.has_mss = true;
    segment.options.mss = 1460;
    segment.options.has_window_scale = true;
    segment.options.window_scale = 7;
    segment.options.sack_permitted = true;
    return segment;
}

using Header = std::array<std::byte, tcp_header_bytes_max>;

void parse(benchmark::State& state, const TcpSegment& segment) {
    Header bytes{};
    const std::size_t length = write_tcp(bytes.data(), segment);
    TcpSegment out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(bytes.data());
        benchmark::ClobberMemory();
        benchmark::DoNotOptimize(parse_tcp(std::span{bytes}.first(length), out));
        benchmark::DoNotOptimize(&out);
        benchmark::ClobberMemory();
    }
}
BENCHMARK_CAPTURE(parse, no_options, bare());
BENCHMARK_CAPTURE(parse, timestamps, with_timestamps());
BENCHMARK_CAPTURE(parse, timestamps_and_sack, with_sack());
BENCHMARK_CAPTURE(parse, syn, syn());

void write(benchmark::State& state, TcpSegment segment) {
    Header bytes{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(&segment);
        benchmark::ClobberMemory();
        benchmark::DoNotOptimize(write_tcp(bytes.data(), segment));
        benchmark::DoNotOptimize(bytes.data());
        benchmark::ClobberMemory();
    }
}
BENCHMARK_CAPTURE(write, no_options, bare());
BENCHMARK_CAPTURE(write, timestamps, with_timestamps());
BENCHMARK_CAPTURE(write, timestamps_and_sack, with_sack());
BENCHMARK_CAPTURE(write, syn, syn());

} // namespace

BENCHMARK_MAIN();
