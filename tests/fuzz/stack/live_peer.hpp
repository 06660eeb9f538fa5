#pragma once

#include "../../script/link.hpp"
#include "base/time.hpp"
#include "choices.hpp"
#include "wire/seq_num.hpp"

#include <cstdint>

namespace millrace::fuzz {

/// A peer's end of one connection. It knows where the streams stand, and sends what the fuzzer
/// wants: numbers at, near and far from those that an honest peer would send.
class LivePeer {
  public:
    explicit LivePeer(const script::Ports& ports) : ports_{ports} {}

    [[nodiscard]] const script::Ports& ports() const { return ports_; }

    /// The stack has sent a segment; its text is checked.
    void sees(const script::Packet& packet);

    /// What a peer that means well sends to open a connection, or to answer the stack's SYN.
    [[nodiscard]] script::Packet opens(Choices& choices, Instant now);

    /// The acknowledgement of all that was seen, with some text behind it.
    [[nodiscard]] script::Packet goes_on(Choices& choices, Instant now);

    /// A segment with every field chosen.
    [[nodiscard]] script::Packet sends(Choices& choices, Instant now);

    /// An ICMP error about something in flight, or nearly.
    [[nodiscard]] script::Packet quotes(Choices& choices) const;

  private:
    [[nodiscard]] wire::SeqNum a_seq(Choices& choices) const;
    [[nodiscard]] wire::SeqNum an_ack(Choices& choices) const;
    void add_handshake_options(script::Packet& packet, std::uint8_t which);
    void add_timestamps(script::Packet& packet, std::uint8_t which, Instant now) const;
    void add_sack(script::Packet& packet, Choices& choices) const;
    void finish(script::Packet& packet, std::uint32_t text_bytes);

    script::Ports ports_;
    wire::SeqNum next_{0xffff'f000U};  ///< What we send next.
    wire::SeqNum acked_{0xffff'f000U}; ///< What the stack waits for.
    wire::SeqNum seen_;                ///< Behind what the stack has sent.
    wire::SeqNum told_;                ///< What we have acknowledged.
    std::uint32_t ts_seen_ = 0;
    bool timestamps_ = false;
    bool knows_stack_ = false;
};

} // namespace millrace::fuzz
