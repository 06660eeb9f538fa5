#pragma once

#include "base/counters.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "stack/claims.hpp"
#include "stack/interface.hpp"
#include "stack/neighbours.hpp"
#include "stack/quoted_segment.hpp"
#include "stack/routes.hpp"
#include "stack/token_bucket.hpp"
#include "timer/wheel.hpp"
#include "wire/address.hpp"
#include "wire/arp.hpp"
#include "wire/drop.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/nd.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace millrace::stack {

enum class ControlCounter : std::uint8_t {
#define MILLRACE_CONTROL_COUNTER(name, text) name,
#include "stack/control_counters.def"
#undef MILLRACE_CONTROL_COUNTER
};

inline constexpr std::array control_counter_names{
#define MILLRACE_CONTROL_COUNTER(name, text) std::string_view{#name},
#include "stack/control_counters.def"
#undef MILLRACE_CONTROL_COUNTER
};

inline constexpr std::array control_counter_texts{
#define MILLRACE_CONTROL_COUNTER(name, text) std::string_view{text},
#include "stack/control_counters.def"
#undef MILLRACE_CONTROL_COUNTER
};

using ControlCounters = millrace::Counters<ControlCounter, control_counter_names.size()>;

struct ControlOptions {
    /// This worker speaks for the port: it probes for duplicates, announces, reports groups, and
    /// looks for routers. Exactly one worker of a port does.
    bool speaks_for_port = true;
    /// Other workers want to be told what is learnt (`take_learnt`).
    bool has_peers = false;
    /// RFC 5227 §2.1.1 has 3, which make an address unusable for 4 to 7 seconds; none, as for the
    /// static addresses of other hosts, lets it be used at once.
    std::uint8_t ipv4_probes = 0;
    std::uint8_t ipv4_announcements = 2;
    /// DupAddrDetectTransmits (RFC 4862 §5.1): an address is tentative for 1 to 2 seconds; 0 turns
    /// the detection off.
    std::uint8_t ipv6_probes = 1;
    std::uint8_t ipv6_announcements = 1;
    /// Take a default router, an MTU and neighbour timing from router advertisements, and solicit
    /// them where no gateway is configured.
    bool accept_router_advertisements = true;
    std::uint32_t errors_per_s = 1000; ///< ICMP and ICMPv6 errors that this worker may send.
    std::uint32_t errors_burst = 50;
};

/// What one worker has learnt and the others do not know yet; fit for a ring.
template <class Addr>
struct LearntNeighbour {
    Addr address;
    std::optional<wire::MacAddr> mac;
    Evidence evidence = Evidence::request;
};
struct LearntRouter {
    wire::Ipv6Addr address;
    Instant expires{};     ///< In the past: it is no router any more.
    std::uint32_t mtu = 0; ///< Bytes; 0: not told. Likewise the next two.
    std::uint32_t reachable_ms = 0;
    std::uint32_t retransmit_ms = 0;
};
template <class Addr>
struct LearntClaim {
    Addr address;
    ClaimState state = ClaimState::settled; ///< `settled` or `lost`.
};
using Learnt = std::variant<LearntNeighbour<wire::Ipv4Addr>, LearntNeighbour<wire::Ipv6Addr>,
                            LearntRouter, LearntClaim<wire::Ipv4Addr>, LearntClaim<wire::Ipv6Addr>>;
static_assert(std::is_trivially_copyable_v<Learnt>);

/// Somebody else claims one of our addresses.
struct AddressConflict {
    std::variant<wire::Ipv4Addr, wire::Ipv6Addr> address;
    wire::MacAddr rival;
    bool lost = false; ///< We may not use the address (else we keep it, and say so).
};

/// ARP, ICMP and ICMPv6 with neighbour discovery, for one worker.
///
/// Received packets: `buffer` begins with the first byte of the Ethernet header of a frame that is
/// for us (stack/admission.hpp), lies in one piece, is writable, and may go on behind the frame's
/// end. A reply is written over the frame, with its VLAN tag kept, and the caller sends the first
/// `length` bytes. Most replies are no longer than what they answer; with `reply_room` bytes behind
/// the frame every reply fits, without them one that does not is left out or shortened.
class Control {
  public:
    struct Result {
        enum class Kind : std::uint8_t {
            drop,  ///< The caller drops the packet.
            reply, ///< The buffer holds `length` bytes to send.
            done,  ///< The packet has been dealt with: the caller frees it.
        };
        Kind kind = Kind::done;
        /// To be counted by the caller, whatever the kind; for `reply` and `done` mostly `none`.
        wire::Drop drop = wire::Drop::none;
        std::uint32_t length = 0; ///< Bytes of the reply's frame.
        QuotedSegments about{};   ///< For an ICMP error about TCP: the connection is to be told.
    };

