#include "conversation.hpp"

#include <benchmark/benchmark.h>

// The engine alone, on one connection that stays in the caches: what comes in, the user's part and
// what goes out, without table, headers and packets.

namespace millrace::tcp::bench {
namespace {

void engine_echo_of_64_bytes(benchmark::State& state) {
    Conversation conversation;
    for (auto _ : state) {
        conversation.text_arrives(text);
        conversation.say(text);
        conversation.flush(1);
    }
}
BENCHMARK(engine_echo_of_64_bytes);

/// 64 bytes are sent for it to acknowledge, which is half of the time.
void engine_send_and_ack(benchmark::State& state) {
    Conversation conversation;
    for (auto _ : state) {
        conversation.say(text);
        conversation.flush(1);
        conversation.ack_arrives();
        conversation.flush(0);
    }
}
BENCHMARK(engine_send_and_ack);

/// Two segments, the second of which is acknowledged.
void engine_receive_two(benchmark::State& state) {
    static constexpr std::array<std::byte, 1448> segment{};
    Conversation conversation;
    for (auto _ : state) {
        conversation.text_arrives(segment);
        conversation.flush(0);
        conversation.text_arrives(segment);
        conversation.flush(1);
    }
}
BENCHMARK(engine_receive_two);

} // namespace
} // namespace millrace::tcp::bench

BENCHMARK_MAIN();
