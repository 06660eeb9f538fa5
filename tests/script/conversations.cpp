#include "conversations.hpp"

#include "wire/tcp.hpp"

#include <algorithm>

namespace millrace::script {

namespace {

namespace flag = wire::tcp_flag;
namespace kind = wire::tcp_option;

/// Adds to every number of the options of that kind.
void shift(std::vector<Option>& options, std::uint8_t option_kind, std::uint32_t by) {
    for (Option& option : options) {
        if (option.kind == option_kind) {
            std::ranges::for_each(option.values, [by](auto& value) { *value += by; });
        }
    }
}

Option* timestamps_of(std::vector<Option>& options) {
    const auto found = std::ranges::find(options, kind::timestamps, &Option::kind);
    return found == options.end() ? nullptr : &*found;
}

} // namespace

Conversations::Bases& Conversations::of(unsigned number) {
    while (bases_.size() < number) {
        const auto remote = static_cast<std::uint16_t>(first_remote_port + bases_.size() + 1);
        bases_.push_back({.ports = {listening_port, remote}});
    }
    return bases_[number - 1];
}

Ports Conversations::ports(unsigned number) {
    return of(number).ports;
}

Ports Conversations::open(std::optional<std::uint16_t> local_port) {
    std::uint16_t number = 1;
    while (of(number).used) {
        ++number;
    }
    Bases& bases = of(number);
    bases.used = true;
    bases.ports = {local_port.value_or(static_cast<std::uint16_t>(first_ephemeral_port + number)),
                   listening_port};
    return bases.ports;
}

unsigned Conversations::number_of(const Ports& ports) const {
    const auto found = std::ranges::find(bases_, ports, &Bases::ports);
    return found == bases_.end() ? 0 : static_cast<unsigned>(found - bases_.begin()) + 1;
}

Packet Conversations::to_live(const Segment& segment) {
    Bases& bases = of(segment.conversation);
    bases.used = true;
    const std::uint32_t ours = bases.ours.value_or(0);
    Packet packet{bases.ports, segment, {}};
    packet.segment.seq = *segment.seq + peer_iss_;
    if (segment.has(flag::ack)) {
        packet.segment.ack = *segment.ack + ours;
    }
    shift(packet.segment.options, kind::sack, ours);
    Option* const timestamps = timestamps_of(packet.segment.options);
    if (timestamps != nullptr && timestamps->values[1] != 0U) {
        *timestamps->values[1] += clock_.value_or(0);
    }
    const std::uint32_t first = *packet.segment.seq + (segment.has(flag::syn) ? 1U : 0U);
    for (std::uint32_t i = 0; i < segment.length; ++i) {
        packet.payload.push_back(text_at(first + i));
    }
    return packet;
}

Packet Conversations::quoted(const Segment& segment) {
    const Bases& bases = of(segment.conversation);
    Packet packet{bases.ports, segment, {}};
    packet.segment.seq = *segment.seq + bases.ours.value_or(0);
    return packet;
}

void Conversations::notice(const Packet& sent) {
    const unsigned number = number_of(sent.ports);
    if (number == 0) {
        return;
    }
    Bases& bases = of(number);
    if (sent.segment.has(flag::syn) && !bases.ours) {
        bases.ours = sent.segment.seq;
    }
}

Segment Conversations::to_script(const Packet& sent) const {
    Segment segment = sent.segment;
    segment.conversation = number_of(sent.ports);
    const Bases bases = segment.conversation == 0 ? Bases{} : bases_[segment.conversation - 1];
    *segment.seq -= bases.ours.value_or(0);
    if (segment.has(flag::ack)) {
        *segment.ack -= peer_iss_;
    }
    shift(segment.options, kind::sack, 0U - peer_iss_);
    if (Option* const timestamps = timestamps_of(segment.options)) {
        *timestamps->values[0] -= clock_.value_or(0);
    }
    return segment;
}

Segment Conversations::to_script(const Packet& sent, const Segment& expected) {
    const unsigned number = number_of(sent.ports);
    if (number != 0 && sent.segment.has(flag::syn) && !expected.seq) {
        Bases& bases = of(number);
        bases.before = bases.ours.value_or(0);
        bases.ours = sent.segment.seq;
    }
    std::vector<Option> wanted = expected.options;
    std::vector<Option> options = sent.segment.options;
    const Option* const wanted_timestamps = timestamps_of(wanted);
    const Option* const timestamps = timestamps_of(options);
    if (!clock_ && timestamps != nullptr && wanted_timestamps != nullptr &&
        wanted_timestamps->values[0]) {
        clock_ = *timestamps->values[0] - *wanted_timestamps->values[0];
    }
    return to_script(sent);
}

std::uint32_t Conversations::iss_step(unsigned number) const {
    const Bases& bases = bases_.at(number - 1);
    return bases.ours.value_or(0) - bases.before;
}

} // namespace millrace::script