    /// What a reply can be longer than the frame that it answers: an error's headers.
    static constexpr std::size_t reply_room = wire::ipv6_header_bytes + wire::icmp_header_bytes;
    /// The longest frame that `take_frames` makes.
    static constexpr std::size_t frame_bytes_max = 512;
    /// How many of them in one turn, at most.
    static constexpr std::size_t frames_per_turn = 32;

    /// Everything handed in outlives the object. The one node of kind `timer_kind` in `wheel` is
    /// its own; when it fires, or one of the neighbour caches', the worker calls `deadline_passed`.
    Control(const Interface& interface, Neighbours<wire::Ipv4Addr>& neighbours4,
            Neighbours<wire::Ipv6Addr>& neighbours6, timer::Wheel& wheel, std::uint8_t timer_kind,
            const SipKey& key, const ControlOptions& options, Instant now);
    ~Control();

    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    /// An ARP frame. `packet` is the payload of the frame that `buffer` begins with (it lies in the
    /// buffer, and may end in padding).
    [[nodiscard]] Result arp_arrives(std::span<std::byte> buffer, std::span<const std::byte> packet,
                                     Instant now);

    /// An ICMP message in a whole IPv4 packet, admitted by `admit`, which lies in the buffer.
    [[nodiscard]] Result icmp_arrives(std::span<std::byte> buffer, const wire::Ipv4Packet& packet,
                                      Instant now);

    /// An ICMPv6 message in a whole IPv6 packet, likewise.
    [[nodiscard]] Result icmpv6_arrives(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                        Instant now);

    /// A packet that nobody here takes: `why` is `udp_no_service` (answered with port unreachable)
    /// or `ip_unknown_protocol` (protocol unreachable; for IPv6 a parameter problem, RFC 4443
    /// §3.4). The result's drop is `why`, or `icmp_rate_limited`. No answer goes to what came to a
    /// group or a broadcast address of either layer, from no single host, as an ICMP error, or as a
    /// fragment other than the first (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
    [[nodiscard]] Result unreachable(std::span<std::byte> buffer, const wire::Ipv4Packet& packet,
                                     wire::Drop why, Instant now);
    [[nodiscard]] Result unreachable(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                     wire::Drop why, Instant now);

    /// The first fragment of a datagram whose others have not come in time (RFC 792, RFC 8200
    /// §4.5): answered with time exceeded, as `unreachable` answers; the result's drop is
    /// `fragment_timeout` or `icmp_rate_limited`.
    [[nodiscard]] Result reassembly_timed_out(std::span<std::byte> buffer,
                                              const wire::Ipv4Packet& packet, Instant now);
    [[nodiscard]] Result reassembly_timed_out(std::span<std::byte> buffer,
                                              const wire::Ipv6Packet& packet, Instant now);

    /// An IPv6 packet that `wire::parse_ipv6` refused as `why` and admission has not: answered as
    /// its `problem` asks.
    [[nodiscard]] Result malformed(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                   wire::Drop why, Instant now);

    /// Counts an ICMP error about TCP, where its connection is; others are counted as they come.
    void note_error() { counters_.add(ControlCounter::errors_received); }

    /// Calls `emit(std::span<const std::byte> frame)` for each frame that is to be sent now without
    /// having been asked for: probes, announcements, group reports, solicitations. Once per poll;
    /// what is more than a turn's share, or than `has_room()` says can be sent, waits for the next.
    template <class Room, class F>
    void take_frames(Room&& has_room, F&& emit, Instant now) {
        std::array<std::byte, frame_bytes_max> frame;
        std::size_t left = frames_per_turn;
        const auto may_go_on = [&] { return left > 0 && has_room(); };
        while (due_ && may_go_on())
            [[unlikely]] {
                --left;
                if (const std::size_t length = next_frame(frame, now); length > 0) {
                    emit(std::span<const std::byte>{frame.data(), length});
                }
            }
        const auto solicit = [&](const auto& target, const std::optional<wire::MacAddr>& mac) {
            --left;
            if (const std::size_t length = write_solicitation(frame, target, mac); length > 0) {
                emit(std::span<const std::byte>{frame.data(), length});
            }
        };
        neighbours4_.take_solicitations(may_go_on, solicit);
        neighbours6_.take_solicitations(may_go_on, solicit);
    }

