#pragma once

#include "link.hpp"
#include "segment.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::script {

/// What scripts count from, and live numbers do not: every initial sequence number is a script's 0,
/// the connections of a script are numbered from 1, and our timestamps begin where it says.
class Conversations {
  public:
    static constexpr std::uint16_t listening_port = 8080;
    static constexpr std::uint16_t first_remote_port = 40000;
    static constexpr std::uint16_t first_ephemeral_port = 50000;

    explicit Conversations(std::uint32_t peer_iss) : peer_iss_{peer_iss} {}

    /// The ports of the connection of that number; one that was not named before is the peer's to
    /// open, to the listening port.
    [[nodiscard]] Ports ports(unsigned number);

    /// The ports of a connection that we open: it gets the lowest number not in use.
    [[nodiscard]] Ports open(std::optional<std::uint16_t> local_port);

    /// The peer's segment with its numbers as the stack will see them.
    [[nodiscard]] Packet to_live(const Segment& segment);

    /// A segment of ours with the numbers that it had on its way: what a router quotes.
    [[nodiscard]] Packet quoted(const Segment& segment);

    /// Notes what a packet that was sent tells of our initial sequence number.
    void notice(const Packet& sent);

    /// What was sent, counted as the script counts. `expected` says where our timestamps begin, and
    /// with a SYN at `*` that our numbers begin anew.
    [[nodiscard]] Segment to_script(const Packet& sent, const Segment& expected);
    [[nodiscard]] Segment to_script(const Packet& sent) const;

    /// How far the last initial sequence number lies beyond that of the incarnation before.
    [[nodiscard]] std::uint32_t iss_step(unsigned number) const;

  private:
    struct Bases {
        Ports ports;
        bool used = false; ///< Either side has sent something.
        std::optional<std::uint32_t> ours;
        std::uint32_t before = 0; ///< `ours` of the last incarnation.
    };

    [[nodiscard]] Bases& of(unsigned number);
    [[nodiscard]] unsigned number_of(const Ports& ports) const;

    std::uint32_t peer_iss_;
    std::optional<std::uint32_t> clock_; ///< What our timestamps are ahead of the script's.
    std::vector<Bases> bases_;
};

} // namespace millrace::script
