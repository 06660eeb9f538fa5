#include "../instructions.hpp"
#include "conversation.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

// The engine alone, on one connection: no table, no headers and no packets. That the peer's segment
// is made up is counted too. bench/instructions runs it.

using namespace millrace::bench;
using namespace millrace::tcp::bench;

int main() {
    static constexpr std::array<std::byte, 1448> segment{};
    Conversation conversation;
    const auto send = [&](std::uint32_t) {
        conversation.say(text);
        conversation.flush(1);
    };
    const auto acknowledge = [&](std::uint32_t) {
        conversation.ack_arrives();
        conversation.flush(0);
    };
    for (std::uint32_t i = 0; i < rounds; ++i) { // As it stands, not as it begins.
        send(i);
        acknowledge(i);
    }
    begin_instrumentation();
    count("nothing", [](std::uint32_t i) { keep(i); });
    count("echo of 64 bytes", [&](std::uint32_t) {
        conversation.text_arrives(text);
        conversation.say(text);
        conversation.flush(1);
    });
    acknowledge(0);
    count("64 bytes sent and acknowledged", [&](std::uint32_t i) {
        send(i);
        acknowledge(i);
    });
    count("two segments received and acknowledged", [&](std::uint32_t) {
        conversation.text_arrives(segment);
        conversation.flush(0);
        conversation.text_arrives(segment);
        conversation.flush(1);
    });
}