    /// True while `take_frames` has something.
    [[nodiscard]] bool has_frames() const {
        return due_ || neighbours4_.has_solicitations() || neighbours6_.has_solicitations();
    }

    /// Calls `f(const Learnt&)` for each thing to tell the other workers. Once per poll.
    template <class F>
    void take_learnt(F&& f) {
        for (const Learnt& learnt : learnt_) {
            f(learnt);
        }
        learnt_.clear();
    }

    /// Another worker of the port has learnt something.
    void learn_from_peer(const Learnt& learnt, Instant now);

    /// Calls `f(const AddressConflict&)` for each conflict since the last call; a flood of them is
    /// cut short, the counter has them all. For the log.
    template <class F>
    void take_conflicts(F&& f) {
        for (const AddressConflict& conflict : conflicts_) {
            f(conflict);
        }
        conflicts_.clear();
    }

    /// False while the address, which is ours, is tentative, and when it was lost to somebody else:
    /// nothing but neighbour discovery may come to it or from it (RFC 4862 §5.4). Worth asking
    /// before a connection begins, not for each segment.
    [[nodiscard]] bool may_use(const wire::Ipv4Addr& own) const {
        return claims4_.all_usable() || claims4_.usable(own);
    }
    [[nodiscard]] bool may_use(const wire::Ipv6Addr& own) const {
        return claims6_.all_usable() || claims6_.usable(own);
    }

    /// stack/routes.hpp with what router advertisements have added.
    [[nodiscard]] std::optional<wire::Ipv4Addr> next_hop(const wire::Ipv4Addr& destination,
                                                         Instant /*now*/) const {
        return stack::next_hop(interface_, destination);
    }
    [[nodiscard]] std::optional<wire::Ipv6Addr> next_hop(const wire::Ipv6Addr& destination,
                                                         Instant now) const {
        return stack::next_hop(interface_, destination, default_router(now));
    }

    /// The router learnt from advertisements that packets go to when no gateway is configured: the
    /// first whose lifetime has not passed, one that answers before one that does not (RFC 4861
    /// §6.3.6).
    [[nodiscard]] std::optional<wire::Ipv6Addr> default_router(Instant now) const;

    /// The MTU for IPv6 in bytes: the port's, or less when a router says so.
    [[nodiscard]] std::uint16_t ipv6_mtu() const { return ipv6_mtu_; }

    /// A node of its own, or of one of the neighbour caches, has fired.
    void deadline_passed(timer::Node& node, Instant now);

    [[nodiscard]] const ControlCounters& counters() const { return counters_; }
    [[nodiscard]] const Claims<wire::Ipv4Addr>& ipv4_claims() const { return claims4_; }
    [[nodiscard]] const Claims<wire::Ipv6Addr>& ipv6_claims() const { return claims6_; }

  private:
    struct Router {
        wire::Ipv6Addr address;
        Instant expires{};
    };

    static constexpr std::size_t routers_max = 4;
    static constexpr std::size_t learnt_max = 256;
    static constexpr std::size_t conflicts_max = 8;

    // control.cpp
    [[nodiscard]] std::size_t next_frame(std::span<std::byte> out, Instant now);
    template <class Addr>
    [[nodiscard]] std::size_t take_step(std::span<std::byte> out,
                                        const typename Claims<Addr>::Step& step, Instant now);
    void look_again_at(Instant deadline);
    void tell_peers(const Learnt& news);
    void tell_claims(Instant now);
    template <class Addr>
    void learn_neighbour(Neighbours<Addr>& neighbours, const Addr& address,
                         const std::optional<wire::MacAddr>& mac, Evidence evidence, Instant now);
    template <class Addr>
    void contested(Claims<Addr>& claims, const Addr& address, const wire::MacAddr& rival);
    template <class Addr>
    void settle(Claims<Addr>& claims, const LearntClaim<Addr>& claim);
    template <class Addr>
    [[nodiscard]] std::optional<Addr> usable_source_for(const Addr& destination) const;

