#include "wire/tcp.hpp"

#include "samples.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using namespace millrace::wire;
using namespace millrace::wire::bench;

std::uint32_t number(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + size; ++i) {
        value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
    }
    return value;
}

void read_option(std::span<const std::byte> option, TcpOptions& out) {
    switch (number(option, 0, 1)) {
    case 2:
        out.has_mss = true;
        out.mss = static_cast<std::uint16_t>(number(option, 2, 2));
        return;
    case 3:
        out.has_window_scale = true;
        out.window_scale = static_cast<std::uint8_t>(number(option, 2, 1));
        return;
    case 4:
        out.sack_permitted = true;
        return;
    case 5:
        for (std::size_t at = 2; at + 8 <= option.size() && out.sack_count < out.sack.size();
             at += 8) {
            out.sack[out.sack_count++] = {SeqNum{number(option, at, 4)},
                                          SeqNum{number(option, at + 4, 4)}};
        }
        return;
    case 8:
        out.has_timestamps = true;
        out.ts_val = number(option, 2, 4);
        out.ts_ecr = number(option, 6, 4);
        return;
    default:
        return;
    }
}

/// The reference: as RFC 9293 §3.1 draws the header, byte after byte, without a look ahead and
/// without the checks of lengths that parse_tcp() makes of each option.
bool parse_byte_by_byte(std::span<const std::byte> bytes, TcpSegment& out) {
    const std::size_t header_bytes = number(bytes, 12, 1) / 16 * 4;
    if (header_bytes < tcp_header_bytes_min || header_bytes > bytes.size()) {
        return false;
    }
    out.source_port = static_cast<std::uint16_t>(number(bytes, 0, 2));
    out.destination_port = static_cast<std::uint16_t>(number(bytes, 2, 2));
    out.seq = SeqNum{number(bytes, 4, 4)};
    out.ack = SeqNum{number(bytes, 8, 4)};
    out.flags = static_cast<std::uint8_t>(number(bytes, 13, 1));
    out.window = static_cast<std::uint16_t>(number(bytes, 14, 2));
    out.payload = bytes.subspan(header_bytes);
    out.options = {};
    for (std::size_t at = tcp_header_bytes_min; at < header_bytes;) {
        const std::uint32_t kind = number(bytes, at, 1);
        if (kind == 0) {
            break;
        }
        const std::size_t length = kind == 1 ? 1 : number(bytes, at + 1, 1);
        if (length == 0 || at + length > header_bytes) {
            return false;
        }
        read_option(bytes.subspan(at, length), out.options);
        at += length;
    }
    return true;
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

void parse_reference(benchmark::State& state, const TcpSegment& segment) {
    Header bytes{};
    const std::size_t length = write_tcp(bytes.data(), segment);
    TcpSegment out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(bytes.data());
        benchmark::ClobberMemory();
        benchmark::DoNotOptimize(parse_byte_by_byte(std::span{bytes}.first(length), out));
        benchmark::DoNotOptimize(&out);
        benchmark::ClobberMemory();
    }
}
BENCHMARK_CAPTURE(parse_reference, no_options, bare());
BENCHMARK_CAPTURE(parse_reference, timestamps, with_timestamps());
BENCHMARK_CAPTURE(parse_reference, timestamps_and_sack, with_sack());
BENCHMARK_CAPTURE(parse_reference, syn, syn());

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