    // arp.cpp
    [[nodiscard]] Result arp_conflict(std::span<std::byte> buffer, std::size_t link_bytes,
                                      const wire::ArpPacket& packet, Instant now);
    [[nodiscard]] Result arp_request(std::span<std::byte> buffer, std::size_t link_bytes,
                                     const wire::ArpPacket& packet, Instant now);
    [[nodiscard]] std::size_t write_step(std::span<std::byte> out,
                                         const Claims<wire::Ipv4Addr>::Step& step) const;
    [[nodiscard]] std::size_t write_solicitation(std::span<std::byte> out,
                                                 const wire::Ipv4Addr& target,
                                                 const std::optional<wire::MacAddr>& mac);

    // icmp.cpp
    [[nodiscard]] Result echo_reply(std::span<std::byte> buffer, const wire::Ipv4Packet& packet);
    [[nodiscard]] Result error_arrives(const wire::IcmpMessage& message);
    [[nodiscard]] Result report(std::span<std::byte> buffer, const wire::Ipv4Packet& packet,
                                wire::IcmpMessage error, wire::Drop why, Instant now);

    // icmpv6.cpp
    [[nodiscard]] Result error_arrives(const wire::Icmpv6Message& message);
    [[nodiscard]] Result echo_reply(std::span<std::byte> buffer, const wire::Ipv6Packet& packet);
    [[nodiscard]] Result report(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                wire::Icmpv6Message error, bool even_if_multicast, wire::Drop why,
                                Instant now);

    // nd.cpp
    [[nodiscard]] Result nd_arrives(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                    const wire::Icmpv6Message& message, Instant now);
    [[nodiscard]] Result solicited(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                   const wire::NeighbourSolicitation& solicitation, Instant now);
    [[nodiscard]] Result advertise(std::span<std::byte> buffer, const wire::Ipv6Packet& packet,
                                   const wire::NeighbourSolicitation& solicitation);
    [[nodiscard]] Result advertised(std::span<std::byte> buffer,
                                    const wire::NeighbourAdvertisement& advertisement, Instant now);
    [[nodiscard]] std::size_t write_step(std::span<std::byte> out,
                                         const Claims<wire::Ipv6Addr>::Step& step) const;
    [[nodiscard]] std::size_t write_solicitation(std::span<std::byte> out,
                                                 const wire::Ipv6Addr& target,
                                                 const std::optional<wire::MacAddr>& mac);

    // routers.cpp
    [[nodiscard]] Result router_advertised(const wire::Ipv6Packet& packet,
                                           const wire::RouterAdvertisement& advertisement,
                                           Instant now);
    void router_ceased(const wire::Ipv6Addr& address, Instant now);
    void take_router(const LearntRouter& router, Instant now);
    void take_link_parameters(const LearntRouter& router);
    void begin_router_solicitation(Instant now);
    [[nodiscard]] std::size_t write_router_solicitation(std::span<std::byte> out, Instant now);

    // mld.cpp
    [[nodiscard]] Result group_query_arrives(const wire::Ipv6Packet& packet,
                                             const wire::Icmpv6Message& message, Instant now);
    [[nodiscard]] std::size_t write_group_report(std::span<std::byte> out, Instant now);
    void group_report_reported(bool was_change, Instant now);

    const Interface& interface_;
    Neighbours<wire::Ipv4Addr>& neighbours4_;
    Neighbours<wire::Ipv6Addr>& neighbours6_;
    timer::Wheel& wheel_;
    timer::Node timer_;
    ControlOptions options_;
    std::minstd_rand random_;
    TokenBucket errors_;
    Claims<wire::Ipv4Addr> claims4_;
    Claims<wire::Ipv6Addr> claims6_;
    std::array<Router, routers_max> routers_{};
    std::uint16_t ipv6_mtu_;
    bool due_ = true; ///< `next_frame` may have something.
    std::uint8_t router_solicitations_left_ = 0;
    Instant router_solicitation_due_ = never;
    Instant group_report_due_ = never;
    Instant claims_told_again_ = never;
    std::size_t claims_told_ = 0;         ///< Addresses, in this round.
    std::uint32_t group_report_next_ = 0; ///< The ending of the group that the report goes on with.
    std::uint8_t group_report_changes_left_ = 0; ///< Reports of a change yet to come.
    std::vector<Learnt> learnt_;
    std::vector<AddressConflict> conflicts_;
    ControlCounters counters_;
};

} // namespace millrace::stack
